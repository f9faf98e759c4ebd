#!/usr/bin/env bash
# The newcomer's walk of the README: from an empty folder to a model trained on a table of one's own, with a picture.
# Usage: Scripts/newcomer.sh
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cp "$root"/Examples/FirstModel/flowers.{csv,swift} .
"$root/Scripts/run.sh" flowers.swift | tee said

fail() {
    printf 'newcomer: error: %s\n' "$*" >&2
    exit 1
}
accuracy="$(sed -n 's/^accuracy on flowers held out: //p' said)"
awk -v found="$accuracy" 'BEGIN { exit !(found >= 0.9) }' || fail "the accuracy is '$accuracy', not 0.9 or more"
grep -q '</svg>' flowers.svg || fail "there is no picture"
[[ -s flowers.safetensors && -s flowers.json ]] || fail "the model was not saved"
