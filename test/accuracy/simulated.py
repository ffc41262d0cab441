"""simulated: which worlds are played, and what is learned between history and trials.

rows        the main settings: middle, everything on, hardest, after a history
sweep       one knob at a time away from the middle
settings    tracer's own settings, one at a time, where they matter: BUSY

Every row is measured on every graph that it names; its figures are means over
graphs of what metrics.judge() says, so a big graph counts no more than a small
one. The peers' rules see the same worlds.
"""
import collections
import dataclasses
import random

import correlator
import generate
import graphs
import metrics
import peers
from generate import ALL_ON, HARDEST, MIDDLE

SEEDS = (1, 2, 3, 4)            # of the main rows and of histories: what is silent, missing and stale differs
HISTORY = 300
# Ten incidents within three days, slower ones, some through daily jobs.
BUSY = dataclasses.replace(ALL_ON, concurrent=10, within=3 * 24 * 60.0, lag=45.0, daily=0.1)
TRIALS = 40                     # a graph, over all seeds, in the short form; 80 in the whole sweep
SLOW = {"debian": 2}            # so many times fewer in the short form
FOUND_AFTER = 3                 # an edge that history showed so often could have been found
SURE = (0.5, 0.7, 0.9, 0.95)    # thresholds at which what was found is judged; the first is the default

# knob -> (short form, whole sweep)
SWEEP = {
    "concurrent": ((1, 10), (1, 2, 5, 10)),
    "silent": ((0.0, 0.4), (0.0, 0.1, 0.3, 0.4, 0.5)),
    "missing": ((0.0, 0.15), (0.0, 0.02, 0.10, 0.15, 0.25)),
    "noise": ((0.0, 0.6), (0.0, 0.15, 0.45, 0.6)),
    "lag": ((5.0, 90.0), (2.0, 5.0, 45.0, 90.0, 180.0)),
    "shape": ((0.3, 1.4), (0.0, 0.3, 1.1, 1.4)),
    "stale": ((0.1,), (0.02, 0.05, 0.1)),
    "wrong_alias": ((0.1,), (0.02, 0.05, 0.1)),
    "flapping": ((0.5,), (0.1, 0.25, 0.5)),
    "repeats": ((1.0,), (0.3, 1.0)),
    "late": ((0.3,), (0.1, 0.3)),
    "skew": ((15.0,), (5.0, 15.0, 30.0)),
    "cause_changes": ((1.0,), (0.5, 1.0)),
    "red_herrings": ((3.0,), (1.0, 3.0)),
    "silent_roots": ((0.5,), (0.2, 0.5, 1.0)),
    "runners": ((0.5,), (0.2, 0.5)),
    "chronic": ((2.0,), (1.0, 2.0, 5.0)),
    "resolved": ((0.0, 1.0), (0.0, 0.4, 1.0)),
    "daily": ((0.2,), (0.1, 0.2)),
}
SETTINGS = {
    "horizon": (("1 hour", "3 hours", "12 hours", "24 hours"), ("1 hour", "2 hours", "3 hours", "12 hours", "24 hours")),
    "detection_lag": (("0", "10 minutes", "2 hours"), ("0", "5 minutes", "10 minutes", "1 hour", "2 hours")),
    "max_incident_age": (("12 hours", "30 days"), ("6 hours", "1 day", "2 days", "30 days")),
}


class Found:
    """How good suggested edges are: counts, so that those of several graphs add up."""

    def __init__(self, world, suggested):
        missing = world.missing
        could = {e for e, n in world.shown.items() if n >= FOUND_AFTER}
        lineage = graphs.neighbours((u, d) for u, d, _ in world.known_edges())
        below, known = ({u: graphs.reach(children, u) for u, _ in suggested}
                        for children in (world.graph.children, lineage))
        self.at = {c: self._count({e for e, sure in suggested.items() if sure >= c}, missing, could, below, known)
                   for c in SURE}

    def _count(self, edges, missing, could, below, known):
        return {"suggested": len(edges), "exact": len(edges & missing), "found": len(edges & could), "could": len(could),
                "true": sum(d in below[u] and d not in known[u] for u, d in edges)}


def found(some):
    """[{confidence, suggested, exact, true, recall}] over several Found, as shares."""
    out = []
    for c in SURE:
        n = {k: sum(f.at[c][k] for f in some) for k in ("suggested", "exact", "true", "found", "could")}
        out.append({"confidence": c, "suggested": n["suggested"],
                    "exact": n["exact"] / n["suggested"] if n["suggested"] else None,
                    "true": n["true"] / n["suggested"] if n["suggested"] else None,
                    "recall": n["found"] / n["could"] if n["could"] else None})
    return out


class Learning:
    """Between history and trials: accept what tracer learned from the history."""

    def __init__(self, confirmed=0.0):
        self.confirmed = confirmed
        self.found = None

    def __call__(self, database, world):
        if self.confirmed:
            self._confirm(database, world)
        if not database.ask("SELECT FROM pg_proc WHERE oid = to_regproc('tracer.suggest_lineage')"):
            return
        offered = database.ask("SELECT upstream, downstream, confidence FROM tracer.suggest_lineage()")
        self.found = Found(world, {(o["upstream"], o["downstream"]): o["confidence"] for o in offered})
        for o in offered:
            database.sql("SELECT tracer.accept_lineage({}, {}, {}) \\gset _\n--".format(
                *(correlator.literal(o[k]) for k in ("upstream", "downstream", "confidence"))))
        database.sql("SELECT tracer.learn_delays() \\gset _\n--")
        if self.confirmed:
            database.sql("SELECT tracer.set_weights((SELECT weights FROM tracer.fit_weights())) \\gset _\n--")

    def _confirm(self, database, world):
        """People confirm the root of a share of the incidents that they know of."""
        rng = random.Random("confirm")
        verdict = correlator._read(database)
        for incident in range(len(world.incidents)):
            units = [u for u, g in verdict.group_of.items() if world.units[u].incident == incident]
            if units and rng.random() < self.confirmed:
                database.sql("SELECT tracer.confirm({}, {}) \\gset _\n--".format(
                    verdict.group_of[min(units)], correlator.literal(world.incidents[incident].origin)))


class Bench:
    """The graphs, each with its template database, and rows measured on them."""

    def __init__(self, data, names, full, say):
        self.full, self.say = full, say
        self.graphs = {n: g for n in names for g in [graphs.ALL[n](data)] if g}
        self.bases = {n: correlator.base(g) for n, g in self.graphs.items()}

    def close(self):
        for base in self.bases.values():
            base.__exit__()

    def row(self, name, knobs, trials, on=None, history=0, confirmed=0.0, settings=None, live=False, with_peers=True,
            seeds=SEEDS[:1]):
        """{"name", "tracer": {graph: figures}, "peers": {rule: {graph: figures}}}"""
        out = {"name": name, "tracer": {}, "peers": {}}
        for graph in on or self.graphs:
            if graph not in self.graphs:
                continue
            each = trials // len(seeds) // (1 if self.full else SLOW.get(graph, 1))
            worlds = [generate.World(self.graphs[graph], knobs, seed, each, history) for seed in seeds]
            verdicts = [correlator.play(self.bases[graph], w, settings, Learning(confirmed), live) for w in worlds]
            out["tracer"][graph] = metrics.together([metrics.judge(w, v) for w, v in zip(worlds, verdicts)])
            if with_peers:
                for rule, (window, figures) in peers.figures(worlds).items():
                    out["peers"].setdefault(rule, {})[graph] = {**metrics.together(figures), "window": window}
        out["mean"] = overall(out["tracer"])
        out["peers_mean"] = {rule: overall(by_graph) for rule, by_graph in out["peers"].items()}
        self.say(f"{name}: F1 {out['mean']['f1']:.3f}, origin {out['mean']['top1']:.3f}")
        return out

    def missing_edges(self, knobs, incidents):
        """{graph: what found() says of it}, and of all together, after histories of so many incidents."""
        out = collections.defaultdict(list)
        for graph in self.graphs:
            for seed in SEEDS:
                learning = Learning()
                world = generate.World(self.graphs[graph], knobs, seed, 0, incidents)
                correlator.play(self.bases[graph], world, None, learning, False)
                out[graph].append(learning.found)
        self.say("missing edges after a history")
        return {g: found(some) for g, some in out.items()} | {"all": found(sum(out.values(), []))}


def overall(by_graph):
    """Mean over graphs of each figure that is one."""
    keys = [k for k in next(iter(by_graph.values())) if not k.startswith("_")]
    out = {k: metrics.mean(f[k] for f in by_graph.values() if f[k] is not None) for k in keys}
    out["f1_se"] = metrics.error_of_mean(f["f1_se"] for f in by_graph.values())
    shapes = [s for f in by_graph.values() for s in f["_shapes"]]
    out.update(ece=metrics.ece(shapes), ece_many=metrics.ece([s for s in shapes if s[2] > 1]),
               bins=metrics.bins(shapes), bins_many=metrics.bins([s for s in shapes if s[2] > 1]))
    return out


def run(data, full, say):
    trials = 2 * TRIALS if full else TRIALS
    bench = Bench(data, list(graphs.ALL), full, say)
    small = [n for n in bench.graphs if full or n != "debian"]
    try:
        rows = [
            bench.row("middle", MIDDLE, trials, live=True, seeds=SEEDS),
            bench.row("complete lineage", dataclasses.replace(MIDDLE, missing=0.0), trials, seeds=SEEDS),
            bench.row("after a history", MIDDLE, trials, history=HISTORY, seeds=SEEDS),
            bench.row("after a history, half of it confirmed", MIDDLE, trials, history=HISTORY, confirmed=0.5,
                      seeds=SEEDS),
            bench.row("every knob on", ALL_ON, trials, seeds=SEEDS),
            bench.row("hardest corner", HARDEST, trials // 2, seeds=SEEDS),
            bench.row("three busy days", BUSY, trials // 4, small),
        ]
        sweep = [bench.row(f"{knob} {value:g}", dataclasses.replace(MIDDLE, **{knob: value}), trials, small,
                           live=knob == "late")
                 for knob, values in SWEEP.items() for value in values[full]]
        settings = [bench.row(f"{name} {value}", BUSY, trials // 4, small, settings={name: value}, with_peers=False)
                    for name, values in SETTINGS.items() for value in values[full]]
        edges = bench.missing_edges(MIDDLE, HISTORY)
        cases = [(i["origin"], i["evidence"]) for row in rows for f in row["tracer"].values() for i in f["_incidents"]]
        result = {"seeds": SEEDS, "trials": trials, "rows": rows, "sweep": sweep, "settings": settings, "missing_edges": edges,
                  "ablation": metrics.ablation(cases)}
    finally:
        bench.close()
    return result
