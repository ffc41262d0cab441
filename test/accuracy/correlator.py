"""correlator: a world played to tracer, and what tracer made of it.

Alerts are written in order of arrival and a pass is run for every STEP of
arrival in which something arrived, much as the background worker would; so pages
that a later pass takes back are counted. The history is played with one pass an
incident.
"""
import collections
import itertools

from generate import MINUTE
from metrics import Group, Verdict
from server import Database, literal, stamp

STEP = 30 * MINUTE


def base(graph):
    """A database that knows the whole graph: the template of the worlds on it."""
    database = Database()
    database.link(graph.edges)
    database.sql("ANALYZE")
    database.run()
    return database


def _teach(database, world):
    """Turns the whole graph into what tracer is told of it."""
    if world.missing:
        database.script.append("CREATE TEMP TABLE gone (u text, d text);\n")
        database.copy("gone", ("u", "d"), sorted(world.missing))
        database.sql("SELECT tracer.unlink(array_agg(u), array_agg(d)) FROM gone \\gset _\n--")
    if world.stale:
        database.link(world.stale)
    if world.daily - world.missing:
        database.link(sorted(world.daily - world.missing), lag="12 hours")
    if world.runner:
        database.link(sorted((r, n) for n, r in world.runner.items()), kind="runs")
    database.copy("tracer.asset_alias", ("alias", "asset"), world.aliases)


def _rows(alerts):
    return [(a.name, f"check failed on {a.name}", "firing" if a.firing else "resolved", a.source, stamp(a.at),
             {"team": a.team, "tool": a.source}, a.unit, a.run) for a in alerts]


def _play(database, world, alerts, changes, live):
    """Writes the alerts and runs the passes; takes the changes that came before from a deque."""
    when = (lambda a: a.arrives // STEP) if live else (lambda a: world.units[a.unit].trial)
    for _, some in itertools.groupby(alerts, key=when):
        some = list(some)
        told = []
        while changes and changes[0][0] <= some[-1].arrives:
            told.append(changes.popleft())
        if told:
            database.copy("tracer.change", ("changed_at", "asset", "kind", "title"),
                          [(stamp(at), asset, kind, title) for at, asset, kind, title in told])
        database.copy("tracer.alert", ("asset", "title", "status", "source", "fired_at", "labels", "url", "run_id"),
                      _rows(some))
        database.sql("SELECT tracer.correlate() \\gset _\n--")


def play(template, world, settings=None, in_between=None, live=True):
    """The verdict of tracer on a world; in_between(database, world) runs between history and trials.

    Not live: one pass a trial. The incidents are the same then, their pages are not.
    """
    with Database(template) as database:
        _teach(database, world)
        for name, value in (settings or {}).items():
            database.sql(f"SELECT tracer.set({literal(name)}, {literal(value)}) \\gset _\n--")
        changes = collections.deque(world.changes)
        history = sum(world.units[a.unit].trial < world.first_trial for a in world.alerts)
        if history:
            _play(database, world, world.alerts[:history], changes, False)
            database.run()
            if in_between:
                in_between(database, world)
        _play(database, world, world.alerts[history:], changes, live)
        return _read(database)


def _read(database):
    group_of = {}
    for row in database.ask("SELECT url, incident_id FROM tracer.incident_alerts ORDER BY fired_at DESC"):
        group_of[int(row["url"])] = row["incident_id"]          # the unit's first alert decides
    groups = {row["incident_id"]: Group([], row["root_asset"] is not None, row["confidence"],
                                        placed=row["placed"], suspect=row["suspect"]) for row in
              database.ask("SELECT incident_id, root_asset, confidence, placed, suspect FROM tracer.incidents")}
    for row in database.ask("SELECT incident_id, asset, score FROM tracer.root_causes ORDER BY incident_id, rank"):
        groups[row["incident_id"]].ranked.append(row["asset"])
        groups[row["incident_id"]].scores.append(row["score"])
    for row in database.ask("SELECT incident_id, asset, fact, weight FROM tracer.evidence"):
        groups[row["incident_id"]].evidence.append(row)
    for row in database.ask("SELECT incident_id, count(*) AS pages FROM tracer.timeline"
                            " WHERE kind = 'opened' GROUP BY incident_id"):
        groups[row["incident_id"]].pages = row["pages"]
    return Verdict(group_of, groups)
