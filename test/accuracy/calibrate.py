"""calibrate: what confidence.c's curve should be, fitted to simulated incidents.

The curve is a logistic one over what an incident looks like; confidence.c says
what counts. Two things are not fitted but taken from there: how much the lead counts,
as simulated leads vary little, and how sure a pair of assets is, as simulated
cascades have four assets at least, so that pairs are mostly coincidences. The
worlds are those of the main rows of
`simulated`, drawn from another seed than what is measured, and each weighs the
same, whether it has many incidents or few: a curve that is right on average
over quiet and busy, known and unknown surroundings.
"""
import dataclasses
import math

import metrics
import simulated
from generate import ALL_ON, HARDEST, MIDDLE

SEED = 5
# As in confidence.c.
SEVERAL, LEAD, USUAL_LEAD, MOST_ASSETS, MOST_LEAD, CERTAIN = -0.6, 0.5, 4.5, 5, 6.0, 0.99
NAMES = ("ALONE", "PER_LOG_ASSET", "NOT_PLACED")


def look(group, assets):
    """(what each constant is multiplied by, what is added to that)."""
    if assets <= 1 and not group.suspect:
        return (1.0, 0.0, float(not group.placed)), 0.0
    best, following = ([max(0.0, float(s)) for s in group.scores] + [0.0, 0.0])[:2]
    lead = 0.0 if group.suspect else LEAD * (min(best - following, MOST_LEAD) - USUAL_LEAD)
    return (0.0, math.log(min(max(assets - 1, 1), MOST_ASSETS)), float(not group.placed)), SEVERAL + lead


def said(constants, x, given):
    return min(CERTAIN, 1 / (1 + math.exp(-(given + sum(c * v for c, v in zip(constants, x))))))


def solve(matrix, right):
    """Gauss: the matrix is small, symmetric and definite."""
    rows = [list(r) + [b] for r, b in zip(matrix, right)]
    n = len(rows)
    for i in range(n):
        rows[i] = [v / rows[i][i] for v in rows[i]]
        for j in range(n):
            if j != i:
                rows[j] = [a - rows[j][i] * b for a, b in zip(rows[j], rows[i])]
    return [r[-1] for r in rows]


def fit(cases, steps=30, prior=1e-3):
    """The likeliest constants for [(weight, x, given, right)]: Newton's method."""
    n = len(NAMES)
    constants = [0.0] * n
    for _ in range(steps):
        gradient = [-prior * c for c in constants]
        curvature = [[prior * (i == j) for j in range(n)] for i in range(n)]
        for weight, x, given, right in cases:
            p = 1 / (1 + math.exp(-(given + sum(c * v for c, v in zip(constants, x)))))
            for i in range(n):
                gradient[i] += weight * (right - p) * x[i]
                for j in range(n):
                    curvature[i][j] += weight * p * (1 - p) * x[i] * x[j]
        constants = [c + d for c, d in zip(constants, solve(curvature, gradient))]
    return constants


def run(data, full, say):
    trials = simulated.TRIALS
    bench = simulated.Bench(data, list(simulated.graphs.ALL), full, say)
    try:
        rows = [bench.row(name, knobs, n, history=history, with_peers=False, seeds=(SEED,)) for name, knobs, n, history in (
            ("middle", MIDDLE, trials, 0), ("after a history", MIDDLE, trials, simulated.HISTORY),
            ("every knob on", ALL_ON, trials, 0), ("hardest corner", HARDEST, trials // 4, 0))]
    finally:
        bench.close()
    cases, by_row = [], {}
    for row in rows:
        shapes = [s for f in row["tracer"].values() for s in f["_shapes"] if s[0] is not None]
        looks = by_row[row["name"]] = [(*look(group, assets), right, confidence, assets)
                                       for confidence, right, assets, group in shapes]
        cases += [(1000 / len(shapes), x, given, right) for x, given, right, *_ in looks]
    constants = fit(cases)
    errors = []
    for name, looks in by_row.items():
        for which, some in (("all", looks), (">1 asset", [l for l in looks if l[4] > 1])):
            now = metrics.ece([(confidence, right) for _, _, right, confidence, _ in some])
            then = metrics.ece([(said(constants, x, given), right) for x, given, right, *_ in some])
            errors.append((f"{name}, {which}", len(some), metrics.mean(float(l[2]) for l in some), now, then))
    return {"seed": SEED, "constants": dict(zip(NAMES, constants)), "errors": errors}
