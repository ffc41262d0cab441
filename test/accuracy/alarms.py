"""alarms: which sort of alarm causes which, learned from a real network's alarms.

34,838 alarms of 18 types on 55 devices, and the experts' graph of causes between
the types. An asset is a type of alarm, an alert an alarm with its device as a
label; tracer.suggest_lineage(within => 'device') says what causes what, and its
pairs are compared with the experts' directed edges. Lineage is empty: nothing
is told, all is learned. The threshold is the function's own default.
"""
import csv
import os

from generate import EPOCH
from server import Database, stamp

PUBLISHED = {"THP": .577, "PC": .430, "PCMCI": .423, "ADM4": .407, "MLE_SGL": .374, "GES": .339}
DEFAULT = 0.5


def _truth(folder):
    with open(os.path.join(folder, "dag.csv"), newline="", encoding="utf-8") as f:
        rows = [[int(c) for c in r] for r in csv.reader(f) if r]
    return {(f"alarm {i}", f"alarm {j}") for i, row in enumerate(rows) for j, cell in enumerate(row) if cell and i != j}


def score(offered, truth):
    right = len(offered & truth)
    p = right / len(offered) if offered else 0.0
    r = right / len(truth)
    return {"edges": len(offered), "precision": p, "recall": r, "f1": 2 * p * r / (p + r) if p + r else 0.0}


def run(data, say):
    folder = os.path.join(data, "alarms_18V")
    if not os.path.isdir(folder):
        return {"missing": "no folder alarms_18V in the data"}
    truth = _truth(folder)
    with open(os.path.join(folder, "Alarm.csv"), newline="", encoding="utf-8") as f:
        alarms = list(csv.DictReader(f))
    with Database() as database:
        if not database.ask("SELECT FROM pg_proc WHERE oid = to_regproc('tracer.suggest_lineage')"):
            return {"missing": "this build has no tracer.suggest_lineage()"}
        say(f"alarms: {len(alarms)} alarms, {len(truth)} true edges")
        rows = []
        for a in alarms:
            name, device = f"alarm {a['alarm_id']}", a["device_id"]
            for status, at in (("firing", a["start_timestamp"]), ("resolved", a["end_timestamp"])):
                rows.append((name, f"{name} on device {device}", status, "network", f"{name} {device}",
                             stamp(EPOCH + float(at)), {"device": device}))
        database.copy("tracer.asset", ("name",), sorted({(r[0],) for r in rows}))
        database.copy("tracer.alert", ("asset", "title", "status", "source", "dedup_key", "fired_at", "labels"),
                      sorted(rows, key=lambda r: r[5]))
        database.sql("SELECT tracer.correlate() \\gset _\n--")
        offered = database.ask("SELECT upstream, downstream, confidence"
                               " FROM tracer.suggest_lineage(min_confidence => 0, within => 'device')")
    at_least = lambda c: {(o["upstream"], o["downstream"]) for o in offered if o["confidence"] >= c}
    return {"true_edges": len(truth), "published": PUBLISHED, "default": score(at_least(DEFAULT), truth),
            "thresholds": {f"{c / 10:.1f}": score(at_least(c / 10), truth) for c in range(10)}}
