#!/usr/bin/env python3
"""Compares what two runs with every callback left: one that nobody disturbed, and one that was killed and resumed.

    same-run.py WHOLE KILLED EPOCHS KEPT

Every file is whole and read to its last byte; no epoch is missing or there twice; numbers are the same bit for bit, but for times;
the same files are there, but for the KEPT numbered checkpoints, whose steps depend on where the run was stopped.
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


def events(path):
    """The records without their times, which stand first in each."""
    data, place, found = path.read_bytes(), 0, []
    while place < len(data):
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
        for key in ("seconds", "times"):
            callback["numbers"].pop(key, None)
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
    readers = {
        "last.safetensors": checkpoint,
        "best.safetensors": checkpoint,
        "history.csv": lambda path: table(path, epochs),
        "parameters.csv": lambda path: table(path, epochs),
        "history.jsonl": lambda path: lines(path, epochs),
        "events.out.tfevents.0.needletail": events,
        "report.html": page,
    }
    for folder in (whole, killed):
        names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
        others = [name for name in names if not is_numbered(name)]
        if others != sorted(readers):
            fail(f"{folder} holds {others}, not {sorted(readers)}")
        numbered = [name for name in names if is_numbered(name)]
        if len(numbered) != kept:
            fail(f"{folder} holds the numbered checkpoints {numbered}, not {kept}")
        for name in numbered:
            checkpoint(folder / name)
    for name, read in readers.items():
        if read(whole / name) != read(killed / name):
            fail(f"{killed / name} says something else than {whole / name}")


main()
