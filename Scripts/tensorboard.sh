#!/usr/bin/env bash
# Opens the event file of a run in the TensorBoard of PyPI, by its own reader and by its web server, and fails where a number is not that
# of the run's history. TensorBoard is installed into NEEDLETAIL_TENSORBOARD (~/.cache/needletail/tensorboard).
# Usage: Scripts/tensorboard.sh [debug]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
home="${NEEDLETAIL_TENSORBOARD:-$HOME/.cache/needletail/tensorboard}"
trials=".build/${1:-release}/Trials"
port="${NEEDLETAIL_TENSORBOARD_PORT:-6016}"
place="$(mktemp -d)"
server=""
finish() {
    [[ -z "$server" ]] || kill "$server" 2>/dev/null || true
    rm -rf "$place"
}
trap finish EXIT

fail() {
    printf 'tensorboard: error: %s\n' "$*" >&2
    exit 1
}
[[ -x "$trials" ]] || fail "there is no $trials; build it: swift build -c release --product Trials"
if [[ ! -x "$home/bin/tensorboard" ]]; then
    python3 -m venv "$home"
    # TensorBoard takes pkg_resources from it, which later ones have not.
    "$home/bin/pip" install --quiet tensorboard 'setuptools<81'
fi

"$trials" every-callback "$place/runs/a" 6 >/dev/null
"$home/bin/tensorboard" --logdir "$place/runs" --port "$port" --host 127.0.0.1 --load_fast false >"$place/log" 2>&1 &
server=$!
"$home/bin/python" - "$place/runs" "$port" <<'PYTHON' || fail "see above; the server says: $(tail -n 5 "$place/log")"
import json
import struct
import sys
import time
import urllib.parse
import urllib.request

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

runs, port = sys.argv[1:]
with open(f"{runs}/a/history.jsonl") as file:
    history = [json.loads(line) for line in file]
names = [name for name in history[0] if name not in ("epoch", "seconds")]
# A scalar is a float32.
wanted = {
    name: [(entry["epoch"], struct.unpack("f", struct.pack("f", entry[name]))[0]) for entry in history] for name in names
}
assert len(history) == 6 and {"loss", "val_loss", "accuracy", "learning_rate"} <= set(names), names

events = EventAccumulator(f"{runs}/a")
events.Reload()
found = {name: [(event.step, event.value) for event in events.Scalars(name)] for name in events.Tags()["scalars"]}
assert found == wanted, f"EventAccumulator reads {found}, the history has {wanted}"


def get(path, **query):
    address = f"http://127.0.0.1:{port}/data/plugin/scalars/{path}?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(address, timeout=10) as answer:
        return json.load(answer)


for attempt in range(120):
    try:
        tags = get("tags")
        if tags.get("a"):
            break
    except OSError:
        pass
    time.sleep(0.5)
else:
    sys.exit("the server shows no run after a minute")
assert sorted(tags["a"]) == sorted(names), f"the server shows {sorted(tags['a'])}, the history has {sorted(names)}"
for name in names:
    points = [(step, value) for _, step, value in get("scalars", run="a", tag=name)]
    assert points == wanted[name], f"{name}: the server shows {points}, the history has {wanted[name]}"
print(f"tensorboard: {len(names)} scalars of {len(history)} epochs are the history's, by EventAccumulator and by the server")
PYTHON
