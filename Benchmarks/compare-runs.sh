#!/usr/bin/env bash
# Runs two builds of needletail-bench in turn, round by round, and says which rows differ by more than the noise:
#
#     Benchmarks/compare-runs.sh OLD NEW [ROUNDS] [COMMAND...]
#     Benchmarks/compare-runs.sh ../old/.build/release/needletail-bench .build/release/needletail-bench 10 op --filter matmul
#
# ROUNDS is 12 and COMMAND `op --device cpu` where they are not given. The same program twice shows what the machine's noise is. Exits
# with 1 where NEW is slower or a row of either failed, 2 where there were too few rounds to tell, and 70 where one of them broke.
set -euo pipefail
(($# >= 2)) || { sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 64; }
old="$1" new="$2" rounds="${3:-12}"
shift "$(($# < 3 ? $# : 3))"
(($# > 0)) || set -- op --device cpu
fail() {
    printf 'compare-runs.sh: %s\n' "$2" >&2
    exit "$1"
}
[[ "$rounds" =~ ^[1-9][0-9]*$ ]] || fail 64 "ROUNDS is a number of 1 or more, and '$rounds' is none"
for program in "$old" "$new"; do
    command -v "$program" >/dev/null || fail 64 "$program is no program; build it: swift build -c release --product needletail-bench"
done
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
            printf '\n' >&2
            fail 70 "$program ended with $code, for the reason above; run it by itself to see more"
        }
        cat "$place/turn.json" >>"$place/$side.json"
    done
    left=$((SECONDS * (rounds - round - 1) / (round + 1)))
    printf '\rround %d of %d, about %d:%02d left ' "$((round + 1))" "$rounds" $((left / 60)) $((left % 60)) >&2
done
printf '\n' >&2
"$new" compare "$place/0.json" "$place/1.json"
