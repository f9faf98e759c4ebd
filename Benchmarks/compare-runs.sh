#!/usr/bin/env bash
# Runs two builds of needletail-bench in turn, round by round, and says which rows differ by more than the noise:
#
#     Benchmarks/compare-runs.sh OLD NEW [ROUNDS] [COMMAND...]
#     Benchmarks/compare-runs.sh ../old/.build/release/needletail-bench .build/release/needletail-bench 10 op --filter matmul
#
# The same program twice shows what the machine's noise is. Exits with 1 where NEW is slower, or where a row of either failed.
set -euo pipefail
(($# >= 2)) || { sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 64; }
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
        # 1 is a row that failed: it stands in the file, and the comparison names it.
        "$program" "$@" --json --round "$round" >>"$place/$side.json" || (($? == 1))
        printf '\rround %d of %d' "$((round + 1))" "$rounds" >&2
    done
done
printf '\n' >&2
"$new" compare "$place/0.json" "$place/1.json"
