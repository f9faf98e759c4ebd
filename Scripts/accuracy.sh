#!/usr/bin/env bash
# Trains models on MNIST in float32 on the CPU and in a float type on some devices, and fails where the means of their test
# accuracies differ by more than is allowed. Options go to `needletail train mnist` of all.
# Usage: Scripts/accuracy.sh [option of `needletail train mnist`]...
#   NEEDLETAIL_ACCURACY_DTYPE    the float type (default: bfloat16)
#   NEEDLETAIL_ACCURACY_MODELS   the models, apart by spaces (default: mlp lenet)
#   NEEDLETAIL_ACCURACY_DEVICES  the devices, apart by spaces (default: cpu opencl vulkan)
#   NEEDLETAIL_ACCURACY_SEEDS    the seeds, apart by spaces (default: 0 1)
#   NEEDLETAIL_ACCURACY_APART    the points that are allowed (default: 0.5)
#   NEEDLETAIL_ACCURACY_TOOL     a built needletail (default: one is built)
set -euo pipefail
started_in="$PWD"
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

dtype="${NEEDLETAIL_ACCURACY_DTYPE:-bfloat16}"
read -r -a models <<<"${NEEDLETAIL_ACCURACY_MODELS:-mlp lenet}"
read -r -a devices <<<"${NEEDLETAIL_ACCURACY_DEVICES:-cpu opencl vulkan}"
read -r -a seeds <<<"${NEEDLETAIL_ACCURACY_SEEDS:-0 1}"
allowed="${NEEDLETAIL_ACCURACY_APART:-0.5}"
options=(--epochs 4)
(($# == 0)) || options=("$@")

tool="${NEEDLETAIL_ACCURACY_TOOL:-}"
if [[ -z "$tool" ]]; then
    cd "$root"
    Scripts/setup.sh >&2
    swift build -c release --product needletail >&2
    cd "$started_in"
    tool="$root/.build/release/needletail"
fi

# The mean test accuracy over the seeds, in percent, of a model on a device in a dtype.
accuracy() {
    local seed result
    for seed in "${seeds[@]}"; do
        result="$("$tool" train mnist --json --model "$1" --device "$2" --dtype "$3" --seed "$seed" "${options[@]}" | tail -n 1)"
        [[ "$result" == *'"event":"result"'* && "$result" =~ \"test_accuracy\":([0-9.e-]+) ]] || {
            printf 'accuracy: no accuracy in: %s\n' "$result" >&2
            return 1
        }
        printf '%s\n' "${BASH_REMATCH[1]}"
    done | awk '{ sum += 100 * $1 } END { if (NR == 0) exit 1; printf "%.3f\n", sum / NR }'
}

printf 'accuracy: %s, seeds %s\n' "${options[*]}" "${seeds[*]}"
failed=0
for model in "${models[@]}"; do
    expected="$(accuracy "$model" cpu float32)"
    for device in "${devices[@]}"; do
        found="$(accuracy "$model" "$device" "$dtype")"
        apart="$(awk -v a="$found" -v b="$expected" 'BEGIN { printf "%.3f", a - b }')"
        printf 'accuracy: %s: float32 on cpu %s %%, %s on %s %s %%, apart by %s points\n' \
            "$model" "$expected" "$dtype" "$device" "$found" "$apart"
        if awk -v apart="$apart" -v allowed="$allowed" 'BEGIN { exit !(apart < -allowed || apart > allowed) }'; then
            printf 'accuracy: that is more than %s points\n' "$allowed"
            failed=1
        fi
    done
done
exit "$failed"
