#!/usr/bin/env bash
# Trains a model on MNIST and ends with its test accuracy. Options go to `needletail train mnist`.
set -euo pipefail
started_in="$PWD"
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

# Standard output belongs to the program: with --json, nothing else may stand there.
cd "$root"
Scripts/setup.sh >&2
swift build -c release --product needletail >&2
# Back, so that relative paths among the options mean what they say.
cd "$started_in"
exec "$root/.build/release/needletail" train mnist "$@"
