"""report: tables as Markdown, results as JSON."""
import json
import os

import peers


def figure(value):
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"
    return str(value)


def table(head, rows):
    """A Markdown table; the first column is text, the others are figures."""
    cells = [[figure(c).replace("|", "\\|") for c in row] for row in rows]
    width = [max(len(r[i]) for r in [head] + cells) for i in range(len(head))]
    line = lambda r: "| " + " | ".join(
        c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(r, width))) + " |"
    rule = "|" + "|".join("-" * (w + 2) if i == 0 else "-" * (w + 1) + ":" for i, w in enumerate(width)) + "|"
    return "\n".join([line(head), rule] + [line(r) for r in cells])


def petshop(result):
    out = ["## Injected faults in a real system (PetShop)", ""]
    if not result["faults"]:
        return "\n".join(out + ["Not measured: no folder petshop with a scenario in the data.", ""])
    rows = [[f"{name}, {metric}, {protocol}", f["faults"], f["top1"], f["top3"], f["abstained"], f["ranked_first"]]
            for name, protocols in result["scenarios"].items() for protocol, by in protocols.items()
            for metric, f in by.items()]
    out += [table(["scenario", "faults", "top-1", "top-3", "abstained", "first in rank"], rows), ""]
    rows = [[f"{name}, {metric}", f["published"], f["false_complaint"]]
            for name, by in result["specificity"].items() for metric, f in by.items()]
    out += [table(["normal time", "specificity", "false complaint: nobody blamed"], rows), ""]
    out += ["Top-1 on low traffic beside the published figures:", ""]
    rows = [[f"tracer, {protocol}", *(by.get(m, {}).get("top1") for m in ("latency", "availability"))]
            for protocol, by in result["scenarios"].get("low_traffic", {}).items()]
    rows += [[f"{name} (published)", f["latency"], f["availability"]] for name, f in result["published"].items()]
    out += [table(["method", "latency", "availability"], rows), "", "Each fault:", ""]
    rows = [[f'{o["scenario"]} {o["fault"]} {o["metric"]}, {o["protocol"]}', o["root"], o["named"] or "(abstained)",
             o["rank"], o["confidence"]] for o in result["faults"]]
    out += [table(["fault", "injected at", "named", "rank of it", "confidence"], rows), ""]
    out += [f"Calibration (expected calibration error {figure(result['ece'])}):", "", _bins(result["bins"]), ""]
    for protocol, facts in result["ablation"].items():
        out += [f"What each sort of evidence adds, {protocol}:", "", ablation(facts), ""]
    return "\n".join(out)


def petshop_peers(result):
    out = ["## Peers on the injected faults", ""]
    if not result:
        return "\n".join(out + ["Not measured: no folder petshop with a scenario in the data.", ""])
    rows = [[f"{name}, {metric}: {method}", f["top1"], f["top3"], f["abstained"]]
            for name, methods in result.items() for method, by in methods.items() for metric, f in by.items()]
    return "\n".join(out + [table(["scenario and method", "top-1", "top-3", "abstained"], rows), ""])


def alarms(result):
    out = ["## Causes between types of alarm (alarms_18V)", ""]
    if "missing" in result:
        return "\n".join(out + [f"Not measured: {result['missing']}.", ""])
    rows = [["tracer.suggest_lineage()", *(result["default"][k] for k in ("edges", "precision", "recall", "f1"))]]
    rows += [[f"{name} (published)", None, None, None, f] for name, f in result["published"].items()]
    out += [table(["method", "edges", "precision", "recall", "F1"], rows), "",
            "At other thresholds of confidence (not chosen by these figures):", "",
            table(["at least", "edges", "precision", "recall", "F1"],
                  [[c, f["edges"], f["precision"], f["recall"], f["f1"]] for c, f in result["thresholds"].items()]), ""]
    return "\n".join(out)


COLUMNS = [("F1", "f1"), ("± of F1", "f1_se"), ("precision", "precision"), ("recall", "recall"), ("origin top-1", "top1"),
           ("top-3", "top3"), ("abstained", "abstained"), ("incidents per", "incidents_per"),
           ("pages per", "pages_per"), ("false merges", "false_merges"), ("noise taken", "noise_taken"),
           ("ECE", "ece"), ("ECE, >1 asset", "ece_many")]


NO_PEER = ("abstained", "ece", "ece_many")
OF_BOUND = ("f1", "f1_se", "precision", "recall", "incidents_per")


def _best(row, key):
    values = {rule: f[key] for rule, f in row["peers_mean"].items() if f[key] is not None and rule != peers.BOUND}
    return max(values.values()) if values else None


def _bins(bins):
    return table(["confidence", "incidents", "said", "was right", ""],
                 [[f"{low:.1f} to {high:.1f}", n, said, right, "#" * round(20 * right)]
                  for low, high, n, said, right in bins])


def simulated(result):
    keys = [k for _, k in COLUMNS]
    head = [h for h, _ in COLUMNS]
    out = ["## Simulated cascades on real graphs", "",
           f"{result['trials']} trials a graph (fewer on the largest graph and where a trial has ten incidents), in the main"
           f" rows over seeds {', '.join(map(str, result['seeds']))}, elsewhere of the first; means over graphs. ± is one"
           " standard error over trials.", ""]
    for row in result["rows"]:
        rows = [["tracer", *(row["mean"][k] for k in keys)]]
        rows += [[f"tracer on {g}", *(f[k] for k in keys)] for g, f in row["tracer"].items()]
        rows += [[rule, *((None if k in NO_PEER or rule == peers.BOUND and k not in OF_BOUND else f[k]) for k in keys)]
                 for rule, f in row["peers_mean"].items()]
        out += [f"### {row['name'].capitalize()}", "", table(["", *head], rows), ""]
        best = _best(row, "f1")
        if best is not None and best < 1:
            out += [f"Error of grouping (1 - F1) {1 - row['mean']['f1']:.3f},"
                    f" {(1 - row['mean']['f1']) / (1 - best):.2f} of the best peer's.", ""]
    out += ["### Missing edges after a history", "",
            table(["graph, confidence at least", "suggested", "exact", "true", "recall"],
                  [[f"{g}, {f['confidence']}", *(f[k] for k in ("suggested", "exact", "true", "recall"))]
                   for g, by in result["missing_edges"].items() for f in by]), ""]
    out += ["### One knob away from the middle", "",
            table(["knob", *head, "best peer F1", "best peer origin"],
                  [[r["name"], *(r["mean"][k] for k in keys), _best(r, "f1"), _best(r, "top1")] for r in result["sweep"]]),
            "", "### tracer's settings on three busy days", "",
            table(["setting", *head], [[r["name"], *(r["mean"][k] for k in keys)] for r in result["settings"]]), "",
            "### Calibration at the middle", "", "All incidents:", "", _bins(result["rows"][0]["mean"]["bins"]), "",
            "Incidents of more than one asset:", "", _bins(result["rows"][0]["mean"]["bins_many"]), "",
            "### What each sort of evidence adds", "", ablation(result["ablation"]), ""]
    return "\n".join(out)


def ablation(facts):
    """Top-1 of the ranking by the sum of evidence, with all of it and without one fact."""
    whole = facts[""]["top1"]
    return table(["without", "of so many incidents", "top-1", "lost"],
                 [["(nothing left out)", facts[""]["cases"], whole, None]]
                 + [[f, v["cases"], v["top1"], whole - v["top1"]] for f, v in facts.items() if f])


def calibrate(result):
    return "\n".join(["## What confidence.c's curve should be", "", f"Seed {result['seed']}.", "",
                      table(["constant", "fitted"], [[k, v] for k, v in result["constants"].items()]), "",
                      table(["expected calibration error", "incidents", "right", "as built", "as fitted"],
                            result["errors"]), ""])


def bare(value):
    """A result without the long lists that only other modules need."""
    if isinstance(value, dict):
        return {str(k): bare(v) for k, v in value.items() if not str(k).startswith("_")}
    if isinstance(value, (list, tuple)):
        return [bare(v) for v in value]
    return value


def write(folder, name, result, text):
    with open(os.path.join(folder, f"{name}.json"), "w", encoding="utf-8") as f:
        json.dump(bare(result), f, indent=1, sort_keys=True)
        f.write("\n")
    with open(os.path.join(folder, f"{name}.md"), "w", encoding="utf-8") as f:
        f.write(text.rstrip() + "\n")
