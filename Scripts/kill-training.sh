#!/usr/bin/env bash
# Kills a training run again and again, by SIGKILL and by SIGTERM in turn, and goes on from its last checkpoint each time. At the end
# nothing is torn and nothing left over, and the weights are those of a run that nobody disturbed, bit for bit.
# Usage: Scripts/kill-training.sh [KILLS]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
kills="${1:-100}"
program=.build/release/needletail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT

fail() {
    printf 'kill-training: error: %s\n' "$*" >&2
    exit 1
}
[[ -x "$program" ]] || fail "there is no $program; build it: swift build -c release --product needletail"

train() {
    local output="$1"
    shift
    # "exec" where it is to be killed: else the signal meets a shell, and not the program.
    ${launch:-} "$program" train mnist --device cpu --model mlp-small --limit 6000 --epochs "$((kills / 2 + 2))" --batch-size 60 --seed 3 --quiet \
        --output "$output" "$@"
}

train "$folder/whole" >/dev/null
checkpoint="$folder/killed/checkpoint.safetensors"
for ((count = 0; count < kills; count++)); do
    resume=()
    [[ -e "$checkpoint" ]] && resume=(--resume "$checkpoint")
    launch=exec train "$folder/killed" "${resume[@]}" >"$folder/said" 2>&1 &
    run=$!
    # 30 to 330 ms, so that starts, steps, epochs' ends and saves are all met.
    sleep "0.$(printf '%03d' "$((30 + RANDOM % 300))")"
    signal=KILL
    ((count % 2)) || signal=TERM
    kill "-$signal" "$run" 2>/dev/null || true
    code=0
    wait "$run" || code=$?
    case "$code" in
    0) break ;;
    137 | 143) ;;
    *) fail "after $count kills the run ended with $code: $(cat "$folder/said")" ;;
    esac
done
printf 'kill-training: killed %d times\n' "$count"
resume=()
[[ -e "$checkpoint" ]] && resume=(--resume "$checkpoint")
train "$folder/killed" "${resume[@]}" >/dev/null || fail "the last run failed"
cmp "$folder/whole/checkpoint.safetensors" "$checkpoint" || fail "the weights differ from those of the undisturbed run"
left="$(cd "$folder/killed" && find . -type f | sort | tr '\n' ' ')"
wanted="$(cd "$folder/whole" && find . -type f | sort | tr '\n' ' ')"
[[ "$left" == "$wanted" ]] || fail "the killed run left $left, the other $wanted"
