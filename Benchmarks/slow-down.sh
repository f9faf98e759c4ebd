#!/usr/bin/env bash
# Shows what `compare` finds: a deliberate slow-down of 5 % in one kernel, ten times, and how often it calls two runs of one program
# different, ten times.
#
#     Benchmarks/slow-down.sh [TRIALS] [ROUNDS]
#
# Builds a second copy of the working tree in which the CPU backend's fused loops do a twentieth of their chunks again, then runs both in
# turn on the operation that those loops are. Takes about half an hour; wants a machine that is otherwise quiet, and finds out what a noisy one hides.
set -euo pipefail
trials="${1:-10}" rounds="${2:-10}"
((rounds >= 6)) || { printf 'slow-down.sh: %d rounds can find nothing; give at least 6\n' "$rounds" >&2; exit 64; }
here="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$here"
place="$(mktemp -d)"
trap 'rm -rf "$place"' EXIT

swift build -c release --product needletail-bench
copy="${NEEDLETAIL_SLOW_COPY:-$HOME/.cache/needletail-slow-copy}"
mkdir -p "$copy"
# What git tracks and what is new, without the builds.
git ls-files -z --cached --others --exclude-standard | tar -C "$here" --null --files-from=- -cf - | tar -C "$copy" -xf -
patch --quiet -d "$copy" -p1 <Benchmarks/slow-down.patch
(cd "$copy" && swift build -c release --product needletail-bench)
good="$here/.build/release/needletail-bench" slow="$copy/.build/release/needletail-bench"

# One row that is nearly all loop, and on one thread, so that nothing but the kernel's own time is in it.
export NEEDLETAIL_THREADS=1
command=(op --device cpu --filter "gelu 1048576" --seconds 0.3)

# A comparison ends with 1 for a slower row and 2 for too few rounds, and then has its table; anything else broke.
told() {
    (($1 <= 2)) && grep -q '^geometric mean' "$2" && return
    cat "$place/errors.txt" >&2
    exit 1
}
found=0 alarms=0
for ((trial = 1; trial <= trials; trial++)); do
    Benchmarks/compare-runs.sh "$good" "$slow" "$rounds" "${command[@]}" >"$place/slow.txt" 2>"$place/errors.txt" ||
        told $? "$place/slow.txt"
    grep -q '| slower |' "$place/slow.txt" && found=$((found + 1))
    Benchmarks/compare-runs.sh "$good" "$good" "$rounds" "${command[@]}" >"$place/same.txt" 2>"$place/errors.txt" ||
        told $? "$place/same.txt"
    grep -qE '\| (slower|faster) \|' "$place/same.txt" && alarms=$((alarms + 1))
    printf 'trial %d: slower %s; same %s\n' "$trial" "$(sed -n 's/^| gelu/gelu/p' "$place/slow.txt")" \
        "$(sed -n 's/^| gelu/gelu/p' "$place/same.txt")"
done
printf 'a slow-down of 5 %% found in %d of %d; one program called different from itself in %d of %d\n' \
    "$found" "$trials" "$alarms" "$trials"
((found == trials && alarms * 10 <= trials))
