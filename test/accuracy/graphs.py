"""graphs: real dependency graphs, and one made in the shape of a dbt project.

    mozilla   a real warehouse: lineage/mozilla_edges.csv in the data folder
    debian    packages and what they depend on, from this machine's own index
    dbt       sources, staging, intermediate, marts and exposures, with hubs
"""
import collections
import csv
import os
import random
import re
import shutil
import subprocess


class Graph:
    """Directed edges upstream -> downstream, and a team for each asset."""

    def __init__(self, name, edges, team):
        self.name = name
        self.edges = sorted({(u, d) for u, d in edges if u != d})
        self.nodes = sorted({n for e in self.edges for n in e})
        self.team = team
        self.children = neighbours(self.edges)

    def origins(self, count, below):
        """`count` assets with at least `below` others downstream, the same ones at every call."""
        rng = random.Random(f"origins {self.name}")
        nodes = [n for n in self.nodes if n in self.children]
        rng.shuffle(nodes)
        found = []
        for node in nodes:
            if len(found) == count:
                break
            if len(reach(self.children, node, below)) >= below:
                found.append(node)
        return found


def neighbours(edges):
    """{first: [second, ...]} of pairs, in order."""
    out = collections.defaultdict(list)
    for first, second in edges:
        out[first].append(second)
    return dict(out)


def reach(children, start, enough=None):
    """{node: distance} of what can be reached, the start excluded; stops at `enough` nodes."""
    seen = {start: 0}
    queue = collections.deque([start])
    while queue:
        node = queue.popleft()
        for child in children.get(node, ()):
            if child not in seen:
                seen[child] = seen[node] + 1
                queue.append(child)
                if enough and len(seen) > enough:
                    queue.clear()
                    break
    del seen[start]
    return seen


def mozilla(data):
    path = os.path.join(data, "lineage", "mozilla_edges.csv")
    if not os.path.exists(path):
        return None
    with open(path, newline="", encoding="utf-8") as f:
        edges = [(r["upstream"], r["downstream"]) for r in csv.DictReader(f)]
    return Graph("mozilla", edges, lambda n: n.rpartition(".")[0])


def debian(data):
    """The first alternative of each dependency, as `apt-cache dumpavail` has it."""
    if not shutil.which("apt-cache"):
        return None
    text = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, text=True,
                          encoding="utf-8", errors="replace").stdout
    edges, section = [], {}
    package = None
    for line in text.splitlines():
        field, _, value = line.partition(": ")
        if field == "Package":
            package = value
        elif field == "Section":
            section[package] = value
        elif field in ("Depends", "Pre-Depends"):
            for wanted in value.split(","):
                first = re.match(r"\s*([^\s:(|]+)", wanted)
                if first:
                    edges.append((first.group(1), package))
    return Graph("debian", edges, lambda n: section.get(n, "virtual")) if edges else None


def dbt(data):
    """About 1,300 assets: one staging model a source, hubs that half of the marts read."""
    rng = random.Random("dbt")
    domains = ["sales", "web", "finance", "product", "support", "ads", "hr", "ops"]
    named = lambda layer, n: [f"{layer}.{domains[i % len(domains)]}_{i}" for i in range(n)]
    sources, staging = named("raw", 250), named("stg", 250)
    middle, marts, shown = named("int", 350), named("mart", 250), named("dashboard", 200)
    hubs = ["dim.dates", "dim.customers", "dim.products", "dim.accounts"]
    edges = list(zip(sources, staging)) + [(rng.choice(staging), h) for h in hubs]

    def near(layer, node, n):
        """Mostly of the node's own domain."""
        domain = node.split(".")[1].split("_")[0]
        own = [x for x in layer if x.split(".")[1].startswith(domain)]
        return [rng.choice(own if rng.random() < 0.8 else layer) for _ in range(n)]

    for i, node in enumerate(middle):
        edges += [(u, node) for u in near(staging, node, rng.randint(1, 3))]
        if i and rng.random() < 0.3:
            edges.append((rng.choice(middle[:i]), node))
    for node in marts:
        edges += [(u, node) for u in near(middle, node, rng.randint(1, 4))]
        edges += [(h, node) for h in hubs if rng.random() < 0.5]
    for node in shown:
        edges += [(u, node) for u in near(marts, node, rng.randint(1, 5))]
    return Graph("dbt", edges, lambda n: re.sub(r".*\.|_\d+$", "", n))


ALL = {"mozilla": mozilla, "debian": debian, "dbt": dbt}
