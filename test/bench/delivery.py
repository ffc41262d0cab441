#!/usr/bin/env python3
"""delivery.py: how fast alerts become requests, beside what else there is.

    delivery.py latency DATABASE N    N alerts to tracer and to Alertmanager in turn;
                                      prints p50 and p99 of both in ms, from just before
                                      the alert is sent to the request's arrival
    delivery.py rate DATABASE N       N notifications that wait, to a receiver that
                                      answers in 10 ms, and wrk over as many
                                      connections; prints both rates and the connections

The database has tracer with its worker, and nothing in it. Both sides send to
the same receiver (test/http/receiver.py), and times are taken there.
"""
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
WORK = tempfile.mkdtemp(prefix="tracer-delivery-")
children = []


def psql(database):
    """A psql that stays open; ask() sends one statement and returns its rows."""
    p = subprocess.Popen(["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-d", database],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    children.append(p)

    def ask(sql):
        p.stdin.write(sql + ";\n\\echo ---\n")
        p.stdin.flush()
        rows = []
        for line in p.stdout:
            if line == "---\n":
                return rows
            rows.append(line.rstrip("\n"))
        sys.exit("psql ended: " + sql)
    return ask


def receiver():
    log = os.path.join(WORK, "log")
    p = subprocess.Popen([sys.executable, "-B", os.path.join(HERE, "..", "http", "receiver.py"), log],
                         stdout=subprocess.PIPE, text=True)
    children.append(p)
    return int(p.stdout.readline().split()[1]), log


def read(log, path):
    with open(log, encoding="utf-8") as f:
        return [e for e in map(json.loads, f) if e["path"] == path]


def requests(log):
    """How many so far; cheap, to ask while others are at work."""
    if not os.path.exists(log):
        return 0
    with open(log, "rb") as f:
        return f.read().count(b"\n")


def until(condition, what, seconds=120):
    for _ in range(seconds * 10):
        if condition():
            return
        time.sleep(0.1)
    sys.exit("timed out: " + what)


def prepare(ask, url):
    ask("SELECT tracer.set('mode', 'live'), tracer.set('group_wait', '0')")
    ask("INSERT INTO tracer.channel (name, kind, settings) VALUES ('bench', 'webhook', '{\"url\": \"%s\"}')" % url)
    ask("INSERT INTO tracer.team (name, page) VALUES ('bench', '{bench}')")


def alertmanager(port):
    """Debian's, keeping to loopback; returns a connection to it."""
    program = shutil.which("prometheus-alertmanager") or "/usr/bin/prometheus-alertmanager"
    config = os.path.join(WORK, "alertmanager.yml")
    own = port + 1
    with open(config, "w", encoding="utf-8") as f:
        f.write("route: {receiver: hook, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}\n"
                "receivers: [{name: hook, webhook_configs: [{url: 'http://127.0.0.1:%d/theirs?full', send_resolved: false}]}]\n" % port)
    children.append(subprocess.Popen(
        [program, "--config.file=" + config, "--storage.path=" + os.path.join(WORK, "am"),
         "--web.listen-address=127.0.0.1:%d" % own, "--cluster.listen-address="],
        stdout=subprocess.DEVNULL, stderr=open(os.path.join(WORK, "am.log"), "w", encoding="utf-8")))
    for _ in range(100):
        try:
            c = http.client.HTTPConnection("127.0.0.1", own)
            c.request("GET", "/-/ready")
            if c.getresponse().read() is not None:
                return c
        except OSError:
            time.sleep(0.1)
    sys.exit("Alertmanager does not start")


def percentiles(log, path, n):
    took = sorted(1000 * (e["at"] - float(re.search(r"t0=([0-9.]+)", e["body"]).group(1)))
                  for e in read(log, path)[-n:])
    return took[len(took) // 2], took[int(len(took) * 0.99)]


def latency(database, n):
    port, log = receiver()
    ask = psql(database)
    prepare(ask, "http://127.0.0.1:%d/ours?full" % port)
    am = alertmanager(port)
    warm = 50
    ask("INSERT INTO tracer.asset (name, owner) SELECT 'asset ' || i, 'bench' FROM generate_series(1, %d) i" % (n + warm))
    time.sleep(2)
    for i in range(1, n + warm + 1):
        ask("INSERT INTO tracer.alert (asset, title) VALUES ('asset %d', 'late t0=%.6f')" % (i, time.time()))
        time.sleep(0.03)
        body = json.dumps([{"labels": {"alertname": "late", "asset": "asset %d" % i},
                            "annotations": {"title": "t0=%.6f" % time.time()}}])
        am.request("POST", "/api/v2/alerts", body, {"Content-Type": "application/json"})
        am.getresponse().read()
        time.sleep(0.03)
    until(lambda: len(read(log, "/ours?full")) >= n + warm and len(read(log, "/theirs?full")) >= n + warm, "all arrive")
    print("%.2f %.2f %.2f %.2f" % (percentiles(log, "/ours?full", n) + percentiles(log, "/theirs?full", n)))


def rate(database, n):
    port, log = receiver()
    ask = psql(database)
    ask("ALTER SYSTEM SET tracer.deliver = off")
    ask("SELECT pg_reload_conf()")
    path = "/delay/10/ok"
    prepare(ask, "http://127.0.0.1:%d%s" % (port, path))
    ask("INSERT INTO tracer.asset (name, owner) SELECT 'asset ' || i, 'bench' FROM generate_series(1, %d) i" % n)
    ask("INSERT INTO tracer.alert (asset, title) SELECT 'asset ' || i, 'late' FROM generate_series(1, %d) i" % n)
    until(lambda: ask("SELECT count(*) FROM tracer.notification WHERE state = 'due'") == [str(n)], "all is planned")
    ask("ALTER SYSTEM RESET tracer.deliver")
    ask("SELECT pg_reload_conf()")
    until(lambda: requests(log) >= n, "all arrive")
    got = read(log, path)
    ours = (n - 1) / (got[n - 1]["at"] - got[0]["at"])
    connections = len({e["connection"] for e in got})
    until(lambda: ask("SELECT count(*) FROM tracer.notification WHERE state = 'sent'") == [str(n)], "all is recorded")

    script = os.path.join(WORK, "post.lua")
    with open(script, "w", encoding="utf-8") as f:
        f.write("wrk.method = 'POST'\nwrk.body = string.rep('x', %d)\n" % got[0]["length"])
    out = subprocess.run(["wrk", "-t1", "-c%d" % connections, "-d5s", "-s", script, "http://127.0.0.1:%d%s" % (port, path)],
                         capture_output=True, text=True, check=True).stdout
    print("%.0f %.0f %d" % (ours, float(re.search(r"Requests/sec: *([0-9.]+)", out).group(1)), connections))


try:
    {"latency": latency, "rate": rate}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
finally:
    for child in children:
        child.terminate()
    shutil.rmtree(WORK, ignore_errors=True)
