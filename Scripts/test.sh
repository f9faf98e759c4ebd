#!/usr/bin/env bash
# Builds everything in release mode and runs every test. With --without-opencl, tests that need an OpenCL device are left
# out; otherwise they fail where there is none.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case "${1-}" in
    --without-opencl) export NEEDLETAIL_TEST_WITHOUT_OPENCL=1 ;;
    "") ;;
    *)
        printf 'test: unknown option %s; usage: Scripts/test.sh [--without-opencl]\n' "$1" >&2
        exit 64
        ;;
esac

# Every plan that a test makes is checked from its kernels alone.
export NEEDLETAIL_VERIFY_PLANS=1

run() {
    printf 'test: %s\n' "$*"
    "$@"
}

run Scripts/setup.sh
run swift build -c release --build-tests
# The same build: without --skip-build, swift test builds everything again with testability.
run swift test -c release --skip-build
