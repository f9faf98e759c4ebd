"""Samples and rows, taken and written as needletail-bench takes and writes its own."""
import importlib.metadata
import json
import math
import time


def samples(run, finish, seconds):
    """Microseconds of an iteration: the first, then samples of two milliseconds or more, each closed by `finish`."""
    def once():
        start = time.perf_counter()
        run()
        finish()
        return time.perf_counter() - start
    first = once()
    least = min(once(), once())
    count = max(1, math.ceil(2e-3 / max(least, 1e-7)))
    few = 3 if least * 11 > 8 * seconds else 11
    taken = []
    begin = time.perf_counter()
    while len(taken) < few or (len(taken) < 101 and time.perf_counter() - begin < seconds):
        start = time.perf_counter()
        for _ in range(count):
            run()
        finish()
        taken.append((time.perf_counter() - start) / count * 1e6)
    return first * 1e6, taken


def passes(step, batches, finish, steps=None, seconds=1.5, count=5):
    """Microseconds of a step in each of five passes, which together take about so many seconds."""
    begin = time.perf_counter()
    step(batches[0])
    finish()
    first = time.perf_counter() - begin
    for b in batches[1:5]:
        step(b)
    finish()
    start = time.perf_counter()
    step(batches[0])
    finish()
    once = time.perf_counter() - start
    steps = steps or max(2, min(500, int(seconds / count / once)))
    taken = []
    for _ in range(count):
        start = time.perf_counter()
        for index in range(steps):
            step(batches[index % len(batches)])
        finish()
        taken.append((time.perf_counter() - start) / steps * 1e6)
    return first * 1e6, taken


class Row:
    """Prints rows of one run."""

    def __init__(self, options):
        self.options = options
        package = options.framework.split("-")[0]
        self.driver = f"{options.framework} {importlib.metadata.version(package)}"

    def write(self, suite, name, dtype, first, taken, family=None, training=None):
        ordered = sorted(taken)
        row = {
            "framework": self.options.framework, "suite": suite, "op": name, "dtype": dtype, "device": device(self.options),
            "driver": self.driver, "threads": self.options.threads, "round": self.options.round, "first_us": first,
            "samples_us": taken, "host_us": 0, "launches": 0, "warnings": [], "min_us": ordered[0],
            "median_us": ordered[len(ordered) // 2],
        }
        if family:
            row["family"] = family
        if training:
            row |= {**training, "min_ms": ordered[0] / 1e3, "median_ms": row["median_us"] / 1e3}
        print(json.dumps(row), flush=True)


def device(options):
    if options.framework == "tinygrad":
        from tinygrad import Device
        return Device.DEFAULT.lower()
    return "cpu"
