#!/usr/bin/env python3
"""Compares what two runs with every callback left: one that nobody disturbed, and one that was killed and resumed.

    same-run.py WHOLE KILLED EPOCHS KEPT

Every file is whole and read to its last byte, but for event files of killed runs, whose last record may be torn; no epoch is missing
or there twice, as TensorBoard shows event files; numbers are the same bit for bit, but for times; the same files are there, but for the
KEPT numbered checkpoints, whose steps depend on where the run was stopped, and event files, one for each time the run went on.
"""

import csv
import json
import re
import struct
import sys
from pathlib import Path


def fail(text):
    sys.exit(f"same-run: error: {text}")


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(path, may_be_torn):
    """The records without their times, which stand first in each."""
    data, place, found = path.read_bytes(), 0, []
    while place < len(data):
        length = struct.unpack_from("<Q", data, place)[0] if place + 12 <= len(data) else 0
        if may_be_torn and (place + 12 > len(data) or place + 16 + length > len(data)):
            break
        if place + 12 > len(data):
            fail(f"{path}: a record's length is torn at byte {place}")
        length, check = struct.unpack_from("<QI", data, place)
        if crc32c(data[place : place + 8]) != check:
            fail(f"{path}: the length at byte {place} fails its checksum")
        record = data[place + 12 : place + 12 + length]
        if place + 16 + length > len(data):
            fail(f"{path}: a record is torn at byte {place}")
        if crc32c(record) != struct.unpack_from("<I", data, place + 12 + length)[0]:
            fail(f"{path}: the record at byte {place} fails its checksum")
        if record[0] != 0x09:
            fail(f"{path}: the record at byte {place} has no time")
        found.append(record[9:])
        place += 16 + length
    return found


def step_of(record):
    """Of a record without its time; and what is behind it. One without a step is of step 0."""
    step, shift, place = 0, 0, 1
    if record[0] != 0x10:
        return 0, record
    while True:
        step |= (record[place] & 127) << shift
        shift += 7
        place += 1
        if record[place - 1] < 128:
            return step, record[place:]


def events(folder):
    """The points that TensorBoard shows of a folder's event files: one that begins takes the place of what came before. Settings,
    which each file has, hold the learning rate from which it goes on.
    """
    paths = sorted(folder.glob("events.out.tfevents.*.needletail"))
    points = []
    for path in paths:
        for record in records(path, may_be_torn=path != paths[-1]):
            step, rest = step_of(record)
            if rest[0] == 0x3A:
                points = [point for point in points if point[0] < step]
            elif rest[0] == 0x2A and b"\x0a\x08settings" not in rest:
                points.append((step, rest))
    return points


def table(path, epochs):
    text = path.read_text()
    if not text.endswith("\n"):
        fail(f"{path}: the last line is torn")
    rows = list(csv.reader(text.splitlines(), strict=True))
    if any(len(row) != len(rows[0]) for row in rows):
        fail(f"{path}: a row is torn")
    if sorted({int(row[0]) for row in rows[1:]}) != list(range(1, epochs + 1)):
        fail(f"{path}: the epochs are {[row[0] for row in rows[1:]]}")
    kept = [index for index, name in enumerate(rows[0]) if name != "seconds"]
    return [[row[index] for index in kept] for row in rows]


def lines(path, epochs):
    text = path.read_text()
    if not text.endswith("\n"):
        fail(f"{path}: the last line is torn")
    found = [json.loads(line) for line in text.splitlines()]
    if [entry["epoch"] for entry in found] != list(range(1, epochs + 1)):
        fail(f"{path}: the epochs are {[entry['epoch'] for entry in found]}")
    for entry in found:
        del entry["seconds"]
    return found


def checkpoint(path):
    """Tensors' bytes by name, and what the header says but for times."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    said = dict(header.pop("__metadata__"))
    del said["seconds"]
    for key in ("callbacks", "history"):
        said[key] = json.loads(said[key])
    for callback in said["callbacks"]:
        callback["numbers"].pop("seconds", None)
        # The names of numbered files, which are others where a run was stopped within an epoch.
        if callback["key"].startswith("ModelCheckpoint"):
            callback["texts"].pop("files", None)
    for epoch in said["history"]:
        epoch.pop("seconds", None)
    tensors = {}
    for name, entry in header.items():
        start, end = (8 + length + offset for offset in entry["data_offsets"])
        if end > len(data):
            fail(f"{path}: tensor {name} reaches beyond the file")
        tensors[name] = (entry["dtype"], entry["shape"], data[start:end])
    return tensors, said


def page(path):
    if not path.read_text().endswith("</html>\n"):
        fail(f"{path}: the page is torn")
    return None


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    whole, killed, epochs, kept = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    is_numbered = re.compile(r"epoch-\d{4}(-step-\d{6})?\.safetensors$").match
    is_event_file = re.compile(r"events\.out\.tfevents\.\d{10}\.\d{6}\.needletail$").match
    readers = {
        "last.safetensors": checkpoint,
        "best.safetensors": checkpoint,
        "history.csv": lambda path: table(path, epochs),
        "parameters.csv": lambda path: table(path, epochs),
        "history.jsonl": lambda path: lines(path, epochs),
        "report.html": page,
    }
    for folder in (whole, killed):
        names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
        others = [name for name in names if not is_numbered(name) and not is_event_file(name)]
        if others != sorted(readers):
            fail(f"{folder} holds {others}, not {sorted(readers)}")
        numbered = [name for name in names if is_numbered(name)]
        if len(numbered) != kept:
            fail(f"{folder} holds the numbered checkpoints {numbered}, not {kept}")
        for name in numbered:
            checkpoint(folder / name)
        if not any(is_event_file(name) for name in names):
            fail(f"{folder} holds no event file")
    if events(whole) != events(killed):
        fail(f"the event files of {killed} say something else than those of {whole}")
    for name, read in readers.items():
        if read(whole / name) != read(killed / name):
            fail(f"{killed / name} says something else than {whole / name}")


main()
