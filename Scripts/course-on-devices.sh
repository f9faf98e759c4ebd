#!/usr/bin/env bash
# Runs each listing of the courses on OpenCL and on a Vulkan device, with the settings that a test has (`--quick`). A listing that passed is
# not run again until all have passed, while the program is the same: a run that was stopped goes on.
# Usage: Scripts/course-on-devices.sh [DEVICE...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
course="${NEEDLETAIL_COURSE:-.build/release/course}"
devices=("$@")
((${#devices[@]})) || devices=(opencl vulkan)

[[ -x "$course" ]] || {
    printf 'course-on-devices: error: there is no %s; build it: swift build -c release --product course\n' "$course" >&2
    exit 1
}
mapfile -t names < <("$course" | sed -n 's/^  \([a-z0-9-]*\) .*/\1/p')
((${#names[@]} > 50)) || {
    printf 'course-on-devices: error: %s lists %d listings\n' "$course" "${#names[@]}" >&2
    exit 1
}
passed=".build/course-on-devices/$(sha256sum "$course" | cut -c1-16)"
mkdir -p "$(dirname "$passed")"
touch "$passed"
failed=()
for device in "${devices[@]}"; do
    for name in "${names[@]}"; do
        grep -qxF "$device $name" "$passed" && continue
        if said="$("$course" "$name" --quick --device "$device" 2>&1)"; then
            printf '%s %s\n' "$device" "$name" >>"$passed"
        else
            failed+=("$device $name")
            printf '%s\n' "$said" >&2
            printf 'course-on-devices: error: %s fails on %s\n' "$name" "$device" >&2
        fi
    done
done
((${#failed[@]} == 0)) || exit 1
rm -f "$passed"
printf 'course-on-devices: %d listings are right on %s\n' "${#names[@]}" "${devices[*]}"
