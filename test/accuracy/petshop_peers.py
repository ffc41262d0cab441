"""petshop_peers: the peers' rankings on the same faults, from the same metrics.

    traversal       anomalous nodes upstream of the target with no anomalous callee,
                    reached through anomalous nodes only; by the sum of deviations
                    along the path. The paper's baseline: its figures check this harness
    correlation     anomalous nodes by how their metric moves with the target's during
                    the fault; the paper's, too
    random walk     a walk with restart at the target, upstream by correlation
    nearest         the nearest anomalous node upstream

All look at the target's own metric only, at the third sample or the first later
one at which the target is anomalous; where it never is, the paper's two abstain.
"""
import math

import alerts
import graphs
import metrics
import petshop


class Case:
    """One fault as the methods see it."""

    def __init__(self, scenario, fault):
        self.fault = fault
        self.parents = graphs.neighbours((caller, callee) for callee, caller in scenario.edges)
        self.values = {n: v for (n, m), v in fault.metrics.series.items() if m == fault.metric}
        deviations = {}
        for node, values in self.values.items():
            known = alerts.Threshold(scenario.normal.series.get((node, fault.metric), ()), alerts.BAD_SIDE[fault.metric])
            deviations[node] = [abs(known.deviation(v)) if known.known and v is not None else 0.0 for v in values]
        target = deviations[fault.node]
        rows = [r for r in range(petshop.COMPLAINT_AT, len(target)) if target[r] > alerts.LIMIT]
        self.target_anomalous = bool(rows)
        row = rows[0] if rows else petshop.COMPLAINT_AT
        self.anomalous = {n: d[row] for n, d in deviations.items() if d[row] > alerts.LIMIT}

    def correlation(self, node):
        """Of the node's metric with the target's, over the samples that both have; 0 where there is none."""
        both = [(x, y) for x, y in zip(self.values.get(node, ()), self.values[self.fault.node])
                if x is not None and y is not None]
        if len(both) < 3:
            return 0.0
        mx, my = (metrics.mean(v) for v in zip(*both))
        sxx, syy = sum((x - mx) ** 2 for x, _ in both), sum((y - my) ** 2 for _, y in both)
        sxy = sum((x - mx) * (y - my) for x, y in both)
        return sxy / math.sqrt(sxx * syy) if sxx > 0 and syy > 0 else 0.0


def traversal(case):
    if not case.target_anomalous:
        return []
    best = {}

    def climb(node, on_path, score):
        anomalous = [p for p in case.parents.get(node, ()) if p in case.anomalous]
        if not anomalous:
            best[node] = max(best.get(node, 0.0), score)
        for p in anomalous:
            if p not in on_path:
                climb(p, on_path | {p}, score + case.anomalous[p])

    climb(case.fault.node, {case.fault.node}, case.anomalous[case.fault.node])
    return sorted(best, key=lambda n: (-best[n], n))


def correlation(case):
    if not case.target_anomalous:
        return []
    return sorted(case.anomalous.keys() - {case.fault.node}, key=lambda n: (-case.correlation(n), n))


def random_walk(case):
    start = case.fault.node
    above = graphs.reach(case.parents, start)
    nodes = [start, *above]
    ways = {}
    for node in nodes:
        out = {p: max(abs(case.correlation(p)), 0.01) for p in case.parents.get(node, ())}
        own = abs(case.correlation(node)) if node != start else 0.0
        out[node] = max(0.0, own - max(out.values(), default=0.0)) or (0.01 if not out else 0.0)
        total = sum(out.values())
        ways[node] = {n: w / total for n, w in out.items()}
    p = {n: float(n == start) for n in nodes}
    for _ in range(100):
        to = {n: 0.1 * (n == start) for n in nodes}
        for n in nodes:
            for m, w in ways[n].items():
                to[m] += 0.9 * p[n] * w
        p = to
    return sorted(above, key=lambda n: (-p[n], n))


def nearest(case):
    above = graphs.reach(case.parents, case.fault.node)
    return sorted(above.keys() & case.anomalous.keys(), key=lambda n: (above[n], -case.anomalous[n], n))


METHODS = {"traversal": traversal, "correlation": correlation, "random walk": random_walk, "nearest": nearest}


def run(data, say):
    """{scenario: {method: {metric: {"top1", "top3", "abstained"}}}}"""
    out = {}
    for scenario in petshop.scenarios(data):
        cases = [Case(scenario, f) for f in scenario.faults]
        out[scenario.name] = {}
        for name, method in METHODS.items():
            said = [(c.fault, method(c)) for c in cases]
            out[scenario.name][name] = {metric: {
                "top1": metrics.mean(f.root in r[:1] for f, r in said if f.metric == metric),
                "top3": metrics.mean(f.root in r[:3] for f, r in said if f.metric == metric),
                "abstained": metrics.mean(not r for f, r in said if f.metric == metric),
            } for metric in sorted({f.metric for f, _ in said}, reverse=True)}
    return out
