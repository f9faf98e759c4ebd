#!/usr/bin/env bash
# What takes too long for each change: many random programs on the CPU and OpenCL, with every plan verified, every row of the
# catalogue on every driver, MNIST on a Vulkan device against the CPU and in bfloat16 against float32, the programs of FirstSteps.md, an operation added by
# ARCHITECTURE.md, with each of its places left out in turn, the builds for the sanitizers of addresses and threads,
# the courses in full and on OpenCL and Vulkan, a run in TensorBoard and its report in Chromium, what fit costs beside a loop, training
# that is killed a hundred times, and the instructions of a step against their budget.
# Usage: Scripts/nightly.sh [programs on the CPU] [first seed]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export NEEDLETAIL_VERIFY_PLANS=1
export NEEDLETAIL_RANDOM_PROGRAMS="${1:-100000}"
export NEEDLETAIL_RANDOM_FIRST="${2:-1}"
export NEEDLETAIL_WHOLE_CATALOGUE=1

Scripts/setup.sh
swift build -c release --build-tests
swift test -c release --skip-build --filter 'RandomProgramTests|RandomGraphTests|ConformanceTests|SPIRVCatalogueTests'
Scripts/first-steps.sh
Scripts/adding-an-operation.sh
Scripts/sanitize.sh address
Scripts/sanitize.sh thread
NEEDLETAIL_ACCURACY_DTYPE=float32 NEEDLETAIL_ACCURACY_MODELS=mlp NEEDLETAIL_ACCURACY_DEVICES=vulkan NEEDLETAIL_ACCURACY_SEEDS="0 1 2" \
    NEEDLETAIL_ACCURACY_APART=0.4 Scripts/accuracy.sh --epochs 6
Scripts/accuracy.sh
# In full, with the bounds that the decks have.
.build/release/course all
Scripts/course-on-devices.sh
Scripts/tensorboard.sh
Scripts/report-in-browser.sh
Scripts/kill-training.sh 100
Scripts/instructions.sh setup
Scripts/instructions.sh
# By the clock, so last.
env -u NEEDLETAIL_VERIFY_PLANS Scripts/fit-overhead.sh
