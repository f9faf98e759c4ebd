#!/usr/bin/env bash
# Kills training runs again and again, by SIGKILL and by SIGTERM in turn, and goes on from their last checkpoint each time. At the end
# nothing is torn and nothing left over, and weights and logs are those of a run that nobody disturbed, bit for bit: first of
# `trials every-callback`, with every callback on, then of `needletail train`.
# Usage: Scripts/kill-training.sh [KILLS] [debug]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
kills="${1:-100}"
build=".build/${2:-release}"
program="$build/needletail"
trials="$build/Trials"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT

fail() {
    printf 'kill-training: error: %s\n' "$*" >&2
    exit 1
}
for each in "$program" "$trials"; do
    [[ -x "$each" ]] || fail "there is no $each; build it: swift build -c release --product $(basename "$each")"
done

# Sets "code": how the program ended that is killed after 30 to 330 ms, so that starts, steps, epochs' ends and saves are all met.
# "exec" in a program of several words: else the signal meets a shell, and not the program.
killed() {
    local number="$1"
    shift
    "$@" >"$folder/said" 2>&1 &
    local run=$!
    sleep "0.$(printf '%03d' "$((30 + RANDOM % 300))")"
    local signal=KILL
    ((number % 2)) || signal=TERM
    kill "-$signal" "$run" 2>/dev/null || true
    code=0
    wait "$run" 2>/dev/null || code=$?
    case "$code" in
    0 | 137 | 143) ;;
    *) fail "after $number kills the run ended with $code: $(cat "$folder/said")" ;;
    esac
}

# As many runs as it takes: each is killed until it has come to its end, and compared.
epochs=20
"$trials" every-callback "$folder/every" "$epochs" >"$folder/said" 2>&1 || fail "$(cat "$folder/said")"
count=0
runs=0
while ((count < kills)); do
    rm -rf "$folder/again"
    code=1
    while ((count < kills && code != 0)); do
        killed "$count" "$trials" every-callback "$folder/again" "$epochs"
        ((code == 0)) || count=$((count + 1))
    done
    "$trials" every-callback "$folder/again" "$epochs" >"$folder/said" 2>&1 || fail "the last run failed: $(cat "$folder/said")"
    Scripts/same-run.py "$folder/every" "$folder/again" "$epochs" 3
    runs=$((runs + 1))
done
printf 'kill-training: every callback: killed %d times in %d runs\n' "$count" "$runs"

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
    launch=exec killed "$count" train "$folder/killed" "${resume[@]}"
    ((code != 0)) || break
done
printf 'kill-training: needletail train: killed %d times\n' "$count"
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
