#!/bin/sh
# demo.sh: four real cascades become four incidents, as `make demo` shows it.
#
#   KEEP=1     leave the cluster up and say how to reach it
#   REPORT=n   print the report of incident n instead
#   PG_CONFIG  which PostgreSQL

TOP=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
. "$TOP/test/lib/common.sh"

q() { as_server "$BINDIR/psql" -h "$PGHOST" -p "$PGPORT" -U "$PGUSER" -d demo -X -q -v ON_ERROR_STOP=1 "$@"; }
ask() { q -At -c "$1"; }

tracer_setup demo
tracer_build
tracer_start
as_server "$BINDIR/createdb" -h "$PGHOST" -p "$PGPORT" -U "$PGUSER" demo || exit 1
q -c 'CREATE EXTENSION tracer' || exit 1

step "loading four cascades, shuffled among unrelated alerts"
q -v data="$WORK/src/test/data/cascades" -f "$WORK/src/test/lib/load_cascades.sql" || exit 1
say
say "    $(ask "SELECT format('%s alerts from %s tools about %s assets of %s teams, in no order. The first six:',
        count(*), count(DISTINCT source),
        count(DISTINCT asset), (SELECT count(DISTINCT owner) FROM tracer.asset JOIN tracer.alert ON asset = name))
   FROM tracer.alert")"
say
q -P border=1 -P footer=off -P null=- -c "
SELECT to_char(fired_at, 'HH24:MI') AS fired, source, severity, asset, title
  FROM tracer.alert ORDER BY alert_id LIMIT 6" | sed 's/^/    /'

step "SELECT tracer.correlate();"
_t0=$(date +%s%N)
_took=$(ask "SELECT tracer.correlate()") || exit 1
_ms=$((($(date +%s%N) - _t0) / 1000000))
say
say "    $_took alerts placed in $_ms ms"
say

step "the incidents in which more than one asset failed"
say
q -P border=1 -P footer=off -P null=- -c "
SELECT incident_id AS id, severity, root_asset AS \"root cause\",
       to_char(100 * confidence, 'FM990\"%\"') AS confidence,
       (SELECT count(*) FROM tracer.incident_alerts a
         WHERE a.incident_id = i.incident_id AND a.role = 'symptom') AS symptoms,
       team_count AS teams, to_char(opened_at, 'HH24:MI') AS opened
  FROM tracer.incidents i
 WHERE asset_count > 1
 ORDER BY severity DESC, opened_at" | sed 's/^/    /'
say "    Everything else stands alone:"
say
q -P border=1 -P footer=off -P null=- -c "
SELECT incident_id AS id, severity, status, coalesce(origin_asset, '(no asset named)') AS asset, title,
       alert_count AS alerts, to_char(opened_at, 'HH24:MI') AS opened
  FROM tracer.incidents i
 WHERE asset_count <= 1
 ORDER BY severity DESC, opened_at" | sed 's/^/    /'

_id=${REPORT:-$(ask "SELECT incident_id FROM tracer.incident_alerts WHERE asset = 'spark.daily_transactions_agg'")}
case $_id in '' | *[!0-9]*) die "REPORT=$_id is no number of an incident" ;; esac
step "SELECT tracer.report($_id);"
say
ask "SELECT tracer.report($_id)" || exit 1
say
step "to look further"
say
if [ -n "$KEEP" ]; then
    KEEP_SERVER=1 KEEP_WORK=1
    _as=
    [ "$(id -u)" = 0 ] && _as="runuser -u $RUN_USER -- "
    cat <<END
    The cluster is up. Look around:

      psql -h $WORK -U postgres demo

      SELECT * FROM tracer.incidents;
      SELECT asset, role, because, path FROM tracer.incident_alerts WHERE incident_id = $_id;
      SELECT rank, asset, score, why FROM tracer.root_causes WHERE incident_id = $_id;
      SELECT asset, kind, weight, detail FROM tracer.evidence WHERE incident_id = $_id;
      SELECT tracer.report($_id, 'markdown');
      SELECT * FROM tracer.doctor();

    When you have seen enough:

      ${_as}$BINDIR/pg_ctl -D $PGDATA_DIR -m fast stop && rm -rf $WORK
END
else
    cat <<END
    make demo REPORT=n       the report of another incident, by its id above
    make demo KEEP=1         leaves the cluster up, for psql
    README.md                your own alerts, lineage and changes

    The extension stays installed: CREATE EXTENSION tracer; works in any database of this server.
END
fi
