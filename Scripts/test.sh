#!/usr/bin/env bash
# Builds everything in release mode and runs every test. With --without-opencl or --without-vulkan, tests that need devices of
# that kind are left out; otherwise they fail where there is none.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

for option in "$@"; do
    case "$option" in
        --without-opencl)
            export NEEDLETAIL_TEST_WITHOUT_OPENCL=1
            printf 'test: left out: kernels, streams, programs, probes and training on OpenCL devices\n'
            ;;
        --without-vulkan)
            export NEEDLETAIL_TEST_WITHOUT_VULKAN=1
            printf 'test: left out: kernels, streams, programs, probes and training on lavapipe and SwiftShader\n'
            ;;
        *)
            printf 'test: unknown option %s; usage: Scripts/test.sh [--without-opencl] [--without-vulkan]\n' "$option" >&2
            exit 64
            ;;
    esac
done

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

# A newcomer's walk: from an empty folder to a model trained on a table of one's own.
run Scripts/newcomer.sh

# A backend of another package: the contract, the catalogue, and a model that it trains. It shares this package's build,
# of whose modules none is compiled again.
example() { run swift "$1" --package-path Examples/ReferenceBackend --scratch-path .build -c release "${@:2}"; }
began=$SECONDS
example build --build-tests
example test --skip-build
printf 'test: the example of a backend took %d seconds\n' $((SECONDS - began))
