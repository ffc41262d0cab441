#!/bin/sh
# run.sh: the whole test suite, as `make test` calls it.
#
#   SUITE=regress|isolation|tap   one part only
#   T=name                        only the test of that name (a part of a TAP
#                                 file's name will do)
#   WERROR=1, EXTRA_CFLAGS=...    as for make
#   PG_CONFIG=...                 which PostgreSQL
#   LOGS=dir                      where to leave the logs of what failed
#   SERVER_ENV="A=b ..."          environment of the servers (sanitizers)
#   TRACER_NO_SKIP=1              what was skipped has failed
#
# The last line is "N passed, M failed" over all parts: a regression or
# isolation file counts as one, a TAP assertion as one. Before it a line
# "skipped: TEST: REASON" for everything that did not run. Exits 0 only if
# nothing failed and something ran.

TOP=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
. "$TOP/test/lib/common.sh"

PASSED=0 FAILED=0 SKIPPED=

# What stops the suite before it ran is a failure too, and the last line says so.
die() {
    printf '%s\n' "$*" >&2
    say
    say "$PASSED passed, $((FAILED + 1)) failed"
    exit 1
}

count() { PASSED=$((PASSED + $1)); FAILED=$((FAILED + $2)); }

# In a part that must give a result: nothing ran means that it failed.
at_least_one() {
    if [ $(($1 + $2)) = 0 ]; then say "    nothing ran"; count 0 1; else count "$1" "$2"; fi
}

keep_log() {
    [ -n "$LOGS" ] && mkdir -p "$LOGS" && cp "$1" "$LOGS/" 2>/dev/null
    return 0
}

# pg_regress printed "test x ... ok" up to version 15, "ok 1 - x" from 16 on.
count_regress() {
    _ok=$(grep -cE '^ok [0-9]|^(test| +).* \.\.\. ok( |$)' "$1")
    _bad=$(grep -cE '^not ok [0-9]|^(test| +).* \.\.\. FAILED|^(test| +).* \.\.\. failed' "$1")
    if [ "$2" != 0 ] && [ "$_bad" = 0 ]; then _bad=1; fi
    at_least_one "$_ok" "$_bad"
}

# names DIR EXT: the stems of the files in a folder, those that T selects.
names() {
    for _f in "$WORK/src/$1"/*."$2"; do
        [ -f "$_f" ] || continue
        _n=${_f##*/}; _n=${_n%."$2"}
        case $_n in *"$T"*) echo "$_n" ;; esac
    done
}

# regress PART PROGRAM INPUTDIR TESTS...
regress() {
    _part=$1 _prog=$2 _input=$3; shift 3
    _out=$WORK/out/$_part
    as_server mkdir -p "$_out"
    # A test before this one may have crashed the server.
    for _i in 1 2 3 4 5 6 7 8 9 10; do "$BINDIR/pg_isready" -q && break; sleep 1; done
    [ -x "$_prog" ] || { say "    no $_prog"; count 0 1; return; }
    _rc=0
    (cd "$_out" && as_server env PATH="$PATH" PGHOST="$PGHOST" PGPORT="$PGPORT" PGUSER="$PGUSER" \
        "$_prog" --inputdir="$_input" --outputdir="$_out" --bindir="$BINDIR" --host="$PGHOST" --port="$PGPORT" \
        --user="$PGUSER" --dbname="tracer_$_part" "$@") >"$_out.log" 2>&1 || _rc=$?
    grep -E '^(ok|not ok|test |# (could|failed)|.*(FATAL|PANIC|server closed))' "$_out.log" | sed 's/^/    /'
    if [ $_rc != 0 ]; then
        if [ -f "$_out/regression.diffs" ]; then
            head -c 30000 "$_out/regression.diffs"; echo
            cp "$_out/regression.diffs" "$_out.diffs"; keep_log "$_out.diffs"
        else
            cat "$_out.log"
        fi
        keep_log "$WORK/out/server.log"
    fi
    count_regress "$_out.log" $_rc
}

tap() {
    _n=$1
    _dir=$WORK/out/tap/$_n
    as_server mkdir -p "$_dir/tmp_check/log"
    _t0=$(date +%s) _rc=0
    # shellcheck disable=SC2086
    (cd "$_dir" && as_server env $SERVER_ENV PATH="$PATH" PERL5LIB="$PGXS_DIR/src/test/perl:$WORK/src/test/lib${PERL5LIB:+:$PERL5LIB}" \
        PG_REGRESS="$PGXS_DIR/src/test/regress/pg_regress" TESTDIR="$_dir" TESTDATADIR="$_dir/tmp_check" \
        TESTLOGDIR="$_dir/tmp_check/log" top_builddir="$_dir" TRACER_TOP="$WORK/src" TRACER_PG_MAJOR="$PG_MAJOR" \
        PG_CONFIG="$PG_CONFIG" HOME="$_dir" \
        prove -v "$WORK/src/test/t/$_n.pl") >"$_dir.log" 2>&1 </dev/null || _rc=$?
    # "FILE .. skipped: WHY" of prove is a whole file, "ok 3 # skip WHY" one assertion.
    _skips=$(sed -nE -e 's/^ *ok [0-9]+([^#]*[^#\\])?# *[Ss][Kk][Ii][Pp] *//p' -e 's/^[^ ]+ \.+ skipped: //p' "$_dir.log" |
        sort | uniq -c | sed -E "s/^ *([0-9]+) (.*)/skipped: $_n: \2 (\1)/")
    if [ -n "$_skips" ]; then
        SKIPPED="$SKIPPED$_skips
"
        [ -z "$TRACER_NO_SKIP" ] || count 0 "$(printf '%s\n' "$_skips" | wc -l)"
    fi
    _ok=$(grep -E '^ok [0-9]' "$_dir.log" | grep -vciE '# (skip|todo)')
    _bad=$(grep -E '^not ok [0-9]' "$_dir.log" | grep -vciE '# todo')
    if [ $_rc != 0 ] && [ "$_bad" = 0 ]; then _bad=1; fi
    if [ $_rc = 0 ] && grep -q '^Result: NOTESTS' "$_dir.log"; then
        printf '    skipped %s\n' "$_n"
        rm -rf "$_dir"
        return
    fi
    if [ $_rc = 0 ] && [ "$_bad" = 0 ]; then
        printf '    ok      %-28s %4d tests %5d s\n' "$_n" "$_ok" $(($(date +%s) - _t0))
    else
        printf '    not ok  %-28s %4d passed, %d failed\n' "$_n" "$_ok" "$_bad"
        grep -vE '^ok [0-9]' "$_dir.log" | head -c 20000 | sed 's/^/        /'
        keep_log "$_dir.log"
        # Files' own logs: psql and servers.
        if [ -n "$LOGS" ]; then mkdir -p "$LOGS/$_n" && cp "$_dir"/tmp_check/log/* "$LOGS/$_n/" 2>/dev/null; fi
    fi
    at_least_one "$_ok" "$_bad"
    rm -rf "$_dir"
}

case $SUITE in '' | regress | isolation | tap) ;; *) die "SUITE=$SUITE: it is regress, isolation or tap" ;; esac

tracer_setup test
tracer_build

if [ "$SUITE" != tap ]; then
    tracer_start "max_connections = 60"
    if [ "$SUITE" != isolation ]; then
        _tests=$(names sql sql)
        if [ -n "$_tests" ]; then
            step "regression tests"
            # shellcheck disable=SC2086
            regress regress "$PGXS_DIR/src/test/regress/pg_regress" "$WORK/src" $_tests
        fi
    fi
    if [ "$SUITE" != regress ]; then
        _tests=$(names test/specs spec)
        if [ -n "$_tests" ]; then
            step "isolation tests"
            # shellcheck disable=SC2086
            regress isolation "$PGXS_DIR/src/test/isolation/pg_isolation_regress" "$WORK/src/test" $_tests
        fi
    fi
    tracer_stop
fi
if [ -z "$SUITE" ] || [ "$SUITE" = tap ]; then
    _tests=$(names test/t pl)
    if [ -n "$_tests" ]; then
        step "TAP tests"
        case $_tests in *400_gateway*) tracer_borrow prometheus-alertmanager amtool ;; esac
        for _name in $_tests; do tap "$_name"; done
    fi
fi

if [ $((PASSED + FAILED)) = 0 ]; then
    [ -n "$SKIPPED" ] && say "nothing ran" || say "no test is named like that: SUITE=$SUITE T=$T"
    FAILED=1
fi
say
[ -z "$SKIPPED" ] || say "$SKIPPED"
say "$PASSED passed, $FAILED failed"
[ "$FAILED" = 0 ]
