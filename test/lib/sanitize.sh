#!/bin/sh
# sanitize.sh: regression tests, isolation tests and the delivery of notifications
# on a build with AddressSanitizer and UndefinedBehaviorSanitizer, both of which
# abort the server when they find something. Each of the three counts as one test.
#
# The server is a copy: PostgreSQL finds its files relative to its program, so
# the installed one keeps its own library. Leaks are not looked for, because a
# backend leaves its memory to the operating system when it ends.

TOP=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
. "$TOP/test/lib/common.sh"

major=$(installed_major)
[ -n "$major" ] || die "no PostgreSQL server is installed"
asan=$(readlink -f "$(gcc -print-file-name=libasan.so)")
[ -f "$asan" ] || die "gcc has no libasan.so"

copy=$(mktemp -d /tmp/tracer-asan.XXXXXX) || exit 1
trap 'rm -rf "$copy"' EXIT
chmod 755 "$copy"
mkdir -p "$copy/usr/lib/postgresql" "$copy/usr/share/postgresql" "$copy/usr/include"
cp -a "/usr/lib/postgresql/$major" "$copy/usr/lib/postgresql/"
cp -a "/usr/share/postgresql/$major" "$copy/usr/share/postgresql/"
cp -a /usr/include/postgresql "$copy/usr/include/"

# PostgreSQL reads unaligned where the machine can.
export PG_CONFIG="$copy/usr/lib/postgresql/$major/bin/pg_config"
export EXTRA_CFLAGS="-fsanitize=address,undefined -fno-sanitize=alignment -fno-sanitize-recover=undefined -O1 -U_FORTIFY_SOURCE -DTRACER_CHECK"
export EXTRA_LIBS="-fsanitize=address,undefined"
export SERVER_ENV="LD_PRELOAD=$asan ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1:abort_on_error=1"

passed=0 failed=0
for suite in regress isolation tap; do
    only=
    # the worker, and the library that only its sender loads
    [ $suite = tap ] && only=310_delivery
    if SUITE=$suite T=$only TRACER_KILLS=4 LOGS=$copy/logs sh "$TOP/test/lib/run.sh" >"$copy/out" 2>&1; then
        passed=$((passed + 1))
        sed 's/^\([0-9]* passed\), \([0-9]* failed\)$/(\1, \2)/' "$copy/out"
    else
        failed=$((failed + 1))
        sed 's/^\([0-9]* passed\), \([0-9]* failed\)$/(\1, \2)/' "$copy/out"
        grep -hE -A25 'AddressSanitizer|runtime error' "$copy/logs/server.log" "$copy"/logs/*/*.log 2>/dev/null | head -120
    fi
done

say
say "$passed passed, $failed failed"
[ "$failed" = 0 ]
