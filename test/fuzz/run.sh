#!/bin/bash
# run.sh: the pure C cores outside a server, under libFuzzer and under valgrind.
#
# Every test/fuzz/NAME_fuzz.c defines LLVMFuzzerTestOneInput() and names, in a
# line "Cores: ...", the files of src/ that it needs, and in a line
# "Libraries: ..." what else is to be linked. Each is run twice:
#
#   libFuzzer   with AddressSanitizer and UndefinedBehaviorSanitizer, for
#               SECONDS_EACH seconds
#   valgrind    over RUNS inputs from a fixed seed
#
# and each run counts as one test. Last line: "N passed, M failed".

set -u
TOP=$(cd "$(dirname "$0")/../.." && pwd)
SECONDS_EACH=${SECONDS_EACH:-10}
RUNS=${RUNS:-150}
WORK=$(mktemp -d /tmp/tracer-fuzz.XXXXXX)
trap 'rm -rf "$WORK"' EXIT
cd "$TOP" || exit 1

passed=0 failed=0
verdict() {
    if [ "$1" = 0 ]; then
        passed=$((passed + 1)); printf 'ok      %-10s %s\n' "$2" "$3"
    else
        failed=$((failed + 1)); printf 'not ok  %-10s %s\n' "$2" "$3"; tail -60 "$4" | sed 's/^/    /'
    fi
}

for file in test/fuzz/*_fuzz.c; do
    [ -f "$file" ] || continue
    name=${file##*/}; name=${name%_fuzz.c}
    cores=$(sed -n 's/^.*Cores: *//p' "$file")
    libraries=$(sed -n 's/^.*Libraries: *//p' "$file")
    sources="$file test/fuzz/pure_standalone.c $(for c in $cores; do echo "src/$c"; done)"
    flags="-g -std=gnu11 -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -DTRACER_STANDALONE -Isrc -Itest/fuzz"

    # shellcheck disable=SC2086
    if clang $flags -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined $sources \
        -o "$WORK/$name.fuzz" -lm $libraries >"$WORK/log" 2>&1; then
        mkdir -p "$WORK/$name.corpus"
        (cd "$WORK" && "./$name.fuzz" -max_total_time="$SECONDS_EACH" -max_len=2048 -timeout=20 -rss_limit_mb=3000 \
            -print_final_stats=1 "$name.corpus") >"$WORK/log" 2>&1
        rc=$?
        verdict $rc libFuzzer "$name ($(sed -n 's/^stat::number_of_executed_units: *//p' "$WORK/log") inputs)" "$WORK/log"
        if [ $rc != 0 ]; then
            for crash in "$WORK"/crash-* "$WORK"/timeout-* "$WORK"/oom-*; do
                [ -f "$crash" ] && { echo "    input, in base64:"; base64 "$crash" | sed 's/^/    /'; rm "$crash"; }
            done
        fi
    else
        verdict 1 libFuzzer "$name: does not build" "$WORK/log"
    fi

    # shellcheck disable=SC2086
    if gcc $flags -O1 $sources test/fuzz/replay.c -o "$WORK/$name.replay" -lm $libraries >"$WORK/log" 2>&1; then
        valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite,indirect \
            "$WORK/$name.replay" "$RUNS" >"$WORK/log" 2>&1
        verdict $? valgrind "$name ($RUNS inputs)" "$WORK/log"
    else
        verdict 1 valgrind "$name: does not build" "$WORK/log"
    fi
done

echo
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
