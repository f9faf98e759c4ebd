#!/usr/bin/env bash
# Runs two builds of needletail-bench in turn, round by round, and says which rows differ by more than the noise:
#
#     Benchmarks/compare-runs.sh OLD NEW [ROUNDS] [COMMAND...]
#     Benchmarks/compare-runs.sh ../old/.build/release/needletail-bench .build/release/needletail-bench 10 op --filter matmul
#
# The same program twice shows what the machine's noise is. Exits with 1 where NEW is slower, or where a row of either failed, and with 70
# where one of them broke.
set -euo pipefail
(($# >= 2)) || { sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 64; }
old="$1" new="$2" rounds="${3:-12}"
shift "$(($# < 3 ? $# : 3))"
(($# > 0)) || set -- op --device cpu
place="$(mktemp -d)"
trap 'rm -rf "$place"' EXIT
for ((round = 0; round < rounds; round++)); do
    # Who goes first alternates: the second finds the machine warmer.
    for side in $((round % 2)) $((1 - round % 2)); do
        program="$old"
        ((side == 0)) || program="$new"
        code=0
        "$program" "$@" --json --round "$round" >"$place/turn.json" || code=$?
        # 1 is a row that failed, where one stands in the file: the comparison names it. Anything else broke.
        ((code == 0)) || { ((code == 1)) && grep -q '"failure":' "$place/turn.json"; } || {
            printf '\ncompare-runs.sh: %s ended with %d, for the reason above; run it by itself to see more\n' "$program" "$code" >&2
            exit 70
        }
        cat "$place/turn.json" >>"$place/$side.json"
        printf '\rround %d of %d' "$((round + 1))" "$rounds" >&2
    done
done
printf '\n' >&2
"$new" compare "$place/0.json" "$place/1.json"
