#!/bin/bash
# run.sh: what tracer costs, side by side with what a user would otherwise write.
#
#   WORK=name   one row, or several in quotes: closure_count closure_rows
#               traversal one_edge cold_small memory session bursts alert_copy
#               alert_insert correlate rank ingest manifest capture gateway
#               worker_latency worker_cost worker_storm delivery_latency
#               delivery_rate
#   PAIRS=n     pairs of runs for a ratio (default: by how long the work takes)
#   OUT=file    write the table there, too
#   PG_CONFIG   which PostgreSQL
#
# Every ratio is of the medians of runs taken in turn, ours, theirs, ours,
# theirs, on the same data in one throwaway cluster, after a warm-up of both.
# The library is loaded when a session starts, so no run pays for that. What is
# measured stands in NAME.ours.sql and NAME.theirs.sql, between \timing on and
# \timing off; times are psql's and include sending the rows.
#
# Progress goes to stderr, the table to stdout.

ONLY=$WORK
unset WORK
ROWS_KNOWN=" closure_count closure_rows traversal one_edge cold_small memory session bursts alert_copy alert_insert correlate rank ingest manifest capture gateway worker_latency worker_cost worker_storm delivery_latency delivery_rate "
for _w in $ONLY; do
    case $ROWS_KNOWN in
        *" $_w "*) ;;
        *) echo "no such row: WORK=$_w (there are:$ROWS_KNOWN)" >&2; exit 2 ;;
    esac
done

TOP=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
. "$TOP/test/lib/common.sh"
exec 3>&1 1>&2

tracer_setup bench
tracer_build
tracer_start "fsync = on" "shared_buffers = 1GB" "jit = off" "max_wal_size = 16GB" "checkpoint_timeout = 1h" \
    "autovacuum = off" "maintenance_work_mem = 256MB" "max_parallel_workers_per_gather = 0" \
    "shared_preload_libraries = 'tracer'" "tracer.databases = 'none'" "max_worker_processes = 20" "log_min_messages = error"

BENCH=$WORK/src/test/bench
TABLE=$WORK/out/table
NOTES=$WORK/out/notes
: > "$TABLE"; : > "$NOTES"

wanted() { # wanted NAME...: is one of these rows asked for?
    [ -z "$ONLY" ] && return 0
    for _w in "$@"; do
        case " $ONLY " in *" $_w "*) return 0 ;; esac
    done
    return 1
}

q() { # q DATABASE [psql options]
    local db=$1; shift
    as_server "$BINDIR/psql" -h "$PGHOST" -p "$PGPORT" -U "$PGUSER" -d "$db" -X -q -v ON_ERROR_STOP=1 "$@"
}
ask() { q "$1" -At -c "$2"; }

database() { # database NAME: with tracer in it, once
    [ "$(ask postgres "SELECT count(*) FROM pg_database WHERE datname = '$1'")" = 1 ] && return
    q postgres -c "CREATE DATABASE $1" && q "$1" -c "CREATE EXTENSION tracer" || die "cannot create database $1"
}

has() { # has DATABASE FUNCTION...: a row whose function is missing is left out
    local db=$1 f; shift
    for f in "$@"; do
        [ "$(ask "$db" "SELECT count(*) > 0 FROM pg_proc WHERE pronamespace = 'tracer'::regnamespace AND proname = '$f'")" = t ] || return 1
    done
}

median() { sort -g | awk '{ v[NR] = $1 } END { if (NR) print (NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2) }'; }

# pairs DATABASE NAME N [psql options]: sets OURS and THEIRS, medians in ms.
pairs() {
    local db=$1 name=$2 n=${PAIRS:-$3} times=$WORK/out/$2.times i
    shift 3
    # -q for the copy: nothing but the times is printed.
    {
        echo "\\i $BENCH/$name.ours.sql"
        echo "\\i $BENCH/$name.theirs.sql"
        for ((i = 0; i < n; i++)); do
            echo "\\echo ours"
            echo "\\i $BENCH/$name.ours.sql"
            echo "\\echo theirs"
            echo "\\i $BENCH/$name.theirs.sql"
        done
    } > "$WORK/out/$name.sql"
    chmod a+r "$WORK/out/$name.sql"
    if ! q "$db" -At -o /dev/null "$@" -f "$WORK/out/$name.sql" > "$times"; then
        row "$name" - - - "-" "failed"
        return 1
    fi
    OURS=$(awk '$1 == "ours" || $1 == "theirs" { who = $1 } $1 == "Time:" && who == "ours" { print $2 }' "$times" | median)
    THEIRS=$(awk '$1 == "ours" || $1 == "theirs" { who = $1 } $1 == "Time:" && who == "theirs" { print $2 }' "$times" | median)
    [ -n "$OURS" ] && [ -n "$THEIRS" ]
}

row() { printf '| %-44s | %12s | %12s | %8s | %-8s | %-7s |\n' "$1" "$2" "$3" "$4" "$5" "$6" >> "$TABLE"; tail -1 "$TABLE" >&2; }

calc() { awk "BEGIN { printf \"$1\", $2 }" "${@:3}"; }

faster() { # faster TEXT REACH: theirs / ours must reach it
    row "$1" "$(calc '%.2f ms' "$OURS")" "$(calc '%.2f ms' "$THEIRS")" "$(calc '%.2f' "$THEIRS / $OURS")" ">= $2" \
        "$(calc '%s' "($THEIRS / $OURS >= $2) ? \"met\" : \"missed\"")"
}
slower() { # slower TEXT REACH: ours / theirs may reach it
    row "$1" "$(calc '%.2f ms' "$OURS")" "$(calc '%.2f ms' "$THEIRS")" "$(calc '%.2f' "$OURS / $THEIRS")" "<= $2" \
        "$(calc '%s' "($OURS / $THEIRS <= $2) ? \"met\" : \"missed\"")"
}
absent() { row "$1" - - - "-" "skipped"; }

# ---------------------------------------------------------------- the graph
if wanted closure_count closure_rows one_edge cold_small memory; then
    database bench_graph
    if ! has bench_graph upstream_count upstream link lineage_cache; then
        absent "closures (no lineage functions)"
    else
        step "1M assets, 4M edges"
        q bench_graph -f "$BENCH/graph.sql" || die "cannot build the graph"
        pick() { # pick NAME: psql options for that asset
            q bench_graph -At -F ' ' -c "SELECT asset_id, asset, size FROM bench.pick WHERE name = '$1'"
        }
        read -r BIG_ID BIG BIG_SIZE <<< "$(pick big)"
        read -r ROWS_ID ROWS ROWS_SIZE <<< "$(pick rows)"
        read -r SMALL_ID SMALL SMALL_SIZE <<< "$(pick small)"
        step "closures of $BIG_SIZE, $ROWS_SIZE and $SMALL_SIZE assets"

        wanted closure_count && pairs bench_graph closure_count 7 -v asset="$BIG" -v asset_id="$BIG_ID" &&
            faster "closure of $BIG_SIZE counted, warm" 80
        wanted closure_rows && pairs bench_graph closure_rows 15 -v asset="$ROWS" -v asset_id="$ROWS_ID" &&
            faster "closure of $ROWS_SIZE as rows with names" 10

        wanted one_edge && pairs bench_graph one_edge 7 -v asset="$BIG" &&
            faster "first call after one edge, against a rebuild" 50
        wanted cold_small && pairs bench_graph cold_small 21 -v asset="$SMALL" &&
            faster "cold question, $SMALL_SIZE ancestors" 1

        if wanted memory; then
            read -r BYTES NODES EDGES <<< "$(q bench_graph -At -F ' ' -c "SELECT tracer.upstream_count('$BIG')" \
                -c "SELECT bytes, nodes, edges FROM tracer.lineage_cache()" | tail -1)"
            row "memory of the graph, $EDGES edges" "$BYTES B" "$(calc '%d B' "12 * $EDGES + 24 * $NODES")" \
                "$(calc '%.2f' "$BYTES / (12 * $EDGES + 24 * $NODES)")" "<= 1" \
                "$(calc '%s' "($BYTES <= 12 * $EDGES + 24 * $NODES) ? \"met\" : \"missed\"")"
            echo "Memory: $(calc '%.2f' "$BYTES / $EDGES") bytes for each edge, nodes included; theirs is 12 for each edge and 24 for each node." >> "$NOTES"
        fi
    fi
fi

# ------------------------------------------------------------- the bare kernel
# kernel_bfs makes a graph of the same size and walks it twice: with nothing but
# arrays and a bitmap, and with the graph that backends cache.
if wanted traversal; then
    if [ ! -f "$BENCH/kernel_bfs.c" ]; then
        absent "traversal alone"
    else
        step "the traversal alone"
        ${CC:-cc} -O2 -DTRACER_STANDALONE -I"$WORK/src/src" -I"$WORK/src/test/fuzz" -o "$WORK/out/kernel_bfs" \
            "$BENCH/kernel_bfs.c" "$WORK"/src/src/lineage/{graph,patch,traverse}.c "$WORK/src/test/fuzz/pure_standalone.c" ||
            die "kernel_bfs.c does not compile"
        for ((i = 0; i < ${PAIRS:-5}; i++)); do "$WORK/out/kernel_bfs" 1000000 4000000; done > "$WORK/out/kernel.times"
        OURS=$(sed -n 's/^graph_reach *\([0-9.]*\) ms.*/\1/p' "$WORK/out/kernel.times" | median)
        THEIRS=$(sed -n 's/^bare kernel *\([0-9.]*\) ms.*/\1/p' "$WORK/out/kernel.times" | median)
        if [ -n "$OURS" ] && [ -n "$THEIRS" ]; then
            slower "traversal of $(sed -n 's/^graph_reach.* \([0-9]*\) reached.*/\1/p' "$WORK/out/kernel.times" | head -1), against the bare kernel" 1.5
        else
            row "traversal alone" - - - - failed
        fi
    fi
fi

# -------------------------------------------------------- windows and aggregates
if wanted session; then
    database bench
    step "session_id: 1M rows"
    q bench -f "$BENCH/session.setup.sql" && pairs bench session 7 &&
        faster "session_id on 1M rows" 2
fi
if wanted bursts; then
    database bench
    step "bursts: 10M rows"
    q bench -f "$BENCH/bursts.setup.sql" && pairs bench bursts 3 &&
        faster "bursts on 10M rows, 2 workers" 5
    q bench -c 'DROP TABLE bench.burst_rows'
fi

# --------------------------------------------------------------------- alerts
if wanted alert_copy alert_insert; then
    database bench
    step "1M alerts"
    q bench -v file="$WORK/out/alerts.copy" -f "$BENCH/alert_insert.setup.sql" || die "cannot make the alerts"
    wanted alert_copy && pairs bench alert_copy 5 -v file="$WORK/out/alerts.copy" &&
        slower "COPY of 1M alerts" 1.35
    wanted alert_insert && pairs bench alert_insert 5 &&
        slower "INSERT of 1M alerts" 1.35
fi

# -------------------------------------------------------------------- capture
if wanted capture; then
    database bench
    step "500 times INSERT ... SELECT of 100 rows, captured and not"
    q bench -f "$BENCH/capture.setup.sql" || die "cannot make the accounts"
    pairs bench capture 101 && slower "capture of INSERT ... SELECT" 1.02
fi

# ------------------------------------------------------------------ correlate
if wanted correlate rank; then
    database bench_deps
    # The first alternative of each dependency, without version and architecture.
    command -v apt-cache >/dev/null 2>&1 && apt-cache dumpavail 2>/dev/null | awk '
        /^Package: /                 { package = $2; print package "\t\\N" }
        /^(Depends|Pre-Depends): /   { sub(/^[^:]*: /, "")
                                       n = split($0, dep, /, */)
                                       for (i = 1; i <= n; i++) {
                                           sub(/ .*/, "", dep[i]); sub(/:.*/, "", dep[i])
                                           print package "\t" dep[i]
                                       } }' > "$WORK/out/dependencies"
    if [ "$(wc -l 2>/dev/null < "$WORK/out/dependencies")" -lt 100000 ]; then
        absent "correlate() and ranking (apt-get update first)"
    else
        chmod a+r "$WORK/out/dependencies"
        q bench_deps -v file="$WORK/out/dependencies" -f "$BENCH/debian.sql" || die "cannot load the dependencies"
        if wanted correlate; then
            step "500k alerts over Debian's package dependencies"
            q bench_deps -f "$BENCH/correlate.setup.sql" || die "cannot make the alerts"
            if pairs bench_deps correlate 3; then
                WRITTEN=$(ask bench_deps "SELECT (SELECT count(*) FROM tracer.alert_key) + (SELECT count(*) FROM tracer.episode)
                    + (SELECT count(*) FROM tracer.placement) + (SELECT count(*) FROM tracer.incident) + (SELECT count(*) FROM tracer.evidence_row)")
                row "correlate() on 500k alerts, rows/s" "$(calc '%.0f' "$WRITTEN / $OURS * 1000")" \
                    "$(calc '%.0f' "$WRITTEN / $THEIRS * 1000")" "$(calc '%.2f' "$THEIRS / $OURS")" ">= 0.25" \
                    "$(calc '%s' "($THEIRS / $OURS >= 0.25) ? \"met\" : \"missed\"")"
                echo "correlate(): $(ask bench_deps "SELECT format('%s alerts over %s assets and %s edges made %s incidents, %s rows in all; ',
                    (SELECT count(*) FROM tracer.alert), (SELECT count(*) FROM tracer.asset), (SELECT count(*) FROM tracer.lineage),
                    (SELECT count(*) FROM tracer.incident), $WRITTEN)")$(calc '%.2f s' "$OURS / 1000")." >> "$NOTES"
            fi
        fi
        if wanted rank; then
            step "an incident of 1,000 failures over the same"
            q bench_deps -f "$BENCH/rank.setup.sql" || die "cannot make the incident"
            pairs bench_deps rank 21 &&
                row "ranking it: a pass with and without" "$(calc '%.1f ms' "$OURS")" "$(calc '%.1f ms' "$THEIRS")" \
                    "$(calc '%.1f ms' "$OURS - $THEIRS")" "<= 50 ms" "$(calc '%s' "($OURS - $THEIRS <= 50) ? \"met\" : \"missed\"")"
        fi
    fi
fi

# --------------------------------------------------------------------- intake
if wanted ingest; then
    database bench_ingest
    step "Alertmanager bodies, one alert each, beside 1M stored alerts"
    q bench_ingest -f "$BENCH/ingest.setup.sql" || die "cannot make the alerts"
    (cd "$WORK/out" && as_server env PGOPTIONS="-c synchronous_commit=off" "$BINDIR/pgbench" -h "$PGHOST" -p "$PGPORT" -U "$PGUSER" -n -M prepared -c 1 -T "${SECONDS_OF_INGEST:-20}" -l --log-prefix="$WORK/out/ingest" \
        -f "$BENCH/ingest.pgbench" bench_ingest) > "$WORK/out/ingest.txt" || die "pgbench failed"
    RATE=$(sed -n 's/^tps = \([0-9.]*\).*/\1/p' "$WORK/out/ingest.txt")
    P99=$(cat "$WORK"/out/ingest.[0-9]* | awk '{ print $3 / 1000 }' | sort -g | awk '{ v[NR] = $1 } END { print v[int(NR * 0.99)] }')
    row "ingest() of one alert, alerts/s" "$(calc '%.0f' "$RATE")" - - ">= 5000" "$(calc '%s' "($RATE >= 5000) ? \"met\" : \"missed\"")"
    row "ingest() of one alert, p99" "$(calc '%.2f ms' "$P99")" - - "<= 5 ms" "$(calc '%s' "($P99 <= 5) ? \"met\" : \"missed\"")"
    echo "ingest(): each body in a transaction of its own, one connection, prepared, synchronous_commit off: what is measured is the work, not the disk that a lone sender waits for." >> "$NOTES"
fi
if wanted manifest; then
    database bench_manifest
    step "a dbt manifest of 7,000 models, twice"
    q bench_manifest -f "$BENCH/manifest.setup.sql" || die "cannot make the manifest"
    q bench_manifest -At -f "$BENCH/manifest.sql" > "$WORK/out/manifest.txt" || die "the import failed"
    read -r FIRST SECOND <<< "$(awk '$1 == "Time:" { printf "%s ", $2 }' "$WORK/out/manifest.txt")"
    row "dbt manifest of 7,000 models" "$(calc '%.0f ms' "$FIRST")" - - "<= 2 s" "$(calc '%s' "($FIRST <= 2000) ? \"met\" : \"missed\"")"
    row "the same once more" "$(calc '%.0f ms' "$SECOND")" "$(calc '%.0f ms' "$FIRST")" "$(calc '%.2f' "$SECOND / $FIRST")" "<= 1.1" "$(calc '%s' "($SECOND / $FIRST <= 1.1) ? \"met\" : \"missed\"")"
    echo "The manifest has $(ask bench_manifest "SELECT format('%s MB; %s assets and %s edges came of it', round(length(m.body) / 1e6), (SELECT count(*) FROM tracer.asset), (SELECT count(*) FROM tracer.lineage)) FROM manifest m")." >> "$NOTES"
fi

# -------------------------------------------------------------------- gateway
# contrib/gateway beside Alertmanager's own POST /api/v2/alerts, which keeps
# alerts in memory: 64 keep-alive connections, every alert a new one, and every
# one of ours committed before its answer.
load() { # load PORT ALERTS TOKEN: alerts/s, or nothing if a request failed
    ALERTS=$2 TOKEN=$3 wrk -t1 -c64 -d"${SECONDS_EACH:-5}s" -s "$BENCH/gateway.lua" "http://127.0.0.1:$1/api/v2/alerts" > "$WORK/out/wrk" || return
    grep -q 'Non-2xx\|Socket errors' "$WORK/out/wrk" && { cat "$WORK/out/wrk" >&2; return; }
    awk -v n="$2" '/^Requests\/sec:/ { printf "%.0f\n", $2 * n }' "$WORK/out/wrk"
}
if wanted gateway; then
    database bench_gateway
    if ! has bench_gateway ingest gateway_credentials; then
        absent "gateway (no tracer.ingest)"
    elif ! make -s -C "$WORK/src/contrib/gateway" BUILD="$WORK/out/gateway" PG_CONFIG="$PG_CONFIG"; then
        absent "gateway (it does not build: libmicrohttpd, libpq, OpenSSL and zlib are needed)"
    elif ! command -v wrk >/dev/null && ! apt_install wrk; then
        absent "gateway (no wrk)"
    elif ! tracer_borrow prometheus-alertmanager prometheus-alertmanager; then
        absent "gateway (no prometheus-alertmanager)"
    else
        step "gateway: 64 keep-alive connections, beside Alertmanager"
        q bench_gateway -c "CREATE ROLE gateway LOGIN" -c "SELECT tracer.grant_access('gateway', 'writer')" -o /dev/null
        SECRET=$(ask bench_gateway "SELECT tracer.create_gateway_token('prometheus')")
        "$WORK/out/gateway/tracer-gateway" -o "database=host=$PGHOST port=$PGPORT dbname=bench_gateway user=gateway" \
            -o listen=127.0.0.1:0 2> "$WORK/out/gateway.log" &
        GATEWAY=$!
        printf 'route: {receiver: none}\nreceivers: [{name: none}]\n' > "$WORK/out/alertmanager.yml"
        AM_PORT=19093
        prometheus-alertmanager --config.file="$WORK/out/alertmanager.yml" --storage.path="$WORK/out/alertmanager" \
            --web.listen-address=127.0.0.1:$AM_PORT --cluster.listen-address= > "$WORK/out/alertmanager.log" 2>&1 &
        ALERTMANAGER=$!
        sleep 3
        PORT=$(sed -n 's/.*listening on .* port \([0-9]*\)$/\1/p' "$WORK/out/gateway.log")
        for n in 1 20; do
            : > "$WORK/out/gateway.ours"; : > "$WORK/out/gateway.theirs"
            load "$PORT" $n "$SECRET" > /dev/null; load $AM_PORT $n "" > /dev/null
            for ((i = 0; i < ${PAIRS:-3}; i++)); do
                load "$PORT" $n "$SECRET" >> "$WORK/out/gateway.ours"
                load $AM_PORT $n "" >> "$WORK/out/gateway.theirs"
            done
            OURS=$(median < "$WORK/out/gateway.ours"); THEIRS=$(median < "$WORK/out/gateway.theirs")
            if [ -n "$OURS" ] && [ -n "$THEIRS" ]; then
                row "gateway, requests of $n, alerts/s" "$OURS" "$THEIRS" "$(calc '%.2f' "$OURS / $THEIRS")" ">= 0.33" \
                    "$(calc '%s' "($OURS / $THEIRS >= 0.33) ? \"met\" : \"missed\"")"
            else
                row "gateway, requests of $n" - - - - failed
            fi
        done
        kill $GATEWAY $ALERTMANAGER; wait $GATEWAY $ALERTMANAGER 2>/dev/null
        echo "Gateway: $(ask bench_gateway 'SELECT count(*) FROM tracer.alert') alerts committed. Alertmanager keeps its own in memory; gateway, database, Alertmanager and load generator share this machine." >> "$NOTES"
    fi
fi

# -------------------------------------------------------------------- the worker
# on / off: whether the worker of that database runs.
worker() { # worker on|off
    local databases=none state="'none', 'stopped'"
    if [ "$1" = on ]; then databases=bench_worker state="'idle'"; fi
    q postgres -c "ALTER SYSTEM SET tracer.databases = '$databases'" -c "SELECT pg_reload_conf()" > /dev/null
    until [ "$(ask bench_worker "SELECT count(*) FROM tracer.workers WHERE database = current_database() AND kind = 'correlator' AND state IN ($state)")" = 1 ]; do sleep 0.1; done
}
commit_times() { # commit_times on|off: whether the server keeps them, which takes a restart
    q postgres -c "ALTER SYSTEM SET track_commit_timestamp = $1"
    as_server "$BINDIR/pg_ctl" -D "$PGDATA_DIR" -l "$WORK/out/server.log" -w -t 60 -s restart || die "the server does not start again"
}
waiting() { ask bench_worker "SELECT count(*) FROM tracer.alert a WHERE NOT EXISTS (SELECT FROM tracer.placement p WHERE p.alert_id = a.alert_id)"; }
bench_pg() { as_server "$BINDIR/pgbench" -h "$PGHOST" -p "$PGPORT" -U "$PGUSER" -n "$@" bench_worker 2>&1; }
tps() { sed -n 's/^tps = \([0-9.]*\).*/\1/p'; }
percentile() { ask bench_worker "SELECT round(percentile_cont($1) WITHIN GROUP (ORDER BY ms)::numeric, 2) FROM bench.latency"; }

if wanted worker_latency worker_cost worker_storm; then
    database bench_worker
    q bench_worker -f "$BENCH/worker.setup.sql" > /dev/null || die "cannot make the lineage"
fi
if wanted worker_latency; then
    step "commit of an alert to its incident, 300 times"
    commit_times on
    worker on
    q bench_worker -v n=50 -f "$BENCH/worker_latency.sql" && q bench_worker -v n=300 -f "$BENCH/worker_latency.sql" || die "alerts are not placed"
    for _r in "50 2" "99 10"; do
        read -r P REACH <<< "$_r"
        MS=$(percentile "0.$P")
        row "commit of an alert to its incident, p$P" "$MS ms" - - "<= $REACH" "$(calc '%s' "($MS <= $REACH) ? \"met\" : \"missed\"")"
    done
    worker off
    commit_times off
fi
if wanted worker_cost; then
    step "INSERT with 8 clients, without the worker and with it"
    WITHOUT= WITH=
    for i in 1 2 3; do
        WITHOUT="$WITHOUT $(bench_pg -c 8 -j 2 -T 10 -f "$BENCH/worker_insert.pgbench" | tps)"
        worker on
        until [ "$(waiting)" = 0 ]; do sleep 0.5; done
        WITH="$WITH $(bench_pg -c 8 -j 2 -T 10 -f "$BENCH/worker_insert.pgbench" | tps)"
        LEFT=$(waiting)
        worker off
    done
    A=$(printf '%s\n' $WITHOUT | median) B=$(printf '%s\n' $WITH | median)
    row "INSERT by 8 clients while the worker keeps up" "$(calc '%.0f/s' "$B")" "$(calc '%.0f/s' "$A")" "$(calc '%.2f' "$B / $A")" ">= 0.75" \
        "$(calc '%s' "($B / $A >= 0.75) ? \"met\" : \"missed\"")"
    HALF=$(calc '%.0f' "$A / 2")
    A=$(bench_pg -c 8 -j 2 -T 15 -R "$HALF" -f "$BENCH/worker_insert.pgbench" | tps)
    worker on
    until [ "$(waiting)" = 0 ]; do sleep 0.5; done
    B=$(bench_pg -c 8 -j 2 -T 15 -R "$HALF" -f "$BENCH/worker_insert.pgbench" | tps)
    row "the same at half that rate" "$(calc '%.0f/s' "$B")" "$(calc '%.0f/s' "$A")" "$(calc '%.2f' "$B / $A")" ">= 0.95" \
        "$(calc '%s' "($B / $A >= 0.95) ? \"met\" : \"missed\"")"
    echo "worker_cost: at the end of the saturated run $LEFT alerts waited for a pass." >> "$NOTES"
    worker off
fi
if wanted worker_storm; then
    step "500k alerts in a minute"
    q bench_worker -c "TRUNCATE tracer.alert, tracer.placement, tracer.episode, tracer.alert_key, tracer.incident, tracer.evidence_row, tracer.incident_event, tracer.correlate_state"
    worker on
    bench_pg -c 4 -j 2 -T 60 -R 84 -f "$BENCH/worker_storm.pgbench" > /dev/null
    END=$(date +%s.%N)
    until [ "$(waiting)" = 0 ]; do sleep 0.1; done
    LAG=$(calc '%.1f' "$(date +%s.%N) - $END")
    row "a storm of 500k alerts, placed after its end" "$LAG s" - - "<= 5" "$(calc '%s' "($LAG <= 5) ? \"met\" : \"missed\"")"
    echo "worker_storm: $(ask bench_worker "SELECT format('%s alerts of %s keys made %s incidents; %s were opened more than once.',
        (SELECT count(*) FROM tracer.alert), (SELECT count(*) FROM tracer.alert_key), (SELECT count(*) FROM tracer.incidents),
        (SELECT count(*) FROM (SELECT FROM tracer.incident_event WHERE kind = 'opened' GROUP BY incident_id HAVING count(*) > 1) x))")" >> "$NOTES"
    worker off
fi

# ------------------------------------------------------------------- delivery
# delivery NAME PROGRAM N: runs delivery.py in a database of its own.
delivery() {
    database "bench_$1"
    q postgres -c "ALTER SYSTEM SET tracer.databases = 'bench_$1'" -c "ALTER SYSTEM SET tracer.allow_private_addresses = on" \
        -c "SELECT pg_reload_conf()" > /dev/null
    until [ "$(ask "bench_$1" "SELECT count(*) FROM tracer.workers WHERE database = current_database() AND kind = 'correlator' AND state = 'idle'")" = 1 ]; do sleep 0.1; done
    python3 -B "$BENCH/delivery.py" "$2" "bench_$1" "$3"
    local rc=$?
    q postgres -c "ALTER SYSTEM SET tracer.databases = 'none'" -c "SELECT pg_reload_conf()" > /dev/null
    return $rc
}
if wanted delivery_latency; then
    command -v prometheus-alertmanager > /dev/null || apt_install prometheus-alertmanager
    step "an alert to the request that arrives, in turn with Alertmanager"
    if read -r P50 P99 AM50 AM99 <<< "$(delivery delivery_latency latency 300)" && [ -n "$AM99" ]; then
        row "alert sent to request received, p50" "$P50 ms" "$AM50 ms" "$(calc '%.2f' "$P50 / $AM50")" "<= 5 ms" \
            "$(calc '%s' "($P50 <= 5) ? \"met\" : \"missed\"")"
        row "alert sent to request received, p99" "$P99 ms" "$AM99 ms" "$(calc '%.2f' "$P99 / $AM99")" "<= 2" \
            "$(calc '%s' "($P99 / $AM99 <= 2) ? \"met\" : \"missed\"")"
    else
        row "alert sent to request received" - - - - failed
    fi
fi
if wanted delivery_rate; then
    command -v wrk > /dev/null || apt_install wrk
    step "10,000 notifications to a receiver that answers in 10 ms"
    if read -r OURS THEIRS CONNECTIONS <<< "$(delivery delivery_rate rate 10000)" && [ -n "$CONNECTIONS" ]; then
        row "10,000 notifications, $CONNECTIONS connections" "$OURS/s" "$THEIRS/s" "$(calc '%.2f' "$OURS / $THEIRS")" ">= 0.5" \
            "$(calc '%s' "($OURS >= 2000 && $OURS / $THEIRS >= 0.5) ? \"met\" : \"missed\"")"
        echo "delivery_rate: theirs is wrk over as many connections to the same receiver; at least 2,000/s are wanted, too." >> "$NOTES"
    else
        row "10,000 notifications" - - - - failed
    fi
fi

# --------------------------------------------------------------------- report
report() {
    echo "# Speed"
    echo
    echo "\`make bench\`: ratios of medians of runs taken in turn, ours and theirs, on the same data. What each row runs is in \`test/bench/NAME.ours.sql\` and \`NAME.theirs.sql\`."
    echo
    printf '| %-44s | %12s | %12s | %8s | %-8s | %-7s |\n' work ours theirs ratio reach verdict
    echo "|----------------------------------------------|-------------:|-------------:|---------:|----------|---------|"
    cat "$TABLE"
    echo
    [ -s "$NOTES" ] && sed 's/$/\n/' "$NOTES"
    echo "Machine: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) cores, $(awk '/^MemTotal/ { printf "%.0f GB", $2 / 1048576 }' /proc/meminfo); $(ask postgres "SELECT split_part(version(), ' on ', 1)"), shared_buffers 1GB, jit off, fsync on."
}
report | tee ${OUT:+"$OUT"} >&3
! grep -q failed "$TABLE"
