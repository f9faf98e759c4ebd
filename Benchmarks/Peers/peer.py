"""Times a peer framework on the work that needletail-bench times, under the same names.

    peer op --framework torch [--filter softmax] [--dtype bfloat16]
    peer layers --framework torch
    peer train --framework jax --model mlp --batch 64
    peer accuracy --preset fast98 --seed 1

Each line printed is a row as needletail-bench prints it: {"suite", "op", "samples_us", ...}; of accuracy, one of seconds and accuracy.
"""
import argparse
import json
import os

import operations
import training
from timing import Row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["op", "layers", "train", "accuracy"])
    parser.add_argument("--framework", default="torch", choices=["torch", "torch-compile", "jax", "tinygrad"])
    parser.add_argument("--model", default="mlp", help="several separated by commas")
    parser.add_argument("--batch", default="64", help="several separated by commas")
    parser.add_argument("--filter", default="", help="only operations whose name contains this")
    parser.add_argument("--dtype", default="float32", help="several separated by commas, of operations")
    parser.add_argument("--seconds", type=float, default=0.5, help="for the samples of a row")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--round", type=int, default=0)
    parser.add_argument("--steps", type=int, help="in a pass, of which five are timed")
    parser.add_argument("--preset", default="fast98", choices=["fast98", "fast99"])
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.what == "accuracy":
        import accuracy
        return print(json.dumps(accuracy.train(options.preset, options.seed, options.threads)))
    row = Row(options)
    if options.what == "train":
        for model in options.model.split(","):
            for batch in options.batch.split(","):
                training.time_model(row, options, model, int(batch))
        return
    if options.framework not in ("torch", "jax"):
        raise SystemExit(f"{options.what} is not there for {options.framework}; use torch or jax")
    for dtype in options.dtype.split(","):
        operations.time_all(row, options, dtype)


if __name__ == "__main__":
    main()
