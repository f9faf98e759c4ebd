#!/usr/bin/env bash
# Shows what `compare` finds: a deliberate slow-down of 5 % in one kernel, ten times, and how often it calls two runs of one program
# different, ten times.
#
#     Benchmarks/slow-down.sh [TRIALS] [ROUNDS]
#
# Builds needletail-bench for release, compiles the CPU backend's fused loops once more with slow-down.patch, which does a twentieth of
# their blocks again, and links a second program with them. Then runs both in turn on the operation that those loops are. What it makes
# is in a temporary folder and removed in the end; of the working tree nothing is touched but the release build. Takes about ten
# minutes beside that build; wants a machine that is otherwise quiet, and finds out what a noisy one hides. Exits with 0 where the
# slow-down was found each time and at most a tenth of the other comparisons found any, 1 where not, and 2 or more where something broke.
set -euo pipefail
trials="${1:-10}" rounds="${2:-10}"
fail() {
    printf 'slow-down.sh: %s\n' "$2" >&2
    exit "$1"
}
[[ "$trials" =~ ^[1-9][0-9]*$ && "$rounds" =~ ^[1-9][0-9]*$ ]] || fail 64 "TRIALS and ROUNDS are numbers of 1 or more"
((rounds >= 6)) || fail 64 "$rounds rounds can find nothing; give at least 6"
cd "$(dirname "${BASH_SOURCE[0]}")/.."
place="$(mktemp -d)" || fail 70 "no temporary folder can be made; set TMPDIR to one with room"
trap 'rm -rf "$place"' EXIT

kernels=Backends/CPU/CPUKernels
{ mkdir -p "$place/$kernels" && cp "$kernels/fused_run.c" "$place/$kernels"; } || fail 70 "$kernels/fused_run.c cannot be copied to $place"
patch --quiet -d "$place" -p1 <Benchmarks/slow-down.patch || fail 70 "slow-down.patch does not fit $kernels/fused_run.c; mend it"
swift build -c release --product needletail-bench || fail 70 "the working tree does not build"
# Both programs from one place: one is not rebuilt while it runs, and neither asks git what it was built of.
cp .build/release/needletail-bench "$place/good" || fail 70 ".build/release/needletail-bench cannot be copied to $place"
printf 'slow-down.sh: linking the slower program\n' >&2
# The build's own commands for this file and this program, with the patched file in its place.
python3 - .build/release.yaml "$PWD/$kernels" "$place/$kernels/fused_run.c" "$place" <<'PYTHON' || fail 70 "the slower program cannot be made"
import json
import pathlib
import re
import subprocess
import sys

manifest, kernels, patched, place = sys.argv[1:]
if not pathlib.Path(manifest).exists():
    sys.exit(f"slow-down.sh: {manifest} is not there; is this SwiftPM's own build system?")
text = pathlib.Path(manifest).read_text()


def command(description):
    found = re.findall(rf'description: "{description}"\s+args: (\[.*\])', text)
    if len(found) != 1:
        sys.exit(f"slow-down.sh: {manifest} has {len(found)} commands '{description}', not one; is this SwiftPM's own build system?")
    return json.loads(found[0])


compiling = command(r"Compiling CPUKernels fused_run\.c")
own = compiling[compiling.index("-o") + 1]
made = f"{place}/fused_run.o"
for option, value in (("-c", patched), ("-o", made), ("-MF", f"{place}/fused_run.d")):
    if option in compiling:
        compiling[compiling.index(option) + 1] = value
subprocess.run(compiling + ["-iquote", kernels], check=True)
linking = command(r"Linking [^\"]*/needletail-bench")
linking[linking.index("-o") + 1] = f"{place}/slow"
[(index, listed)] = [(index, word[1:]) for index, word in enumerate(linking) if word.startswith("@")]
objects = pathlib.Path(listed).read_text().split("\n")
if objects.count(own) != 1:
    sys.exit(f"slow-down.sh: {listed} does not name {own} once")
pathlib.Path(place, "objects").write_text("\n".join(made if name == own else name for name in objects))
linking[index] = f"@{place}/objects"
subprocess.run(linking, check=True)
PYTHON

# One row that is nearly all loop, and on one thread, so that nothing but the kernel's own time is in it.
export NEEDLETAIL_THREADS=1
command=(op --device cpu --filter "gelu 1048576" --seconds 0.5)

# Compares two programs into a file. A comparison ends with 1 for a slower row and 2 for too few rounds, and then has its table;
# anything else broke.
compare() {
    local code=0
    Benchmarks/compare-runs.sh "$1" "$2" "$rounds" "${command[@]}" >"$3" 2>"$place/errors.txt" || code=$?
    ((code <= 2)) && grep -q '^geometric mean' "$3" && ! grep -q '^FAILED' "$3" && return
    cat "$place/errors.txt" "$3" >&2
    fail 70 "a comparison broke with $code"
}
# The ratio, the chance and the verdict of a comparison's one row.
line() { awk -F' *[|] *' '/^\| gelu/ { printf "%s times as long (chance %s): %s", $4, $6, $7 }' "$1"; }

found=0 alarms=0 began=$SECONDS
for ((trial = 1; trial <= trials; trial++)); do
    compare "$place/good" "$place/slow" "$place/slow.txt"
    ! grep -q '| slower |' "$place/slow.txt" || found=$((found + 1))
    compare "$place/good" "$place/good" "$place/same.txt"
    ! grep -qE '\| (slower|faster) \|' "$place/same.txt" || alarms=$((alarms + 1))
    left=$(((SECONDS - began) * (trials - trial) / trial))
    printf 'trial %d of %d: slowed down %s; the same %s; about %d:%02d left\n' "$trial" "$trials" "$(line "$place/slow.txt")" \
        "$(line "$place/same.txt")" $((left / 60)) $((left % 60))
done
printf 'a slow-down of 5 %% found in %d of %d; one program called different from itself in %d of %d\n' \
    "$found" "$trials" "$alarms" "$trials"
((found == trials && alarms * 10 <= trials))
