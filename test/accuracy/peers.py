"""peers: what others would make of the same alerts.

Grouping rules, each as its tool or paper has it:

    labels          Alertmanager: alerts with equal labels (team) while the group is active
    fixed           fixed windows of the clock
    extending       a group lasts until nothing came for a while
    components      connected components: two alerts are one group if one asset is
                    upstream of the other, by any distance, and they are near in time
    nearest         each alert joins the nearest alerting asset upstream, near in time

Ranking rules, on the groups of `components`:

    earliest, most upstream, random walk (MonitorRank, MicroRCA: a walk with
    restart at the group's most downstream alerts, upwards, backwards and staying)

A window that a rule needs is the best of WINDOWS by F1 on the very data that it
is measured on: a favour to the peer. All see the names that tracer sees, the
aliases resolved, and the same lineage.
"""
import collections

import graphs
import metrics
from generate import HOUR, MINUTE
from metrics import Group, Verdict

WINDOWS = (5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 6 * HOUR)


class View:
    """What a rule sees of one world: each unit's first alert, and lineage."""

    def __init__(self, world):
        self.world = world
        alias = dict(world.aliases)
        self.trials = collections.defaultdict(list)
        self.at, self.asset, self.team = {}, {}, {}
        for a in sorted((a for a in world.alerts if a.firing), key=lambda a: (a.at, a.unit)):
            unit = world.units[a.unit]
            if unit.trial >= world.first_trial and a.unit not in self.at:
                self.at[a.unit], self.asset[a.unit], self.team[a.unit] = a.at, alias.get(a.name, a.name), a.team
                self.trials[unit.trial].append(a.unit)
        self.parents = graphs.neighbours([(d, u) for u, d, _ in world.known_edges()]
                                         + [(n, r) for n, r in world.runner.items()])
        self._above = {}

    def above(self, unit):
        """{asset upstream: distance}."""
        asset = self.asset[unit]
        if asset not in self._above:
            self._above[asset] = graphs.reach(self.parents, asset)
        return self._above[asset]


def _verdict(view, group_of, order):
    """Candidates of a group: its assets in the order that order(units) gives."""
    members = collections.defaultdict(list)
    for u, g in group_of.items():
        members[g].append(u)
    return Verdict(group_of, {g: Group(list(dict.fromkeys(view.asset[u] for u in order(view, us))))
                              for g, us in members.items()})


def earliest(view, units):
    return sorted(units, key=lambda u: (view.at[u], u))


def most_upstream(view, units):
    here = {view.asset[u] for u in units}
    return sorted(units, key=lambda u: (len(here & view.above(u).keys()), view.at[u], u))


def random_walk(view, units):
    """Visits of a walk that starts at the alerts with nothing alerting below them."""
    assets = sorted({view.asset[u] for u in units})
    of = {view.asset[u]: u for u in reversed(earliest(view, units))}
    here = set(assets)
    up = {a: sorted(b for b in here & view.above(of[a]).keys()
                    if not any(b in view.above(of[c]) for c in here & view.above(of[a]).keys() if c != b))
          or sorted(here & view.above(of[a]).keys()) for a in assets}
    down = graphs.neighbours((b, a) for a in assets for b in up[a])
    last = [a for a in assets if a not in down] or assets
    steps = {}
    for a in assets:            # up weighs most, staying where nothing is above, back a little
        ways = collections.Counter()
        for b in up[a]:
            ways[b] += 1.0 / len(up[a])
        for b in down.get(a, ()):
            ways[b] += 0.1 / len(down[a])
        if not up[a]:
            ways[a] += 1.0
        total = sum(ways.values())
        steps[a] = [(b, w / total) for b, w in ways.items()]
    p = start = {a: (1 / len(last) if a in last else 0.0) for a in assets}
    for _ in range(50):
        to = {a: 0.15 * start[a] for a in assets}
        for a in assets:
            for b, w in steps[a]:
                to[b] += 0.85 * p[a] * w
        p = to
    return sorted(units, key=lambda u: (-round(p[view.asset[u]], 9), view.at[u], u))


# ---- grouping ---------------------------------------------------------------------

def _sessions(view, window, key, extending):
    group_of = {}
    for trial, units in view.trials.items():
        open_groups = {}        # key -> (first, latest, group)
        for u in units:
            k, at = key(u), view.at[u]
            first, latest, group = open_groups.get(k, (None, None, None))
            if group is None or at - (latest if extending else first) > window:
                first, group = at, (trial, k, u)
            open_groups[k] = (first, at, group)
            group_of[u] = group
    return group_of


def labels(view, window):
    return _sessions(view, window, lambda u: view.team[u], True)


def fixed(view, window):
    return {u: (trial, view.at[u] // window) for trial, units in view.trials.items() for u in units}


def extending(view, window):
    return _sessions(view, window, lambda u: None, True)


def _joined(view, akin, within=float("inf")):
    """Groups of what akin(earlier, later) holds of, however indirectly; asks of what is `within` seconds."""
    group_of = {}
    for units in view.trials.values():
        leader = {u: u for u in units}

        def find(u):
            while leader[u] != u:
                leader[u] = u = leader[leader[u]]
            return u

        for i, u in enumerate(units):
            for v in units[i + 1:]:
                if view.at[v] - view.at[u] > within:
                    break
                if akin(u, v):
                    leader[find(v)] = find(u)
        group_of.update((u, find(u)) for u in units)
    return group_of


def _in_line(view, u, v):
    """One asset, or one upstream of the other."""
    a, b = view.asset[u], view.asset[v]
    return a == b or a in view.above(v) or b in view.above(u)


def components(view, window):
    return _joined(view, lambda u, v: _in_line(view, u, v), window)


def nearest(view, window):
    """By the nearest alert upstream that came before, at most `window` ago."""
    group_of = {}
    for units in view.trials.values():
        for i, u in enumerate(units):
            above = view.above(u)
            found = [(0 if view.asset[v] == view.asset[u] else above[view.asset[v]], -view.at[v], v)
                     for v in units[:i] if view.at[u] - view.at[v] <= window
                     and (view.asset[v] in above or view.asset[v] == view.asset[u])]
            group_of[u] = group_of[min(found)[2]] if found else u
    return group_of


def bound(view):
    """No rule but the truth, as far as the known lineage connects it: what belongs
    together and is upstream of each other, or has a direct source without any
    monitor in common. What a missing edge parts stays apart.
    """
    units, silent = view.world.units, view.world.silent
    sources = {u: silent.intersection(view.parents.get(asset, ())) for u, asset in view.asset.items()}
    return _joined(view, lambda u, v: units[u].incident is not None and units[u].incident == units[v].incident
                   and (_in_line(view, u, v) or sources[u] & sources[v]))


# name -> (grouping rule, order of candidates)
RULES = {
    "labels and window": (labels, earliest),
    "fixed window": (fixed, earliest),
    "extending window": (extending, earliest),
    "components, most upstream": (components, most_upstream),
    "components, random walk": (components, random_walk),
    "nearest upstream only": (nearest, earliest),
}


BOUND = "(the truth, as far as known lineage connects it)"


def figures(worlds, names=None):
    """{rule: (window, [figures of each world])}; one window for all the worlds of a graph."""
    views = [View(w) for w in worlds]
    out, best = {}, {}
    if names is None:
        out[BOUND] = (None, [metrics.judge(v.world, Verdict(bound(v), {})) for v in views])
    for name in names or RULES:
        group, order = RULES[name]
        if group not in best:
            best[group] = max(WINDOWS, key=lambda w: metrics.mean(
                metrics.judge(v.world, Verdict(group(v, w), {}))["f1"] for v in views))
        out[name] = (best[group], [metrics.judge(v.world, _verdict(v, group(v, best[group]), order)) for v in views])
    return out
