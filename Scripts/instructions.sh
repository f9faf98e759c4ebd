#!/usr/bin/env bash
# Counts what the host's part costs, in instructions, launches and nodes: no neighbour disturbs these numbers, and no clock has to be
# believed.
#
#     Scripts/instructions.sh            # holds them against Benchmarks/Results/instructions.txt; exits with 1 above it
#     Scripts/instructions.sh --write    # makes that file anew
#     Scripts/instructions.sh setup      # installs valgrind
#
# Each number is the difference of two runs of `needletail-bench host` by the difference of their counts, on one thread, with the
# kernels for AVX2 and without a BLAS library, so that it does not depend on the processor. It does depend on the Swift toolchain.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

budget=Benchmarks/Results/instructions.txt
# What a number may be above its budget: another toolchain's code, another memory allocator.
slack=1.03

if [ "${1:-}" = setup ]; then
    command -v valgrind >/dev/null || apt-get install --yes --no-install-recommends valgrind
    exit 0
fi
command -v valgrind >/dev/null || { echo "instructions: valgrind is not there; Scripts/instructions.sh setup installs it" >&2; exit 69; }

program="${NEEDLETAIL_BENCH:-.build/release/needletail-bench}"
if [ -z "${NEEDLETAIL_BENCH:-}" ]; then swift build -c release --product needletail-bench >&2; fi
place="$(mktemp -d)"
trap 'rm -rf "$place"' EXIT
# Valgrind cannot read the largest debug information, and does not need it.
strip -g -o "$place/bench" "$program"

export NEEDLETAIL_THREADS=1 NEEDLETAIL_BLAS=none NEEDLETAIL_ISA=avx2 NEEDLETAIL_CACHE=none NEEDLETAIL_BACKENDS=cpu
# Swift's hash tables are laid out by a seed, which is drawn at each start otherwise.
export SWIFT_DETERMINISTIC_HASHING=1

# Instructions of the whole process that does WORK COUNT times; its own line goes to $place/line.
instructions() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$place/bench" host "$1" --count "$2" --device cpu \
        >"$place/line" 2>"$place/log" || { cat "$place/log" >&2; return 1; }
    sed -n 's/^==[0-9]*== Collected : \([0-9]*\).*/\1/p' "$place/log"
}

for work in step captured planning lookup; do
    # The rest of a process differs by some hundred thousand from run to run: cheap work is done more often.
    few=10
    case "$work" in lookup) many=2010 ;; captured) many=310 ;; *) many=110 ;; esac
    a="$(instructions "$work" "$few")"
    b="$(instructions "$work" "$many")"
    # The counters of the longer run.
    sed -n 's/.*"nodes": *\([0-9.]*\).*"launches": *\([0-9.]*\).*"plans_built": *\([0-9.]*\).*/\1 \2 \3/p' "$place/line" >"$place/counters"
    read -r nodes launches plans <"$place/counters"
    printf '%s instructions %d\n%s nodes %s\n%s launches %s\n%s plans %s\n' \
        "$work" $(((b - a) / (many - few))) "$work" "$nodes" "$work" "$launches" "$work" "$plans"
done >"$place/found"

if [ "${1:-}" = --write ]; then
    {
        echo "# What the host's part costs a time, by Scripts/instructions.sh --write; $(swift --version 2>/dev/null | sed -n 's/.*\(Swift version [0-9.]*\).*/\1/p' | head -1)"
        cat "$place/found"
    } >"$budget"
    cat "$budget"
    exit 0
fi
[ -f "$budget" ] || { echo "instructions: $budget is not there; make it with --write" >&2; exit 66; }
awk -v slack="$slack" '
    /^#/ { next }
    NR == FNR { allowed[$1 " " $2] = $3; next }
    {
        name = $1 " " $2
        if (!(name in allowed)) { printf "%s: no budget; make it anew with --write\n", name; bad = 1; next }
        # Nodes, launches and plans are counted exactly.
        most = allowed[name] * ($2 == "instructions" ? slack : 1)
        verdict = $3 > most ? "ABOVE" : "within"
        if ($3 > most) bad = 1
        printf "%-22s %10s, %s the budget of %s\n", name, $3, verdict, allowed[name]
        delete allowed[name]
    }
    END {
        for (name in allowed) { printf "%s: not measured\n", name; bad = 1 }
        exit bad
    }' "$budget" "$place/found"
