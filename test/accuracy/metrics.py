"""metrics: how good a grouping and its root causes are, against the truth.

A verdict maps each unit to a group and each group to its ranked candidates
(empty: it abstains), a confidence (or None) and how often it paged somebody.
"""
import collections
import dataclasses


@dataclasses.dataclass
class Group:
    ranked: list                # candidates, best first; all that it would name
    named: bool = True          # False: it abstains
    confidence: object = None
    pages: int = 1
    evidence: list = dataclasses.field(default_factory=list)
    scores: list = dataclasses.field(default_factory=list)      # of the candidates
    placed: bool = True         # lineage knows its origin
    suspect: bool = False       # its origin has no alert of its own


@dataclasses.dataclass
class Verdict:
    group_of: dict              # unit -> group
    groups: dict                # group -> Group


def pairs(counts):
    return sum(n * (n - 1) // 2 for n in counts)


def mean(values):
    values = list(values)
    return sum(values) / len(values) if values else None


def standard_error(values):
    """Of the mean; None for fewer than two."""
    n = len(values)
    if n < 2:
        return None
    m = mean(values)
    return (sum((v - m) ** 2 for v in values) / (n - 1) / n) ** 0.5


def error_of_mean(errors):
    """Standard error of the mean of figures with these standard errors; None if one has none."""
    errors = list(errors)
    return None if None in errors else sum(e * e for e in errors) ** 0.5 / len(errors)


COUNTS = ("trials", "incidents", "units")


def together(figures):
    """Figures of several worlds of a kind as those of one: counts added, the others on average."""
    out = {}
    for key in figures[0]:
        values = [f[key] for f in figures]
        if key.startswith("_"):
            out[key] = sum(values, [])
        elif key in COUNTS:
            out[key] = sum(values)
        else:
            out[key] = mean(v for v in values if v is not None)
    out.update(f1_se=error_of_mean(f["f1_se"] for f in figures), ece=ece(out["_shapes"]),
               ece_many=ece([s for s in out["_shapes"] if s[2] > 1]))
    return out


def judge(world, verdict):
    """Figures of one world. Means are over trials for pairs, over incidents for the rest."""
    by_trial = collections.defaultdict(list)
    for index, unit in enumerate(world.units):
        if unit.trial >= world.first_trial:
            by_trial[unit.trial].append(index)
    precision, recall, f1 = [], [], []
    incidents = []              # one dictionary a true incident
    shapes = []                 # one a group: (confidence, right, assets, group)
    mixed = groups = noise = noise_taken = pages = 0
    for units in by_trial.values():
        truth = lambda u: ("i", world.units[u].incident) if world.units[u].incident is not None else ("n", u)
        group = lambda u: verdict.group_of.get(u, ("alone", u))
        both = pairs(collections.Counter((truth(u), group(u)) for u in units).values())
        said = pairs(collections.Counter(map(group, units)).values())
        real = pairs(collections.Counter(map(truth, units)).values())
        p, r = both / said if said else 1.0, both / real if real else 1.0
        precision.append(p)
        recall.append(r)
        f1.append(2 * p * r / (p + r) if p + r else 0.0)

        members, of_incident = collections.defaultdict(list), collections.defaultdict(list)
        for u in units:
            members[group(u)].append(u)
            if world.units[u].incident is not None:
                of_incident[world.units[u].incident].append(u)
        for g, us in members.items():
            within = {world.units[u].incident for u in us} - {None}
            if within:
                groups += 1
                mixed += len(within) > 1
                pages += verdict.groups[g].pages if g in verdict.groups else 1
            strangers = sum(world.units[u].incident is None for u in us)
            noise += strangers
            noise_taken += strangers if within else 0
            shapes.append(_shape(world, us, verdict.groups.get(g)))
        for i, us in of_incident.items():
            parts = collections.Counter(map(group, us))
            main = max(parts, key=lambda g: (parts[g], -min(us.index(u) for u in us if group(u) == g)))
            g = verdict.groups.get(main) or Group([world.units[us[0]].asset])
            incidents.append(_origin(world.incidents[i], g, len(parts)))
    return {
        "trials": len(by_trial), "incidents": len(incidents), "units": sum(map(len, by_trial.values())),
        "precision": mean(precision), "recall": mean(recall), "f1": mean(f1), "f1_se": standard_error(f1),
        "top1": mean(i["top1"] for i in incidents), "top3": mean(i["top3"] for i in incidents),
        "abstained": mean(i["abstained"] for i in incidents),
        "right_when_named": mean(i["top1"] for i in incidents if not i["abstained"]),
        "top1_silent": mean(i["top1"] for i in incidents if i["silent"]),
        "incidents_per": mean(i["parts"] for i in incidents), "pages_per": pages / len(incidents) if incidents else None,
        "false_merges": mixed / groups if groups else None,
        "noise_taken": noise_taken / noise if noise else None,
        "ece": ece(shapes), "ece_many": ece([s for s in shapes if s[2] > 1]),
        "_shapes": shapes, "_incidents": incidents,
    }


def _origin(incident, group, parts):
    named = group.ranked if group.named else []
    return {"top1": incident.origin in named[:1], "top3": incident.origin in named[:3], "abstained": not named,
            "rank": group.ranked.index(incident.origin) + 1 if incident.origin in group.ranked else None,
            "parts": parts, "silent": incident.silent, "origin": incident.origin, "evidence": group.evidence,
            "first": group.ranked[0] if group.ranked else None}


def _shape(world, units, group):
    """(confidence, right, assets, group): its truth is the origin of what most of it belongs to."""
    most = collections.Counter(world.units[u].incident for u in units).most_common()
    best = max(n for _, n in most)
    index = next(i for i, n in most if n == best)
    unit = next(world.units[u] for u in units if world.units[u].incident == index)
    origin = unit.asset if index is None else world.incidents[index].origin
    if group is None or not group.ranked or group.confidence is None:
        return (None, False, len(units), group)
    return (group.confidence, group.ranked[0] == origin, len({world.units[u].asset for u in units}), group)


# ---- calibration ------------------------------------------------------------------

BINS = 10


def bins(shapes):
    """[(from, to, how many, mean confidence, share right)] of tenths of confidence."""
    sorted_into = collections.defaultdict(list)
    for confidence, right, *_ in shapes:
        if confidence is not None:
            sorted_into[min(int(confidence * BINS), BINS - 1)].append((confidence, right))
    return [(b / BINS, (b + 1) / BINS, len(s), mean(c for c, _ in s), mean(r for _, r in s))
            for b, s in sorted(sorted_into.items())]


def ece(shapes):
    """Expected calibration error: mean distance of confidence from how often it is right."""
    all_bins = bins(shapes)
    n = sum(b[2] for b in all_bins)
    return sum(b[2] * abs(b[3] - b[4]) for b in all_bins) / n if n else None


# ---- ablation -----------------------------------------------------------------------

def rerank(evidence, without):
    """Candidates by the sum of their evidence without some facts; ties as tracer breaks them."""
    score = {}
    for e in evidence:
        score.setdefault(e["asset"], 0.0)
        if e["fact"] not in without:
            score[e["asset"]] += e["weight"]
    return sorted(score, key=lambda a: (-round(score[a], 6), a.encode()))


def ablation(cases):
    """{fact: (how many cases have it, top-1 without it)} of [(true root, evidence)], and "" with all."""
    cases = [c for c in cases if c[1]]
    right = lambda without: mean(rerank(e, without)[0] == root for root, e in cases)
    facts = sorted({e["fact"] for _, evidence in cases for e in evidence})
    out = {"": {"cases": len(cases), "top1": right(())}}
    for fact in facts:
        out[fact] = {"cases": sum(any(e["fact"] == fact for e in ev) for _, ev in cases), "top1": right((fact,))}
    return out
