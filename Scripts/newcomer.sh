#!/usr/bin/env bash
# The newcomer's walk of the README: from an empty folder to a model trained on a table of one's own, with a picture; then the same
# by the command line alone.
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

swift build --package-path "$root" -c release --product needletail >&2
needletail="$root/.build/release/needletail"
"$needletail" train csv flowers.csv --target species --output run | tee said
percent="$(sed -n 's/^validation accuracy: \(.*\) %$/\1/p' said)"
awk -v found="$percent" 'BEGIN { exit !(found >= 90) }' || fail "the accuracy is '$percent' %, not 90 or more"
grep -q '</html>' run/report.html || fail "there is no report"
cut -d, -f1-4 flowers.csv >rows.csv
"$needletail" predict --checkpoint run/best.safetensors rows.csv --output predictions.csv
right="$(paste -d, flowers.csv predictions.csv | awk -F, 'NR > 1 && $5 == $10 { right++ } END { print right + 0 }')"
((right >= 135)) || fail "$right of 150 flowers are predicted right, not 135 or more"
