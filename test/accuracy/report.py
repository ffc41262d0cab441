"""report: tables as Markdown, results as JSON."""
import json
import os


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
    rows = []
    for name, by_metric in result["scenarios"].items():
        for metric, f in by_metric.items():
            rows.append([f"{name}, {metric}", f["faults"], f["top1"], f["top3"], f["abstained"], f["ranked_first"],
                         f["published"], f["false_complaint"]])
    out += [table(["scenario", "faults", "top-1", "top-3", "abstained", "first in rank", "specificity",
                   "false complaint"], rows), ""]
    out += ["Top-1 on low traffic beside the published figures:", ""]
    mine = result["scenarios"].get("low_traffic", {})
    rows = [["tracer", *(mine.get(m, {}).get("top1") for m in ("latency", "availability"))]]
    rows += [[f"{name} (published)", f["latency"], f["availability"]] for name, f in result["published"].items()]
    out += [table(["method", "latency", "availability"], rows), "", "Each fault:", ""]
    rows = [[f'{o["scenario"]} {o["fault"]} {o["metric"]}', o["root"], o["named"] or "(abstained)", o["rank"],
             o["confidence"]] for o in result["faults"]]
    out += [table(["fault", "injected at", "named", "rank of it", "confidence"], rows), ""]
    return "\n".join(out)


def write(folder, name, result, text):
    with open(os.path.join(folder, f"{name}.json"), "w", encoding="utf-8") as f:
        json.dump(result, f, indent=1, sort_keys=True)
        f.write("\n")
    with open(os.path.join(folder, f"{name}.md"), "w", encoding="utf-8") as f:
        f.write(text.rstrip() + "\n")
