#!/usr/bin/env bash
# What `fit` costs over a loop written by hand, on MNIST, and how long a step waits for a loader that augments: both loops in turn
# in one process, and the medians. Nothing else should run on the machine.
# Usage: Scripts/fit-overhead.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
most=1.03
most_waiting=0.05

swift build -c release --product Trials
said="$(mktemp)"
trap 'rm -f "$said"' EXIT
.build/release/Trials fit-overhead "${1:-10}" | tee "$said"
number() { awk -v name="$1" '$0 ~ "^" name ": median" { print $(NF - 3) }' "$said"; }
holds() { awk -v found="$1" -v most="$2" 'BEGIN { exit !(found != "" && found <= most) }'; }
holds "$(number 'fit / loop')" "$most" || { printf 'fit-overhead: error: fit takes more than %s of the loop\n' "$most" >&2; exit 1; }
holds "$(number 'waiting / training')" "$most_waiting" ||
    { printf 'fit-overhead: error: steps wait for more than %s of the time\n' "$most_waiting" >&2; exit 1; }
