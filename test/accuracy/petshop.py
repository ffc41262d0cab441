"""petshop: faults injected into a real microservice shop.

For each fault a database of its own: lineage from the scenario's call graph
(the callee is upstream of its caller), the normal period's metrics moved in
time to end just before the fault's, the fault's metrics, the alerts that
alerts.py makes of these, and the complaint as an alert of its own. After one
pass the incident that holds the complaint's alert is *the* incident; its
tracer.root_causes are the answer, or there is none (tracer abstains) where
tracer.incidents.root_asset is NULL. No name of a node is known here.
"""
import csv
import json
import os

import alerts
import metrics
from metrics import mean
from server import Database, stamp

STEP = 300                      # seconds between two samples
STATISTIC = "Average"           # the one that complaints are about
REQUESTS = ("requests", "Sum")  # a metric that never alerts
WINDOW = 5                      # samples of a fault
COMPLAINT_AT = 2                # which of them the complaint is about
SPLITS = 10                     # specificity: a split every tenth of the period

# Published top-1 on the whole low-traffic scenario (arXiv 2311.04806).
PUBLISHED = {
    "traversal": {"latency": .57, "availability": .50},
    "CIRCA": {"latency": .36, "availability": .42},
    "correlation": {"latency": .43, "availability": .75},
    "RCD": {"latency": .07, "availability": .58},
}


def _number(text):
    return float(text) if text not in ("", "nan", "NaN") else None


class Metrics:
    """One metrics.csv: times, and a list of values by (node, metric)."""

    def __init__(self, path):
        with open(path, newline="", encoding="utf-8") as f:
            rows = list(csv.reader(f))
        body = [r for r in rows[3:] if r and _number_or_none(r[0]) is not None]
        self.times = [float(r[0]) for r in body]
        self.series = {}
        for column, (node, metric, statistic) in enumerate(zip(*rows[:3])):
            if column == 0:
                continue
            if (metric in alerts.BAD_SIDE and statistic == STATISTIC) or (metric, statistic) == REQUESTS:
                self.series[node, metric] = [_number(r[column]) for r in body]

    def slice(self, first, last):
        part = object.__new__(Metrics)
        part.times = self.times[first:last]
        part.series = {k: v[first:last] for k, v in self.series.items()}
        return part


def _number_or_none(text):
    try:
        return float(text)
    except ValueError:
        return None


class Fault:
    def __init__(self, path, split):
        with open(os.path.join(path, "target.json"), encoding="utf-8") as f:
            told = json.load(f)
        self.name = f"{split}/{os.path.basename(path)}"
        self.node = told["target"]["node"]
        self.metric = told["target"]["metric"]
        self.at = float(told["target"]["timestamp"])
        self.root = told["root_cause"]["node"]
        self.metrics = Metrics(os.path.join(path, "metrics.csv"))


class Scenario:
    def __init__(self, path):
        self.name = os.path.basename(path)
        self.normal = Metrics(os.path.join(path, "noissue", "metrics.csv"))
        with open(os.path.join(path, "graph.csv"), newline="", encoding="utf-8") as f:
            rows = list(csv.reader(f))
        # Row calls column: the column is upstream.
        self.edges = [(callee, row[0]) for row in rows[1:]
                      for callee, cell in zip(rows[0][1:], row[1:]) if cell and float(cell) != 0]
        self.faults = []
        for split in ("train", "test"):
            folder = os.path.join(path, split)
            if os.path.isdir(folder):
                for issue in sorted(os.listdir(folder), key=lambda n: (len(n), n)):
                    if os.path.exists(os.path.join(folder, issue, "target.json")):
                        self.faults.append(Fault(os.path.join(folder, issue), split))


def scenarios(data):
    """Every scenario in the folder, in order of name."""
    top = os.path.join(data, "petshop")
    if not os.path.isdir(top):
        return []
    return [Scenario(os.path.join(top, name)) for name in sorted(os.listdir(top))
            if os.path.exists(os.path.join(top, name, "graph.csv"))]


# ---- one experiment -------------------------------------------------------------

def make_alerts(normal, abnormal):
    """[(time, firing, deviation, node, metric)] of the abnormal part."""
    out = []
    for (node, metric), values in abnormal.series.items():
        if metric in alerts.BAD_SIDE:
            known = alerts.Threshold(normal.series.get((node, metric), ()), alerts.BAD_SIDE[metric])
            out += [(at, firing, deviation, node, metric) for at, firing, deviation
                    in alerts.alerts(zip(abnormal.times, values), known)]
    return sorted(out)


def _load(database, normal, abnormal, complaint):
    """complaint: (node, metric, time), or None."""
    shift = abnormal.times[0] - STEP - normal.times[-1]
    rows = []
    for part, moved in ((normal, shift), (abnormal, 0)):
        times = [stamp(t + moved) for t in part.times]
        rows += [(node, metric, at, value) for (node, metric), values in part.series.items()
                 for at, value in zip(times, values) if value is not None]
    database.copy("tracer.metric", ("asset", "name", "ts", "value"), rows)
    rows = [(node, f"{metric} of {node} is not normal", "firing" if firing else "resolved", "threshold",
             f"{node}:{metric}", stamp(at), f"{deviation:.1f} spreads from the median",
             {"metric": metric, "deviation": round(deviation, 2)})
            for at, firing, deviation, node, metric in make_alerts(normal, abnormal)]
    if complaint:
        node, metric, at = complaint
        rows.append((node, f"complaint about {metric} of {node}", "firing", "complaint",
                     f"{node}:{metric}", stamp(at), None, {"metric": metric}))
    database.copy("tracer.alert", ("asset", "title", "status", "source", "dedup_key", "fired_at",
                                   "description", "labels"), rows)
    database.sql("SELECT tracer.correlate() \\gset _\n--")


ANSWERS = """
SELECT i.incident_id, i.root_asset, i.origin_asset, i.confidence, i.suspect,
       (SELECT jsonb_agg(r.asset ORDER BY r.rank) FROM tracer.root_causes r
         WHERE r.incident_id = i.incident_id) AS ranked,
       (SELECT jsonb_agg(jsonb_build_object('asset', e.asset, 'fact', e.fact, 'kind', e.kind, 'weight', e.weight)
                         ORDER BY e.asset, e.fact, e.weight)
          FROM tracer.evidence e WHERE e.incident_id = i.incident_id) AS evidence
  FROM tracer.incidents i
 WHERE i.incident_id IN (SELECT m.incident_id FROM tracer.incident_alerts m
                           JOIN tracer.alert a USING (alert_id)
                          WHERE {})
"""
OF_COMPLAINT = "a.source = 'complaint'"


def diagnose(template, scenario, fault):
    """The incident that holds the complaint, as tracer sees it."""
    with Database(template) as database:
        _load(database, scenario.normal, fault.metrics, (fault.node, fault.metric, fault.at))
        return database.ask(ANSWERS.format(OF_COMPLAINT))[0]


def judge(fault, answer):
    ranked = answer["ranked"] or []
    named = ranked if answer["root_asset"] is not None else []
    return {
        "fault": fault.name, "metric": fault.metric, "root": fault.root,
        "rank": ranked.index(fault.root) + 1 if fault.root in ranked else None,
        "named": named[0] if named else None, "origin": answer["origin_asset"],
        "confidence": answer["confidence"],
        "top1": fault.root in named[:1], "top3": fault.root in named[:3],
        "abstained": not named, "evidence": answer["evidence"] or [],
    }


# ---- specificity ------------------------------------------------------------------

def _splits(n):
    return range(n // 2, n - 3, int(n * 0.1))


def specificity(template, scenario):
    """Over normal time only, for each target of the scenario.

    published: the paper's protocol, in alerts. Normal time is split in two; the
        first part says what is normal, the second is watched. Right where no
        incident with an alert on the target's own metric names a root cause.
    false_complaint: somebody complains at the third of five samples after the
        split, though nothing is wrong. Right where nothing but the target
        itself is blamed.
    """
    targets = sorted({(f.node, f.metric) for f in scenario.faults})
    right = {t: {"published": [], "false_complaint": []} for t in targets}
    for split in _splits(len(scenario.normal.times)):
        before = scenario.normal.slice(0, split)
        with Database(template) as database:
            _load(database, before, scenario.normal.slice(split, None), None)
            for node, metric in targets:
                blamed = [a["root_asset"] for a in database.ask(ANSWERS.format(
                    f"a.dedup_key = $t${node}:{metric}$t$"))]
                right[node, metric]["published"].append(not any(blamed))
        for node, metric in targets:
            window = scenario.normal.slice(split, split + WINDOW)
            with Database(template) as database:
                _load(database, before, window,
                      (node, metric, window.times[min(COMPLAINT_AT, len(window.times) - 1)]))
                answer = database.ask(ANSWERS.format(OF_COMPLAINT))[0]
                named = (answer["ranked"] or [None])[0] if answer["root_asset"] else None
                right[node, metric]["false_complaint"].append(named in (None, node))
    return right


# ---- the part ----------------------------------------------------------------------

def run(data, say):
    """{scenario: {metric: figures}} and every fault's outcome."""
    result = {"scenarios": {}, "faults": [], "published": PUBLISHED}
    for scenario in scenarios(data):
        say(f"petshop {scenario.name}: {len(scenario.faults)} faults")
        template = Database()
        with template:
            template.link(scenario.edges)
            template.run()
            outcomes = [judge(f, diagnose(template, scenario, f)) for f in scenario.faults]
            calm = specificity(template, scenario)
        table = {}
        for metric in sorted({o["metric"] for o in outcomes}, reverse=True):
            some = [o for o in outcomes if o["metric"] == metric]
            table[metric] = {
                "faults": len(some),
                "top1": mean(o["top1"] for o in some), "top3": mean(o["top3"] for o in some),
                "ranked_first": mean(o["rank"] == 1 for o in some),
                "abstained": mean(o["abstained"] for o in some),
                "right_when_named": mean(o["top1"] for o in some if not o["abstained"]),
                **{kind: mean(v for t, r in calm.items() if t[1] == metric for v in r[kind])
                   for kind in ("published", "false_complaint")},
            }
        result["scenarios"][scenario.name] = table
        result["faults"] += [{"scenario": scenario.name, **o} for o in outcomes]
    result["ablation"] = metrics.ablation([(o["root"], o["evidence"]) for o in result["faults"]])
    return result
