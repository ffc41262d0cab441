"""selftest: what the figures rest on, checked before anything is measured."""
import itertools
import random
import unittest

import alerts
import generate
import graphs
import metrics
import peers
from metrics import Group, Verdict


def small_world(**knobs):
    return generate.World(graphs.dbt(None), generate.dataclasses.replace(generate.MIDDLE, **knobs), 7, 3)


def perfect(world):
    group_of = {u: ("i", unit.incident) if unit.incident is not None else ("n", u)
                for u, unit in enumerate(world.units)}
    return Verdict(group_of, {g: Group([world.incidents[g[1]].origin if g[0] == "i" else world.units[g[1]].asset],
                                       True, 1.0) for g in group_of.values()})


class Metrics(unittest.TestCase):
    def test_pairs_are_those_of_the_definition(self):
        world, rng = small_world(), random.Random(3)
        group_of = {u: rng.randrange(9) for u in range(len(world.units))}
        f1 = []
        for trial in {u.trial for u in world.units}:
            us = [i for i, u in enumerate(world.units) if u.trial == trial]
            both = said = real = 0
            for a, b in itertools.combinations(us, 2):
                one = world.units[a].incident is not None and world.units[a].incident == world.units[b].incident
                together = group_of[a] == group_of[b]
                both, said, real = both + (one and together), said + together, real + one
            f1.append(2 * both / (said + real))
        self.assertAlmostEqual(metrics.judge(world, Verdict(group_of, {}))["f1"], metrics.mean(f1))

    def test_the_truth_is_perfect(self):
        world = small_world(silent_roots=0.5, chronic=2.0, flapping=0.5)
        figures = metrics.judge(world, perfect(world))
        for key, value in {"f1": 1, "top1": 1, "top3": 1, "incidents_per": 1, "pages_per": 1, "false_merges": 0,
                           "noise_taken": 0, "abstained": 0, "ece": 0}.items():
            self.assertEqual(figures[key], value, key)

    def test_one_group_is_all_recall(self):
        world = small_world()
        figures = metrics.judge(world, Verdict(dict.fromkeys(range(len(world.units)), 0), {0: Group(["x"], True, .8)}))
        self.assertEqual((figures["recall"], figures["top1"], figures["false_merges"], figures["noise_taken"]), (1, 0, 1, 1))
        self.assertAlmostEqual(figures["ece"], .8)

    def test_an_abstaining_answer_is_not_right(self):
        world = small_world()
        verdict = perfect(world)
        for group in verdict.groups.values():
            group.named = False
        figures = metrics.judge(world, verdict)
        self.assertEqual((figures["abstained"], figures["top1"], figures["right_when_named"]), (1, 0, None))

    def test_calibration(self):
        shapes = [(.75, True, 1), (.75, False, 1), (.25, False, 2), (None, True, 1)]
        self.assertAlmostEqual(metrics.ece(shapes), (2 * .25 + .25) / 3)

    def test_ablation_takes_a_fact_away(self):
        evidence = [{"asset": "a", "fact": "f", "weight": 2}, {"asset": "b", "fact": "g", "weight": 1}]
        self.assertEqual(metrics.rerank(evidence, ()), ["a", "b"])
        self.assertEqual(metrics.rerank(evidence, ("f",)), ["b", "a"])


class Generator(unittest.TestCase):
    def test_same_seed_same_world(self):
        one, other = (small_world(late=.2, runners=.3, daily=.1, wrong_alias=.1) for _ in range(2))
        self.assertEqual((one.alerts, one.changes, one.units, one.aliases),
                         (other.alerts, other.changes, other.units, other.aliases))

    def test_a_cascade_goes_down_the_graph(self):
        world = small_world()
        for unit in world.units:
            if unit.sort == "cascade":
                origin = world.incidents[unit.incident].origin
                self.assertTrue(unit.asset == origin or unit.asset in graphs.reach(world.graph.children, origin))

    def test_knobs_turn(self):
        self.assertFalse([u for u in small_world(noise=0.0).units if u.sort == "noise"])
        self.assertTrue([u for u in small_world(runners=1.0).units if u.sort == "runner"])
        quiet = small_world(silent_roots=1.0)
        self.assertFalse({(u.trial, u.asset) for u in quiet.units} & {(i.trial, i.origin) for i in quiet.incidents})
        told = {e[:2] for e in small_world(missing=0.2).known_edges()}
        self.assertAlmostEqual(1 - len(told) / len(graphs.dbt(None).edges), 0.2, delta=0.03)


class Peers(unittest.TestCase):
    def test_without_noise_or_gaps_a_component_is_a_cascade(self):
        world = small_world(concurrent=1, noise=0.0, missing=0.0, silent=0.0)
        for name in ("components, most upstream", "components, random walk"):
            self.assertEqual(peers.figures([world], [name])[name][1][0]["f1"], 1.0)


class Alerts(unittest.TestCase):
    def test_threshold(self):
        known = alerts.Threshold([1.0, 1.1, 0.9] * 5, 1)
        self.assertEqual([(at, firing) for at, firing, _ in alerts.alerts(
            [(0, 1.0), (1, 9.0), (2, None), (3, 9.0), (4, 1.0), (5, -9.0)], known)],
            [(1, True), (3, True), (4, False)])
        self.assertEqual(alerts.alerts([(0, 9.0)], alerts.Threshold([1.0] * 9, 1)), [])
        self.assertTrue(alerts.alerts([(0, 99.0)], alerts.Threshold([100.0] * 10, -1)))


if __name__ == "__main__":
    unittest.main()
