#!/usr/bin/env bash
# Compiles a program of one file, or of a few, against Needletail and runs it: a lesson as quick to try as a script.
# Usage: Scripts/run.sh [-c debug] lesson.swift [more.swift ...] [--] [arguments of the program]
#
# Needletail is built once, as one library in release; from then on a run takes the seconds that its own lines do. Arguments
# behind the Swift files go to the program, and its exit code is this script's. Of several files, one is called main.swift,
# or has @main.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

usage() {
    printf 'usage: Scripts/run.sh [-c debug|release] lesson.swift [more.swift ...] [--] [arguments]\n' >&2
    exit 64
}

fail() {
    printf 'run: %s\n' "$2" >&2
    exit "$1"
}

configuration=release
if [[ "${1:-}" == -c ]]; then
    [[ "${2:-}" == debug || "${2:-}" == release ]] || usage
    configuration="$2"
    shift 2
fi
files=()
while (($#)) && [[ "$1" == *.swift ]]; do
    [[ -f "$1" ]] || fail 66 "$1: there is no such file"
    files+=("$1")
    shift
done
((${#files[@]})) || usage
[[ "${1:-}" != -- ]] || shift
command -v swiftc >/dev/null 2>&1 || fail 69 "no swiftc on the path; install Swift (Scripts/setup.sh says which)"

# What SwiftPM says goes to standard error, and only where there is something to build or wrong: standard output is the
# program's.
log="$(mktemp)"
folder="$(mktemp -d)"
trap 'rm -rf "$log" "$folder"' EXIT
build=(swift build --package-path "$root" -c "$configuration" --product NeedletailScript)
products="$root/.build/$configuration"
if [[ ! -e "$products/libNeedletailScript.so" ]]; then
    printf 'run: builds Needletail, once; this takes some minutes\n' >&2
fi
"${build[@]}" >"$log" 2>&1 || {
    cat "$log" >&2
    fail 70 "Needletail does not build; see above"
}

modules=(-I "$products/Modules")
for map in "$products"/*.build/module.modulemap "$root/Sources/CZlib/module.modulemap"; do
    modules+=(-Xcc "-fmodule-map-file=$map")
done
mode=()
if grep -q '^@main' "${files[@]}"; then mode=(-parse-as-library); fi
optimization=(-O)
[[ "$configuration" == release ]] || optimization=(-Onone)
program="$folder/$(basename "${files[0]}" .swift)"
swiftc -swift-version 6 -module-name Lesson "${optimization[@]}" "${mode[@]}" "${modules[@]}" -L "$products" \
    -lNeedletailScript -Xlinker -rpath -Xlinker "$products" -o "$program" "${files[@]}" >&2 ||
    fail 65 "${files[*]}: does not compile; the first error above says why (Documentation/FirstSteps.md explains the usual ones)"
# The program replaces nobody: the trap removes it when it has ended.
code=0
"$program" "$@" || code=$?
exit "$code"
