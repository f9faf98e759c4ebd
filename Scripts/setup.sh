#!/usr/bin/env bash
# Installs the Debian packages that the build and the tests need, takes SwiftShader out of Debian's Chromium into
# NEEDLETAIL_DRIVERS (~/.cache/needletail/drivers), and checks the Swift toolchain. Does nothing where all is there.
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

# Opened when the first picture is read.
picture_packages=(
    libpng16-16
    libturbojpeg0
)

# Software devices, for the tests of the backends that use them.
device_packages=(
    ocl-icd-libopencl1
    pocl-opencl-icd
    libvulkan1
    mesa-vulkan-drivers
    vulkan-validationlayers
    spirv-tools
)

# Where drivers lie that are taken out of a package which is not installed: SwiftShader and Khronos' mock driver.
drivers="${NEEDLETAIL_DRIVERS:-${XDG_CACHE_HOME:-$HOME/.cache}/needletail/drivers}"
driver_package=chromium-common
mock_manifest=vk_mock_icd.json
driver_files=(libvk_swiftshader.so vk_swiftshader_icd.json libVkICD_mock_icd.so)

say() { printf 'setup: %s\n' "$*"; }
fail() {
    printf 'setup: error: %s\n' "$*" >&2
    exit 1
}

is_installed() {
    [[ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]
}

# Sets as_root to what a command of apt's begins with; the argument is what to run where there is no way to be root.
become_root() {
    as_root=()
    if ((EUID != 0)); then
        command -v sudo >/dev/null 2>&1 || fail "not root and no sudo; run as root: $1"
        as_root=(sudo)
    fi
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
    become_root "apt-get install ${missing[*]}"
    say "installing ${missing[*]}"
    "${as_root[@]}" apt-get update --quiet
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install --quiet --yes --no-install-recommends "${missing[@]}"
}

has_drivers() {
    local file
    for file in "${driver_files[@]}" "$mock_manifest"; do
        [[ -s "$drivers/$file" ]] || return 1
    done
}

# Takes SwiftShader out of Debian's Chromium, without the browser. The ICD files name the libraries beside them.
fetch_drivers() {
    if has_drivers; then
        say "SwiftShader is in $drivers"
        return
    fi
    local place file found
    place="$(mktemp -d)"
    # shellcheck disable=SC2064 # The directory of now.
    trap "rm -rf '$place'" EXIT
    say "taking SwiftShader out of $driver_package (not installed), into $drivers"
    # Downloading wants no root, but lists of packages.
    if ! (cd "$place" && apt-get download --quiet "$driver_package"); then
        become_root "apt-get update"
        "${as_root[@]}" apt-get update --quiet
        (cd "$place" && apt-get download --quiet "$driver_package") ||
            fail "no $driver_package from apt-get; put ${driver_files[*]} of any Chromium into $drivers, or set NEEDLETAIL_DRIVERS"
    fi
    dpkg --extract "$place"/"$driver_package"_*.deb "$place/files"
    mkdir -p "$drivers"
    for file in "${driver_files[@]}"; do
        found="$(find "$place/files" -name "$file" | head -n 1)"
        [[ -n "$found" ]] || fail "$driver_package has no $file"
        cp "$found" "$drivers/$file.new"
        mv "$drivers/$file.new" "$drivers/$file"
    done
    # The package has no manifest for the mock driver.
    printf '{"file_format_version": "1.0.0", "ICD": {"library_path": "./libVkICD_mock_icd.so", "api_version": "1.1.0"}}\n' \
        >"$drivers/$mock_manifest"
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

packages=("${build_packages[@]}" "${toolchain_packages[@]}" "${picture_packages[@]}" "${device_packages[@]}")
if command -v dpkg-query >/dev/null 2>&1; then
    install_packages "${packages[@]}"
    fetch_drivers
else
    say "this is no Debian system: install what corresponds to ${packages[*]}"
    has_drivers ||
        say "and put ${driver_files[*]} of any Chromium into $drivers (tests of Vulkan without them: Scripts/test.sh --without-vulkan)"
fi
check_swift
