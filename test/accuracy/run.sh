#!/bin/sh
# run.sh: how often tracer is right, as `make accuracy` measures it.
#
#   PART=name    one part, or several in quotes: petshop simulated peers alarms;
#                on request only: calibrate (what confidence.c should say)
#   DATA=folder  where the data are (default ../shared/data beside this tree)
#   FULL=1       the whole sweep of the simulation instead of its short form
#   PG_CONFIG    which PostgreSQL
#
# One throwaway cluster; every experiment in a database of its own. Needs
# Python 3 (its standard library is enough). README.md here says what is
# measured and how to read it.

TOP=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
PARTS=$PART
unset PART
DATA=${DATA:-$TOP/../shared/data}
if [ ! -d "$DATA" ] && [ "$DATA" = "$TOP/../shared/data" ]; then
    # A work tree beside the main one has the data beside the latter.
    _main=$(git -C "$TOP" rev-parse --path-format=absolute --git-common-dir 2>/dev/null)
    [ -d "${_main%/.git}/../shared/data" ] && DATA=${_main%/.git}/../shared/data
fi
[ -d "$DATA" ] || { echo "no folder of data: DATA=$DATA" >&2; exit 2; }
DATA=$(cd "$DATA" && pwd)
. "$TOP/test/lib/common.sh"

tracer_setup accuracy
command -v python3 >/dev/null 2>&1 || apt_install python3
quietly "$WORK/selftest.log" python3 -B "$TOP/test/accuracy/selftest.py" || die "the measure itself is wrong"
tracer_build
tracer_start "max_wal_size = 4GB" "full_page_writes = off" "autovacuum = off" "jit = off" \
    "max_parallel_workers_per_gather = 0" "shared_buffers = 256MB"
OUT=$TOP/tmp_check/accuracy
mkdir -p "$OUT" || die "cannot write to $OUT"
# shellcheck disable=SC2086
python3 -B "$TOP/test/accuracy/run.py" --data "$DATA" --out "$OUT" ${FULL:+--full} $PARTS
