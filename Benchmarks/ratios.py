#!/usr/bin/env python3
"""Makes README's table of ratios from the rows in Benchmarks/Results, and puts it between its two marks.

    Benchmarks/ratios.py           # writes README.md
    Benchmarks/ratios.py --check   # exits with 1 where README.md says something else

A file of rows with a peer's beside ours (`needletail-bench compare --peer ... --output FILE`) is a line of the table.
"""
import json
import math
import os
import pathlib
import statistics
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- ratios: made by Benchmarks/ratios.py -->", "<!-- end of ratios -->"


def medians(rows):
    """Microseconds of each piece of work: the median over rounds."""
    found = {}
    for row in rows:
        if not row.get("failure") and row["samples_us"]:
            found.setdefault((row["suite"], row["op"], row["dtype"]), []).append(statistics.median(row["samples_us"]))
    return {work: statistics.median(times) for work, times in found.items()}


def sources(rows):
    """Rows by who made them: one state of one program on one device of one machine, with so many threads."""
    machines = {row["machine"] for row in rows if row.get("machine")}
    # Where all rows that name a machine name one, those that name none were taken there.
    only = next(iter(machines)) if len(machines) == 1 else ""
    found = {}
    for row in rows:
        # The CPU's driver names its threads, which have a place of their own.
        driver = ",".join(part for part in row["driver"].split(",") if not part.endswith(" threads"))
        source = (row.get("machine") or only, row["device"], row["framework"], driver, row["threads"], row.get("commit") or "")
        found.setdefault(source, []).append(row)
    return sorted(found.items())


def lines(path):
    """A line for each kind of work of each peer and device in a file."""
    works = (("op", "operations"), ("layers", "layers"), ("train", "training steps"))
    rows = [json.loads(line) for line in path.read_text().splitlines() if line.startswith("{")]
    made = sources([row for row in rows if row["suite"] in [suite for suite, _ in works]])
    # Sources that differ in their commits alone are told apart by them.
    states = [source[:-1] for source, _ in made]
    for (*state, commit), own in made:
        machine, device, framework, _, threads = state
        if framework != "needletail":
            continue
        where = f"cpu, {threads} thread{'' if threads == 1 else 's'}" if device == "cpu" else device
        if states.count(tuple(state)) > 1:
            where += f", {commit or 'commit not named'}"
        for (place, beside, name, driver, others, _), other in made:
            if name == "needletail" or place != machine or (device == "cpu" and others != threads):
                continue
            ours, theirs = medians(own), medians(other)
            for suite, what in works:
                ratios = [ours[work] / theirs[work] for work in ours if work[0] == suite and work in theirs]
                if ratios:
                    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
                    share = sum(ratio <= 1 for ratio in ratios) / len(ratios)
                    yield (f"| {machine.split(', Linux')[0] or path.parent.name} | {where} | {driver} on {beside} | {what} | {len(ratios)} "
                           f"| {mean:.2f} | {share:.0%} | {max(ratios):.2f} |")


def table(directory=ROOT / "Benchmarks" / "Results"):
    made = [line for path in sorted(directory.rglob("*.jsonl")) for line in lines(path)]
    if not made:
        return ""
    head = ["| machine | device | beside | work | rows | our time by theirs, geometric mean | rows not slower | slowest row |",
            "|---|---|---|---|---|---|---|---|"]
    return "\n".join(head + made) + "\n"


def main():
    unknown = [argument for argument in sys.argv[1:] if argument != "--check"]
    if unknown:
        print(f"ratios.py: {unknown[0]} is no argument; give --check or nothing", file=sys.stderr)
        raise SystemExit(64)
    readme = ROOT / "README.md"
    text = readme.read_text()
    if BEGIN not in text or END not in text:
        raise SystemExit(f"README.md: the lines '{BEGIN}' and '{END}' are not there; put them where the table belongs")
    before, rest = text.split(BEGIN, 1)
    made = before + BEGIN + "\n" + table() + END + rest.split(END, 1)[1]
    if "--check" in sys.argv[1:]:
        raise SystemExit(0 if made == text else "README.md: the table of ratios is not that of Benchmarks/Results; run Benchmarks/ratios.py")
    # Whole or not at all.
    partial = readme.with_name(f"{readme.name}.partial")
    partial.write_text(made)
    os.replace(partial, readme)


if __name__ == "__main__":
    main()
