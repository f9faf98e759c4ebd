#!/usr/bin/env bash
# Opens the event files of a directory in the TensorBoard of PyPI, by its own reader and by its web server: of a run whose place another
# took, which was stopped and went on. Fails where a number is not that of the last run's history, a histogram not that of the
# checkpoint's weights, or a picture or the settings cannot be shown. TensorBoard is installed into NEEDLETAIL_TENSORBOARD (~/.cache/needletail/tensorboard).
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

"$trials" every-callback "$place/runs/a" 8 >/dev/null
rm "$place"/runs/a/*.safetensors
"$trials" every-callback "$place/runs/a" 3 >/dev/null
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

# 0 is all of a kind.
events = EventAccumulator(f"{runs}/a", size_guidance={kind: 0 for kind in ("scalars", "histograms", "images", "tensors")})
events.Reload()
found = {name: [(event.step, event.value) for event in events.Scalars(name)] for name in events.Tags()["scalars"]}
assert found == wanted, f"EventAccumulator reads {found}, the history has {wanted}"


# The last epoch's weights, from the checkpoint's safetensors file.
with open(f"{runs}/a/last.safetensors", "rb") as file:
    header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    start = file.tell()
    weights = {}
    for name, entry in header.items():
        if name.split(".")[0].isdigit() and entry["dtype"] == "F32":
            first, end = entry["data_offsets"]
            file.seek(start + first)
            weights[name] = struct.unpack(f"<{(end - first) // 4}f", file.read(end - first))
histograms = {tag for tag in events.Tags()["histograms"]}
assert {tag.split("/")[0] for tag in histograms} == {"weights", "gradients"} and "weights/1.weight" in histograms, histograms
for tag in histograms:
    found = events.Histograms(tag)
    assert [event.step for event in found] == [entry["epoch"] for entry in history], f"{tag}: {[event.step for event in found]}"
    last = found[-1].histogram_value
    assert sum(last.bucket) == last.num and list(last.bucket_limit) == sorted(last.bucket_limit), tag
    kind, name = tag.split("/")
    if kind == "weights":
        own = weights[name]
        assert (last.min, last.max, last.num) == (min(own), max(own), len(own)), f"{tag}: {last}"
        assert abs(last.sum - sum(own)) < 1e-9 and abs(last.sum_squares - sum(x * x for x in own)) < 1e-9, f"{tag}: {last}"


def check_picture(png, what):
    assert png[:8] == b"\x89PNG\r\n\x1a\n", f"{what} is no PNG"
    return struct.unpack(">II", png[16:24])


pictures = events.Images("predictions")
assert [picture.step for picture in pictures] == [entry["epoch"] for entry in history]
for picture in pictures:
    found = check_picture(picture.encoded_image_string, "a picture")
    assert found == (picture.width, picture.height), f"a picture of {found} says {picture.width} x {picture.height}"
settings = events.Tensors("settings")
steps = [entry.step for entry in settings]
# EventAccumulator forgets all of a run whose place another took but its texts; the server forgets those too.
assert steps == [0, 0, 4], steps
for entry, epochs in zip(settings, (8, 3, 6)):
    text = entry.tensor_proto.string_val[0].decode()
    assert "| optimizer | adam" in text and f"| epochs | {epochs} |" in text, text


def fetch(path, **query):
    address = f"http://127.0.0.1:{port}/data/plugin/{path}?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(address, timeout=10) as answer:
        return answer.read()


def get(path, **query):
    return json.loads(fetch(path, **query))


for attempt in range(120):
    try:
        tags = get("scalars/tags")
        if tags.get("a"):
            break
    except OSError:
        pass
    time.sleep(0.5)
else:
    sys.exit("the server shows no run after a minute")
assert sorted(tags["a"]) == sorted(names), f"the server shows {sorted(tags['a'])}, the history has {sorted(names)}"
for name in names:
    points = [(step, value) for _, step, value in get("scalars/scalars", run="a", tag=name)]
    assert points == wanted[name], f"{name}: the server shows {points}, the history has {wanted[name]}"
assert set(get("histograms/tags")["a"]) == histograms
for tag in histograms:
    shown = get("histograms/histograms", run="a", tag=tag)
    assert [step for _, step, _ in shown] == [entry["epoch"] for entry in history], tag
    assert sum(count for _, _, count in shown[-1][2]) == events.Histograms(tag)[-1].histogram_value.num, tag
shown = get("images/images", run="a", tag="predictions", sample=0)
assert [picture["step"] for picture in shown] == [entry["epoch"] for entry in history]
key = dict(urllib.parse.parse_qsl(shown[-1]["query"]))
check_picture(fetch("images/individualImage", **key), "the server's picture")
texts = get("text/text", run="a", tag="settings")
assert len(texts) == 2 and all("<table>" in text["text"] and "adam" in text["text"] for text in texts), texts
print(
    f"tensorboard: {len(names)} scalars of {len(history)} epochs are the history's, {len(histograms)} histograms the weights' and "
    "gradients', pictures and settings there, by EventAccumulator and by the server"
)
PYTHON
