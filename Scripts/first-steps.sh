#!/usr/bin/env bash
# Runs every program of Documentation/FirstSteps.md by Scripts/run.sh, and checks what run.sh does with arguments, exit codes,
# several files and mistakes. With a Python that has NumPy, PyTorch and safetensors in NEEDLETAIL_PYTHON, files that Needletail
# writes are read there too.
# Usage: Scripts/first-steps.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT

fail() {
    printf 'first-steps: error: %s\n' "$*" >&2
    exit 1
}

# Each block of Swift in a file of its own.
awk -v folder="$folder" '
    /^```swift/ { count++; open = 1; next }
    /^```/ { open = 0 }
    open { print > (folder "/program" count ".swift") }
' Documentation/FirstSteps.md
programs=("$folder"/program*.swift)
((${#programs[@]} == 4)) || fail "FirstSteps.md has ${#programs[@]} programs, not 4"
for program in "${programs[@]}"; do
    Scripts/run.sh "$program" >"$folder/output" || fail "code $? of $(basename "$program") of FirstSteps.md"
    [[ -s "$folder/output" ]] || fail "$(basename "$program") of FirstSteps.md prints nothing"
done

cat >"$folder/main.swift" <<'SWIFT'
import Foundation
import NeedletailVision

print(CommandLine.arguments.dropFirst().joined(separator: "|"), twice(Tensor.ones([2])).shape)
exit(7)
SWIFT
cat >"$folder/other.swift" <<'SWIFT'
import Needletail

func twice(_ x: Tensor) -> Tensor { x + x }
SWIFT
code=0
found="$(Scripts/run.sh "$folder/main.swift" "$folder/other.swift" a "b c" -- d)" || code=$?
[[ "$code" == 7 && "$found" == "a|b c|--|d [2]" ]] || fail "two files gave code $code and '$found'"

expect_failure() {
    local wanted="$1" text="$2" code=0
    shift 2
    Scripts/run.sh "$@" >"$folder/output" 2>"$folder/errors" || code=$?
    [[ "$code" == "$wanted" ]] || fail "run.sh $* ended with $code, not $wanted"
    grep -q "$text" "$folder/errors" || fail "run.sh $* does not say '$text'"
    [[ ! -s "$folder/output" ]] || fail "run.sh $* prints to standard output"
}
printf 'let x: Int = "a"\n' >"$folder/wrong.swift"
expect_failure 65 'wrong.swift:1:14: error' "$folder/wrong.swift"
expect_failure 66 'there is no such file' "$folder/none.swift"
expect_failure 64 usage
expect_failure 64 usage -c quick "$folder/main.swift"

if [[ -n "${NEEDLETAIL_PYTHON:-}" ]]; then
    cat >"$folder/write.swift" <<'SWIFT'
import Needletail

let archive = try NumPyArchive(contentsOf: CommandLine.arguments[1])
for isCompressed in [false, true] {
    try archive.write(to: "\(CommandLine.arguments[2])/\(isCompressed).npz", isCompressed: isCompressed)
}
SWIFT
    golden=Tests/NeedletailTests/Golden
    Scripts/run.sh "$folder/write.swift" "$golden/numpy_arrays.npz" "$folder"
    for name in false true; do
        (cd "$golden" && "$NEEDLETAIL_PYTHON" make_golden_files.py check "$folder/$name.npz")
    done
fi
printf 'first-steps: all programs ran\n'
