#!/usr/bin/env bash
# Builds everything in release mode and runs every test.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

run() {
    printf 'test: %s\n' "$*"
    "$@"
}

run Scripts/setup.sh
run swift build -c release --build-tests
# The same build: without --skip-build, swift test builds everything again with testability.
run swift test -c release --skip-build
