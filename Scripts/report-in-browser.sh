#!/usr/bin/env bash
# Opens a report in Debian's Chromium without a network, light and dark, and fails where the page writes an error to the console or asks
# for anything but itself. Chromium is taken out of its packages into NEEDLETAIL_CHROMIUM (~/.cache/needletail/chromium), not installed.
# Usage: Scripts/report-in-browser.sh [REPORT.html [PICTURES]]
#   REPORT.html   by default that of a run with every callback on
#   PICTURES      the folder for light.png and dark.png; by default they are thrown away
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
browser="${NEEDLETAIL_CHROMIUM:-$HOME/.cache/needletail/chromium}"
place="$(mktemp -d)"
trap 'rm -rf "$place"' EXIT

fail() {
    printf 'report-in-browser: error: %s\n' "$*" >&2
    exit 1
}

if [[ ! -x "$browser/usr/lib/chromium/chromium" ]]; then
    [[ ! -e "$browser" ]] || fail "$browser has no usr/lib/chromium/chromium; name a folder that is not there, or remove it"
    mkdir "$place/packages"
    (
        cd "$place/packages"
        mapfile -t names < <(apt-get --simulate install --no-install-recommends chromium fonts-dejavu-core | awk '/^Inst/ { print $2 }')
        # Of the packages that are installed, two are needed beside each other.
        for package in chromium chromium-common; do
            [[ " ${names[*]} " == *" $package "* ]] || names+=("$package")
        done
        apt-get download --quiet "${names[@]}" 2>/dev/null || fail "no chromium from apt-get; run apt-get update, or set NEEDLETAIL_CHROMIUM"
        for package in ./*.deb; do dpkg --extract "$package" "$place/files"; done
    )
    # Beside its place first: a copy over file systems that is cut short is no browser.
    mkdir -p "$(dirname "$browser")"
    rm -rf "$browser".part.*
    mv "$place/files" "$browser.part.$$"
    mv "$browser.part.$$" "$browser"
fi

report="${1:-}"
if [[ -z "$report" ]]; then
    trials=.build/release/Trials
    [[ -x "$trials" ]] || fail "there is no $trials; build it: swift build -c release --product Trials"
    "$trials" every-callback "$place/run" 6 >/dev/null
    report="$place/run/report.html"
fi
report="$(realpath "$report")"
address="$(python3 -c 'import pathlib, sys; print(pathlib.Path(sys.argv[1]).as_uri())' "$report")"
# Of PulseAudio one library lies in a folder of its own.
libraries="$browser/usr/lib/$(uname -m)-linux-gnu"
libraries="$libraries:$libraries/pulseaudio:$browser/usr/lib/chromium"
pictures="${2:-$place/pictures}"
mkdir -p "$pictures"

# The namespace has no network, and Chromium's own sandbox none to begin in.
alone=(unshare --map-root-user --net)
"${alone[@]}" true 2>/dev/null || fail "cannot leave the network (unshare --map-root-user --net); allow user namespaces"

# 0 is dark and 1 light in Chromium's settings.
for theme in dark light; do
    scheme=$([[ "$theme" == dark ]] && echo 0 || echo 1)
    log="$place/$theme.log"
    rm -f "$pictures/$theme.png"
    LD_LIBRARY_PATH="$libraries" timeout 120 "${alone[@]}" \
        "$browser/usr/lib/chromium/chromium" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
        --disable-background-networking --disable-component-update --disable-sync --disable-extensions \
        --user-data-dir="$place/profile-$theme" --blink-settings="preferredColorScheme=$scheme" --hide-scrollbars \
        --enable-logging=stderr --log-net-log="$place/$theme.json" --window-size=1000,1400 \
        --screenshot="$pictures/$theme.png" "$address" >"$log" 2>&1 || fail "Chromium fails: $(tail -n 5 "$log")"
    [[ -s "$pictures/$theme.png" ]] || fail "there is no picture: $(tail -n 5 "$log")"
    # What the browser's own pages write is not the report's.
    if grep -F 'CONSOLE' "$log" | grep -vF 'source: chrome://'; then fail "the page writes to the console"; fi
    python3 - "$place/$theme.json" "$address" <<'PYTHON'
import json
import re
import sys

with open(sys.argv[1]) as file:
    text = file.read()
try:
    log = json.loads(text)
except json.JSONDecodeError:
    # Of a browser that ended without its last line.
    log = json.loads(text.rstrip().rstrip(",") + "]}")
kinds = {number: name for name, number in log["constants"]["logEventTypes"].items()}
asked = set()
for event in log["events"]:
    url = event.get("params", {}).get("url", "")
    if kinds[event["type"]].startswith("URL_REQUEST") and url:
        asked.add(url)
# A page that is a file asks for nothing; what is within it are data: addresses. Chromium itself asks for the time and for updates.
own = re.compile(r"https?://(clients2\.google\.com/time|update\.googleapis\.com/service/update2)")
others = sorted(url for url in asked if not url.startswith(("data:", sys.argv[2])) and not own.match(url))
if others:
    sys.exit(f"report-in-browser: error: the page asks for {', '.join(others)}")
PYTHON
done
# A white page is no report.
same=0
cmp -s "$pictures/light.png" "$pictures/dark.png" || same=$?
((same == 1)) || fail "light and dark look the same"
printf 'report-in-browser: %s is shown without an error and without a network, light and dark\n' "$(basename "$report")"
