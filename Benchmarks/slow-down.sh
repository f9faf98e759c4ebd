#!/usr/bin/env bash
# Shows what `compare` finds: a deliberate slow-down of 5 % in one kernel, ten times, and how often it calls two runs of one program
# different, ten times.
#
#     Benchmarks/slow-down.sh [TRIALS] [ROUNDS] [FOLDER]
#
# Builds a second copy of the working tree in which the CPU backend's fused loops do a twentieth of their blocks again, then runs both in
# turn on the operation that those loops are. FOLDER (~/.cache/needletail-slow-copy) has the copy, which is made anew and removed in the
# end, and its build, which stays: the next call builds only what has changed since. Takes about half an hour; wants a machine that is
# otherwise quiet, and finds out what a noisy one hides. Exits with 0 where the slow-down was found each time and at most a tenth of the
# other comparisons found any, 1 where not, and 2 or more where something broke.
set -euo pipefail
trials="${1:-10}" rounds="${2:-10}" folder="${3:-$HOME/.cache/needletail-slow-copy}"
fail() {
    printf 'slow-down.sh: %s\n' "$2" >&2
    exit "$1"
}
[[ "$trials" =~ ^[1-9][0-9]*$ && "$rounds" =~ ^[1-9][0-9]*$ ]] || fail 64 "TRIALS and ROUNDS are numbers of 1 or more"
((rounds >= 6)) || fail 64 "$rounds rounds can find nothing; give at least 6"
here="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
mkdir -p "$folder"
folder="$(cd "$folder" && pwd)"
cd "$here"
# A folder of somebody else's is not emptied.
copy="$folder/copy" mark="$folder/of-slow-down.sh"
[[ ! -e "$copy" || -e "$mark" ]] || fail 64 "$copy is there, and not of this script; name another folder"
: >"$mark"
exec 9<"$mark"
flock --nonblock 9 || fail 69 "another run is using $folder; wait for it, or name another folder"
place="$(mktemp -d)"
trap 'rm -rf "$place" "$copy"' EXIT

rm -rf "$copy"
mkdir "$copy"
# What git tracks and what is new, as far as it is there; the times of the files stay, by which the build knows what has changed.
git ls-files -z --cached --others --exclude-standard |
    while IFS= read -r -d '' file; do [[ ! -e "$file" ]] || printf '%s\0' "$file"; done |
    tar --null --files-from=- -cf - | tar -C "$copy" -xf - || fail 70 "the working tree cannot be copied to $copy"
# Which versions of other packages are taken; git does not have it.
[[ ! -e Package.resolved ]] || cp -p Package.resolved "$copy"
patch --quiet -d "$copy" -p1 <Benchmarks/slow-down.patch || fail 70 "slow-down.patch does not fit the CPU backend's loops; mend it"
swift build -c release --product needletail-bench || fail 70 "the working tree does not build"
swift build -c release --product needletail-bench --package-path "$copy" --scratch-path "$folder/build" ||
    fail 70 "the slower copy does not build"
good="$here/.build/release/needletail-bench" slow="$folder/build/release/needletail-bench"

# One row that is nearly all loop, and on one thread, so that nothing but the kernel's own time is in it.
export NEEDLETAIL_THREADS=1
command=(op --device cpu --filter "gelu 1048576" --seconds 0.3)

# Compares two programs into a file. A comparison ends with 1 for a slower row and 2 for too few rounds, and then has its table;
# anything else broke.
compare() {
    local code=0
    Benchmarks/compare-runs.sh "$1" "$2" "$rounds" "${command[@]}" >"$3" 2>"$place/errors.txt" || code=$?
    ((code <= 2)) && grep -q '^geometric mean' "$3" && ! grep -q '^FAILED' "$3" && return
    cat "$place/errors.txt" "$3" >&2
    fail 70 "a comparison broke with $code"
}
found=0 alarms=0
for ((trial = 1; trial <= trials; trial++)); do
    compare "$good" "$slow" "$place/slow.txt"
    ! grep -q '| slower |' "$place/slow.txt" || found=$((found + 1))
    compare "$good" "$good" "$place/same.txt"
    ! grep -qE '\| (slower|faster) \|' "$place/same.txt" || alarms=$((alarms + 1))
    printf 'trial %d: slower %s; same %s\n' "$trial" "$(sed -n 's/^| gelu/gelu/p' "$place/slow.txt")" \
        "$(sed -n 's/^| gelu/gelu/p' "$place/same.txt")"
done
printf 'a slow-down of 5 %% found in %d of %d; one program called different from itself in %d of %d\n' \
    "$found" "$trials" "$alarms" "$trials"
((found == trials && alarms * 10 <= trials))
