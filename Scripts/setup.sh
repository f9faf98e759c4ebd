#!/usr/bin/env bash
# Installs the Debian packages that the build needs, and checks the Swift toolchain. Does nothing where all is there.
set -euo pipefail

minimum_major=6
minimum_minor=1

# What the package itself compiles against.
build_packages=(
    ocl-icd-opencl-dev
    libopenblas-dev
    libvulkan-dev
    zlib1g-dev
    ca-certificates
    git
)

# What a Swift toolchain from swift.org needs to start, compile and link.
toolchain_packages=(
    binutils
    libc6-dev
    libcurl4
    libedit2
    libncurses6
    libsqlite3-0
    libstdc++-12-dev
    libxml2
    tzdata
)

# Software devices, for the tests of the backends that use them.
device_packages=(
    ocl-icd-libopencl1
    pocl-opencl-icd
    spirv-tools
)

say() { printf 'setup: %s\n' "$*"; }
fail() {
    printf 'setup: error: %s\n' "$*" >&2
    exit 1
}

is_installed() {
    [[ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]
}

install_packages() {
    local missing=() package
    for package in "$@"; do
        is_installed "$package" || missing+=("$package")
    done
    if ((${#missing[@]} == 0)); then
        say "all $# Debian packages are installed"
        return
    fi
    local as_root=()
    if ((EUID != 0)); then
        command -v sudo >/dev/null 2>&1 ||
            fail "not root and no sudo; run as root: apt-get install ${missing[*]}"
        as_root=(sudo)
    fi
    say "installing ${missing[*]}"
    "${as_root[@]}" apt-get update --quiet
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install --quiet --yes --no-install-recommends "${missing[@]}"
}

check_swift() {
    command -v swift >/dev/null 2>&1 ||
        fail "no swift in PATH; install Swift $minimum_major.$minimum_minor or later (https://www.swift.org/install/linux)"
    local text version major minor
    text="$(swift --version 2>&1)" || fail "swift --version fails: ${text//$'\n'/ }"
    version="$(sed -n 's/.*Swift version \([0-9][0-9]*\.[0-9][0-9]*\).*/\1/p' <<<"$text" | head -n 1)"
    [[ -n "$version" ]] || fail "cannot read a version from swift --version: ${text//$'\n'/ }"
    major="${version%%.*}"
    minor="${version#*.}"
    if ((major < minimum_major || (major == minimum_major && minor < minimum_minor))); then
        fail "Swift $version is too old; install $minimum_major.$minimum_minor or later (https://www.swift.org/install/linux)"
    fi
    say "Swift $version is there"
}

packages=("${build_packages[@]}" "${toolchain_packages[@]}" "${device_packages[@]}")
if command -v dpkg-query >/dev/null 2>&1; then
    install_packages "${packages[@]}"
else
    say "this is no Debian system: install what corresponds to ${packages[*]}"
fi
check_swift
