#!/usr/bin/env bash
# Trains a model on MNIST on the CPU and on a Vulkan device, and fails where the means of their test accuracies differ by more
# than 0.4 points. Options go to `needletail train mnist` of both.
# Usage: Scripts/vulkan-accuracy.sh [option of `needletail train mnist`]...
#   NEEDLETAIL_ACCURACY_DEVICE  the device (default: vulkan)
#   NEEDLETAIL_ACCURACY_SEEDS   the seeds, apart by spaces (default: 0 1 2)
#   NEEDLETAIL_ACCURACY_TOOL    a built needletail (default: one is built)
set -euo pipefail
started_in="$PWD"
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

device="${NEEDLETAIL_ACCURACY_DEVICE:-vulkan}"
read -r -a seeds <<<"${NEEDLETAIL_ACCURACY_SEEDS:-0 1 2}"
allowed=0.4
options=(--model mlp --epochs 6)
(($# == 0)) || options=("$@")

tool="${NEEDLETAIL_ACCURACY_TOOL:-}"
if [[ -z "$tool" ]]; then
    cd "$root"
    Scripts/setup.sh >&2
    swift build -c release --product needletail >&2
    cd "$started_in"
    tool="$root/.build/release/needletail"
fi

# The test accuracy of one run, in percent.
accuracy() {
    local result
    result="$("$tool" train mnist --json --device "$1" --seed "$2" "${options[@]}" | tail -n 1)"
    [[ "$result" == *'"event":"result"'* && "$result" =~ \"test_accuracy\":([0-9.e-]+) ]] || {
        printf 'vulkan-accuracy: no accuracy in: %s\n' "$result" >&2
        return 1
    }
    awk -v value="${BASH_REMATCH[1]}" 'BEGIN { printf "%.3f\n", 100 * value }'
}

printf 'vulkan-accuracy: %s on cpu and %s, seeds %s\n' "${options[*]}" "$device" "${seeds[*]}"
rows=()
for seed in "${seeds[@]}"; do
    expected="$(accuracy cpu "$seed")"
    found="$(accuracy "$device" "$seed")"
    printf 'vulkan-accuracy: seed %s: cpu %s %%, %s %s %%\n' "$seed" "$expected" "$device" "$found"
    rows+=("$expected $found")
done

printf '%s\n' "${rows[@]}" | awk -v allowed="$allowed" -v device="$device" '
    { cpu += $1; other += $2 }
    END {
        apart = (other - cpu) / NR
        printf "vulkan-accuracy: means: cpu %.3f %%, %s %.3f %%, apart by %.3f points\n", cpu / NR, device, other / NR, apart
        if (apart < -allowed || apart > allowed) {
            printf "vulkan-accuracy: that is more than %s points\n", allowed
            exit 1
        }
    }'
