"""generate: cascades on a graph, and the alerts that tools would send of them.

A world is a graph as tracer is told it (edges missing, stale, lags), its alerts
and changes in order of arrival, and the truth. It consists of trials, far apart
in time, each of some incidents at once. An incident begins at an origin; a
failure passes along an edge with probability `spread` after a heavy-tailed lag,
until a size drawn for the incident is reached. Every asset that fails and is
not silent alerts a little after it failed.

The truth speaks of units: one asset within one incident, however often it
fires. What is not part of an incident (noise, chronic checks, red herrings) is
a unit of its own that belongs with nothing else. A unit is carried in the
alert's url, which takes no part in any decision.

Everything is drawn from one seed.
"""
import collections
import dataclasses
import heapq
import math
import random

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
EPOCH = 1_735_689_600.0         # 2025-01-01 UTC
APART = 40 * DAY                # between trials: beyond every look-back
APART_AFTER_HISTORY = 8 * DAY   # beyond max_incident_age only
POOL, POOL_BELOW = 60, 6        # incidents begin at one of so many assets, each with so many below
TOOLS = ("dbt", "airflow", "monte-carlo", "soda", "grafana", "great-expectations")


@dataclasses.dataclass(frozen=True)
class Knobs:
    concurrent: int = 3         # incidents at once, beginning within WITHIN
    silent: float = 0.20        # share of assets without any monitor
    missing: float = 0.05       # share of true edges that tracer is not told
    noise: float = 0.30         # share of assets alerting in a trial that have nothing to do with it
    lag: float = 20.0           # minutes, median a hop
    shape: float = 0.8          # sigma of its logarithm: how heavy the tail is
    stale: float = 0.0          # edges that are no more, per true edge
    wrong_alias: float = 0.0    # share of alerting assets under a name unknown or of another
    flapping: float = 0.0       # share of units that resolve and fire again, several times
    repeats: float = 0.0        # share of units whose tool fires again until resolved
    late: float = 0.0           # share of alerts that arrive an hour late on average
    skew: float = 0.0           # minutes: each tool's clock is off by up to so much
    cause_changes: float = 0.0  # share of incidents with a change on the origin before
    red_herrings: float = 0.0   # changes elsewhere near it, per incident
    silent_roots: float = 0.0   # share of incidents whose origin never alerts
    runners: float = 0.0        # share of teams whose assets run inside a job that alerts, too
    chronic: float = 0.0        # checks that fail every day, per incident
    daily: float = 0.0          # share of edges with a lag of 4 to 20 hours, declared as 12
    within: float = 120.0       # minutes within which the incidents at once begin


MIDDLE = Knobs()
# Every other knob at a middle setting, too.
ALL_ON = dataclasses.replace(
    MIDDLE, stale=0.02, wrong_alias=0.02, flapping=0.1, repeats=0.2, late=0.1, skew=2.0, cause_changes=0.3,
    red_herrings=1.0, silent_roots=0.1, runners=0.1, chronic=1.0, daily=0.05)
HARDEST = dataclasses.replace(MIDDLE, concurrent=10, silent=0.40, missing=0.15, skew=10.0)


@dataclasses.dataclass
class Incident:
    trial: int
    origin: str
    silent: bool                # the origin never alerts
    at: float


@dataclasses.dataclass
class Unit:
    trial: int
    incident: object            # index into incidents, or None: noise
    asset: str
    sort: str                   # cascade, runner, noise, chronic


@dataclasses.dataclass
class Alert:
    unit: int
    at: float                   # event time
    arrives: float
    name: str                   # as the tool spells the asset
    source: str
    firing: bool
    team: str
    run: object = None


class World:
    def __init__(self, graph, knobs, seed, trials, history=0):
        self.graph, self.knobs = graph, knobs
        self.rng = random.Random(f"{graph.name} {seed}")
        self.incidents, self.units, self.alerts, self.changes = [], [], [], []
        self.aliases = []           # (alias, asset)
        self.seen = collections.Counter()   # edges along which a failure passed, both ends alerting
        self.shown = {}             # of these the missing ones, in history: what it could teach
        self._alias = {}
        self._what_tracer_knows()
        self.pool = graph.origins(POOL, POOL_BELOW)
        self.first_trial = 0        # trials before it are history: played, not measured
        self.ends = EPOCH - APART
        self.apart = APART_AFTER_HISTORY if history else APART
        if history:
            self._history(history)
        for _ in range(trials):
            self._trial()
        self.alerts.sort(key=lambda a: (a.arrives, a.at, a.unit))
        self.changes.sort()

    # ---- the graph as tracer is told it ----------------------------------------

    def _what_tracer_knows(self):
        rng, knobs, graph = self.rng, self.knobs, self.graph
        self.silent = {n for n in graph.nodes if rng.random() < knobs.silent}
        self.missing = {e for e in graph.edges if rng.random() < knobs.missing}
        real = set(graph.edges)
        self.stale = []
        for _ in range(round(knobs.stale * len(graph.edges))):
            edge = (rng.choice(graph.nodes), rng.choice(graph.nodes))
            if edge[0] != edge[1] and edge not in real:
                self.stale.append(edge)
        self.daily = {e for e in graph.edges if rng.random() < knobs.daily}
        self.runner = {}            # asset -> its runner
        if knobs.runners:
            by_team = collections.defaultdict(list)
            for n in graph.nodes:
                by_team[graph.team(n)].append(n)
            for team, nodes in sorted(by_team.items()):
                if rng.random() < knobs.runners:
                    for i, n in enumerate(nodes[:400]):
                        self.runner[n] = f"run.{team}.{i // 8}"
        self.source = {}
        self.skew = {t: rng.uniform(-knobs.skew, knobs.skew) * MINUTE for t in TOOLS}

    def known_edges(self):
        """(upstream, downstream, lag in seconds or None) without runners."""
        return [(u, d, 12 * HOUR if (u, d) in self.daily else None) for u, d in self.graph.edges
                if (u, d) not in self.missing] + [(u, d, None) for u, d in self.stale]

    # ---- one trial ---------------------------------------------------------------

    def _trial(self, begins=None):
        number = self.incidents[-1].trial + 1 if self.incidents else 0
        if begins is None:
            begins = self.ends + self.apart
        taken = {}                  # asset -> incident
        incidents, units, alerts = len(self.incidents), len(self.units), len(self.alerts)
        for _ in range(self.knobs.concurrent):
            self._incident(number, begins + self.rng.uniform(0, self.knobs.within * MINUTE), taken)
        last = max(a.at for a in self.alerts[alerts:])
        self._noise(number, begins, last, len(self.units) - units, taken)
        for incident in range(incidents, len(self.incidents)):
            self._around(number, self.incidents[incident])
        self.ends = max(last, begins + DAY)

    def _incident(self, trial, begins, taken):
        """One cascade."""
        rng, knobs = self.rng, self.knobs
        silent_root = rng.random() < knobs.silent_roots
        for _ in range(1000):       # until it is one: three alerts below the origin
            origin = rng.choice(self.pool)
            failed, passed = self._spread(origin, begins, taken) if origin not in taken else ({}, [])
            if sum(n not in self.silent and n != origin for n in failed) >= 3:
                break
        else:
            raise ValueError(f"no room for another incident on {self.graph.name}")
        self.seen.update(e for e in passed if e[0] == origin or not self.silent.intersection(e))
        index = len(self.incidents)
        self.incidents.append(Incident(trial, origin, silent_root, begins))
        if rng.random() < knobs.cause_changes or (silent_root and rng.random() < 0.5):
            self.changes.append((begins - rng.uniform(1, 60) * MINUTE, origin, "deploy", "cause"))
        end = max(failed.values()) + rng.uniform(1, 4) * HOUR
        runs = {}
        for node, at in sorted(failed.items(), key=lambda f: (f[1], f[0])):
            taken[node] = index
            if (node == origin and silent_root) or (node != origin and node in self.silent):
                continue
            run = None
            if node in self.runner:
                run = f"{self.runner[node]}#{index}"
                runs.setdefault(run, (at, self.runner[node]))
            self._fire(self._unit(trial, index, node, "cascade"), node, at + rng.expovariate(1 / (5 * MINUTE)), end, run)
        for run, (at, runner) in sorted(runs.items()):
            self._fire(self._unit(trial, index, runner, "runner"), runner, at + rng.uniform(6, 20) * MINUTE, end, run)

    def _spread(self, origin, begins, taken):
        """{asset: when it failed}, the first to be reached, up to a size drawn here; and along which edges."""
        rng, knobs = self.rng, self.knobs
        size = max(4, min(60, round(rng.lognormvariate(math.log(10), 0.7))))
        failed, passed, heap = {}, [], [(begins, origin, None)]
        while heap and len(failed) < size:
            at, node, by = heapq.heappop(heap)
            if node in failed or node in taken:
                continue
            failed[node] = at
            if by is not None:
                passed.append((by, node))
            children = self.graph.children.get(node, ())
            for child in rng.sample(children, 12) if len(children) > 12 else children:
                if rng.random() < 0.6:
                    if (node, child) in self.daily:
                        lag = rng.uniform(4, 20) * HOUR
                    else:
                        lag = rng.lognormvariate(math.log(knobs.lag * MINUTE), knobs.shape)
                    heapq.heappush(heap, (at + lag, child, node))
        return failed, passed

    def _noise(self, trial, begins, ends, units, taken):
        """Unrelated alerts on assets that nothing else hit, as long as the trial lasts."""
        rng = self.rng
        for _ in range(round(units * self.knobs.noise / (1 - self.knobs.noise))):
            node = self._elsewhere(taken)
            self._fire(self._unit(trial, None, node, "noise"), node, rng.uniform(begins, ends), ends + HOUR)
        for _ in range(round(self.knobs.chronic * self.knobs.concurrent)):
            node = self._elsewhere(taken)
            unit = self._unit(trial, None, node, "chronic")
            at = begins - 14 * DAY + rng.uniform(0, DAY)
            while at < ends:
                self._alert(unit, node, at, True)
                at += DAY + rng.gauss(0, 10 * MINUTE)

    def _elsewhere(self, taken):
        while True:
            node = self.rng.choice(self.graph.nodes)
            if node not in taken and node not in self.silent:
                taken[node] = None
                return node

    def _around(self, trial, incident):
        """Changes that have nothing to do with it, on what lies around the origin."""
        rng = self.rng
        near = sorted(reach_few(self.graph.children, incident.origin)) or self.graph.nodes
        for _ in range(int(self.knobs.red_herrings) + (rng.random() < self.knobs.red_herrings % 1)):
            self.changes.append((incident.at - rng.uniform(0, 20) * HOUR,
                                 rng.choice(near if rng.random() < 0.5 else self.graph.nodes),
                                 rng.choice(("deploy", "commit", "config", "schema")), "red herring"))

    # ---- history -------------------------------------------------------------------

    def _history(self, incidents):
        """Incidents one after the other, three a day, before what is measured."""
        begins, one = EPOCH, dataclasses.replace(self.knobs, concurrent=1)
        all_knobs, self.knobs = self.knobs, one
        for _ in range(incidents):
            self._trial(begins)
            begins += self.rng.uniform(4, 12) * HOUR
        self.knobs = all_knobs
        self.first_trial = incidents
        self.shown = {e: n for e, n in self.seen.items() if e in self.missing}

    # ---- alerts ----------------------------------------------------------------------

    def _unit(self, trial, incident, asset, sort):
        self.units.append(Unit(trial, incident, asset, sort))
        return len(self.units) - 1

    def _name(self, asset):
        """The name that the asset's tool has for it; wrong for some."""
        if asset not in self._alias:
            name = asset
            if self.rng.random() < self.knobs.wrong_alias:
                name = f"tool/{asset}"
                if self.rng.random() < 0.5:     # known, but as another's
                    self.aliases.append((name, self.rng.choice(self.graph.nodes)))
            self._alias[asset] = name
        return self._alias[asset]

    def _alert(self, unit, asset, at, firing, run=None):
        rng = self.rng
        source = self.source.setdefault(asset, rng.choice(TOOLS))
        late = rng.expovariate(1 / HOUR) if rng.random() < self.knobs.late else rng.expovariate(1 / 20)
        self.alerts.append(Alert(unit, at + self.skew[source], at + late, self._name(asset), source, firing,
                                 self.graph.team(asset), run))

    def _fire(self, unit, asset, at, end, run=None):
        """The alerts of one unit: a firing, perhaps more, and for most a resolve."""
        rng, knobs = self.rng, self.knobs
        self._alert(unit, asset, at, True, run)
        stop = max(at + 10 * MINUTE, end + rng.uniform(0, 30) * MINUTE)
        if rng.random() < knobs.flapping:
            for _ in range(rng.randint(2, 5)):
                down = at + rng.uniform(5, 25) * MINUTE
                up = down + rng.uniform(5, 25) * MINUTE
                if up > stop:
                    break
                self._alert(unit, asset, down, False, run)
                self._alert(unit, asset, up, True, run)
                at = up
        elif rng.random() < knobs.repeats:
            again = at + 30 * MINUTE
            while again < stop:
                self._alert(unit, asset, again, True, run)
                again += 30 * MINUTE
        if rng.random() < 0.7:
            self._alert(unit, asset, stop, False, run)


def reach_few(children, start, most=50):
    """Some of what lies below: enough to choose from."""
    seen, queue = {start}, [start]
    while queue and len(seen) < most:
        for child in children.get(queue.pop(0), ()):
            if child not in seen:
                seen.add(child)
                queue.append(child)
    return seen
