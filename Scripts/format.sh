#!/usr/bin/env bash
# Formats the Swift sources in place; with --check, only says what is not as `swift format` wants it, and fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

paths=()
for path in Sources Backends Shaders Tests Benchmarks Examples Package.swift; do
    if [[ -e "$path" ]]; then paths+=("$path"); fi
done

case "${1-}" in
    --check) swift format lint --strict --parallel --recursive --configuration .swift-format "${paths[@]}" ;;
    "") swift format --in-place --parallel --recursive --configuration .swift-format "${paths[@]}" ;;
    *)
        printf 'format: unknown option %s; usage: Scripts/format.sh [--check]\n' "$1" >&2
        exit 64
        ;;
esac
