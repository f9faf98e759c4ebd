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

# The tensors' bytes of a checkpoint, and its header but for the seconds that the epochs took.
tensors() { tail -c "+$((9 + $(od -An -t u8 -N 8 "$1")))" "$1"; }
header() { tail -c +9 "$1" | head -c "$(($(od -An -t u8 -N 8 "$1")))" | sed -E 's/"seconds":"[^"]*"//; s/ +$//'; }

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
    wait "$run" 2>/dev/null || code=$?
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
whole="$folder/whole/checkpoint.safetensors"
cmp <(tensors "$whole") <(tensors "$checkpoint") || fail "the weights differ from those of the undisturbed run"
cmp <(header "$whole") <(header "$checkpoint") || fail "the checkpoint says something else than that of the undisturbed run"
cmp <(cut -d, -f1-6 "$folder/whole/history.csv") <(cut -d, -f1-6 "$folder/killed/history.csv") ||
    fail "the history differs from that of the undisturbed run"
left="$(cd "$folder/killed" && find . -type f | sort | tr '\n' ' ')"
wanted="$(cd "$folder/whole" && find . -type f | sort | tr '\n' ' ')"
[[ "$left" == "$wanted" ]] || fail "the killed run left $left, the other $wanted"
