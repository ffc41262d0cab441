"""server: databases of the throwaway cluster, driven through psql.

A script is collected as text (SQL, and rows as COPY ... FROM STDIN), run in one
psql, and every row that it prints is one JSON value. Nothing but public SQL is
used, so that a user could run the same by hand.
"""
import itertools
import json
import subprocess
import time

_names = itertools.count(1)


def literal(value):
    """A value as an SQL literal."""
    return "NULL" if value is None else "'" + str(value).replace("'", "''") + "'"


def stamp(seconds):
    """Unix seconds as a timestamptz literal."""
    whole, micro = divmod(round(seconds * 1_000_000), 1_000_000)
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(whole)) + f".{micro:06d}+00"


def _field(value):
    if value is None:
        return "\\N"
    if isinstance(value, (dict, list)):
        value = json.dumps(value, sort_keys=True)
    return (str(value).replace("\\", "\\\\").replace("\t", "\\t")
            .replace("\n", "\\n").replace("\r", "\\r"))


def _psql(database, script):
    done = subprocess.run(
        ["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-d", database, "-f", "-"],
        input=script, capture_output=True, text=True, encoding="utf-8")
    if done.returncode != 0:
        raise RuntimeError(f"psql on {database}: {done.stderr.strip()}")
    return [json.loads(line) for line in done.stdout.splitlines() if line]


class Database:
    """A database with tracer in it, a copy of `template` if one is given."""

    def __init__(self, template=None):
        self.name = f"accuracy_{next(_names)}"
        self.script = []
        _psql("postgres", f"CREATE DATABASE {self.name} TEMPLATE "
              + (template.name if template else "template0"))
        if template is None:
            self.sql("CREATE EXTENSION tracer")
            self.run()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        _psql("postgres", f"DROP DATABASE {self.name} WITH (FORCE)")

    def sql(self, text):
        self.script.append(text + ";\n")

    def copy(self, table, columns, rows):
        self.script.append(f"COPY {table} ({', '.join(columns)}) FROM STDIN;\n")
        self.script.extend("\t".join(map(_field, row)) + "\n" for row in rows)
        self.script.append("\\.\n")

    def link(self, edges, kind="data", lag=None):
        """Declares (upstream, downstream) edges through tracer.link()."""
        self.script.append("CREATE TEMP TABLE new_edge (n serial, u text, d text);\n")
        self.copy("new_edge", ("u", "d"), edges)
        self.script.append(
            "SELECT tracer.link(array_agg(u ORDER BY n), array_agg(d ORDER BY n),"
            f" {literal(kind)}, lag => {literal(lag)}) FROM new_edge \\gset _\n"
            "DROP TABLE new_edge;\n")

    def run(self):
        """Runs what was collected; returns the JSON values that it printed."""
        script, self.script = "".join(self.script), []
        return _psql(self.name, script)

    def ask(self, query):
        """Runs what was collected, then a query; its rows as dictionaries."""
        self.sql(f"SELECT to_jsonb(q) FROM ({query}) AS q")
        return self.run()
