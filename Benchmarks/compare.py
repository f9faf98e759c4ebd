#!/usr/bin/env python3
"""Runs needletail-bench and a peer's benchmark in turn on one machine, and prints the ratios as a Markdown table.

    Benchmarks/compare.py train --peer 'path/to/peer train --framework jax' --model mlp
    Benchmarks/compare.py op --peer 'path/to/peer op --framework torch'

The peer prints the same JSON lines as needletail-bench: {"framework", "model", "median_ms"} or {"framework", "op", "min_us"}.
Training is timed in `--rounds` turns of both, and the ratio is that of the medians.
"""
import argparse
import json
import pathlib
import shlex
import statistics
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
BENCH = ROOT / ".build" / "release" / "needletail-bench"


def lines(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{shlex.join(map(str, command))} failed:\n{done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def train(options):
    ours, theirs = [], []
    extra = ["--model", options.model]
    for _ in range(options.rounds):
        ours.append(lines([BENCH, "train", "--json", "--device", options.device, *extra])[-1])
        theirs.append(lines([*shlex.split(options.peer), *extra])[-1])
    a = statistics.median(line["median_ms"] for line in ours)
    b = statistics.median(line["median_ms"] for line in theirs)
    last = ours[-1]
    print("| model | needletail ms | " + theirs[-1]["framework"] + " ms | ratio | launches | host us | plans built |")
    print("|---|---|---|---|---|---|---|")
    print(f"| {options.model} | {a:.4f} | {b:.4f} | {a / b:.2f} | {last['launches_per_step']:.0f} "
          f"| {last['host_us']:.1f} | {last['plans_built']} |")


def operations(options):
    ours = {}
    theirs = {}
    for _ in range(options.rounds):
        for line in lines([BENCH, "op", "--json", "--device", options.device]):
            ours.setdefault(line["op"], []).append(line["min_us"])
        for line in lines(shlex.split(options.peer)):
            theirs.setdefault(line["op"], []).append(line["min_us"])
            framework = line["framework"]
    print(f"| operation | needletail us | {framework} us | ratio |\n|---|---|---|---|")
    for name, times in theirs.items():
        if name in ours:
            a, b = statistics.median(ours[name]), statistics.median(times)
            print(f"| {name} | {a:.1f} | {b:.1f} | {a / b:.2f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["train", "op"])
    parser.add_argument("--peer", required=True, help="the command that prints the peer's JSON lines")
    parser.add_argument("--model", default="mlp")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    train(options) if options.what == "train" else operations(options)


if __name__ == "__main__":
    main()
