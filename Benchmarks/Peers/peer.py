"""Times a peer framework on the work that needletail-bench times, under the same names.

    peer op --framework torch [--filter softmax] [--dtype bfloat16]
    peer layers --framework torch
    peer train --framework jax --model mlp --batch 64
    peer accuracy --preset fast98 --seed 1
    peer processors --threads 1

Each line printed is a row as needletail-bench prints it: {"suite", "op", "samples_us", ...}; of accuracy, one of seconds and accuracy;
of processors, their numbers.
"""
import argparse
import json
import os
import pathlib


def positive(kind):
    """Numbers of more than nothing: a pass of -1 steps takes no time at all."""
    def number(text):
        value = kind(text)
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(f"{text}: give a number above 0")
        return value
    number.__name__ = kind.__name__
    return number


def numbers(text):
    """`1,64`: several separated by commas."""
    return [positive(int)(part) for part in text.split(",")]


def parse():
    """What each command uses, and nothing else: an option that would change nothing is refused."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="what", required=True)
    op, layers, train, accuracy = (commands.add_parser(name) for name in ("op", "layers", "train", "accuracy"))
    for command, frameworks in ((op, ["torch", "jax"]), (layers, ["torch", "jax"]),
                                (train, ["torch", "torch-compile", "jax", "tinygrad"])):
        command.add_argument("--framework", default="torch", choices=frameworks)
        command.add_argument("--round", type=int, default=0)
    for command in (op, layers):
        command.add_argument("--filter", default="", help="only those whose name contains this")
        command.add_argument("--seconds", type=positive(float), default=0.5, help="for the samples of a row")
    op.add_argument("--dtype", default="float32", help="several separated by commas")
    train.add_argument("--model", default="mlp", help="several separated by commas")
    train.add_argument("--batch", type=numbers, default="64", help="several separated by commas")
    train.add_argument("--steps", type=positive(int), help="in a pass, of which five are timed")
    accuracy.add_argument("--preset", default="fast98", choices=["fast98", "fast99"])
    accuracy.add_argument("--seed", type=int, default=1)
    for command in (op, layers, train, accuracy):
        command.add_argument("--threads", type=positive(int), default=os.environ.get("NEEDLETAIL_THREADS") or str(len(os.sched_getaffinity(0))),
                             help="by default NEEDLETAIL_THREADS, or a processor each")
    commands.add_parser("processors", help="which ones a framework without a number of threads is kept to").add_argument(
        "--threads", type=positive(int), required=True)
    options = parser.parse_args()
    if options.what == "layers":
        options.dtype = "float32"
    if options.what == "accuracy":
        options.framework = "torch"
    return options


def cores(folder="/sys/devices/system/cpu"):
    """The processors that this process was given, in the order to take them in: one of each core first, then what its cores have besides."""
    order, taken = [], {}
    for processor in sorted(os.sched_getaffinity(0)):
        try:
            core = pathlib.Path(folder, f"cpu{processor}", "topology", "thread_siblings_list").read_text()
        except OSError:
            core = processor
        taken[core] = taken.get(core, 0) + 1
        order.append((taken[core], processor))
    return [processor for _, processor in sorted(order)]


def limit(options):
    """Gives the framework its threads: PyTorch is told, the others take as many as there are processors for them."""
    processors = cores()
    if options.framework.startswith("torch"):
        import torch
        torch.set_num_threads(options.threads)
        return
    if options.threads > len(processors):
        raise SystemExit(f"--threads {options.threads}: {options.framework} has one for each of {len(processors)} processors; give no more")
    os.sched_setaffinity(0, processors[:options.threads])
    # tinygrad's own count.
    os.environ["NUM_CPU_THREADS"] = str(options.threads)


def main():
    options = parse()
    if options.what == "processors":
        return print(*cores()[:options.threads], sep=",")
    limit(options)
    # After the limit: some libraries count the processors when they are loaded.
    from timing import Row
    if options.what == "accuracy":
        import accuracy
        return print(json.dumps(accuracy.train(options.preset, options.seed, options.threads)))
    if options.what == "train":
        import training
        known = training.MODELS[options.framework]
        for model in options.model.split(","):
            if model not in known:
                raise SystemExit(f"{model} is not there for {options.framework}: {', '.join(known)}")
        for batch in options.batch:
            if batch >= training.IMAGES:
                raise SystemExit(f"--batch {batch}: give less than the {training.IMAGES} images")
        row = Row(options)
        for model in options.model.split(","):
            for batch in options.batch:
                training.time_model(row, options, model, batch)
        return
    import operations
    row = Row(options)
    for dtype in options.dtype.split(","):
        operations.time_all(row, options, dtype)


if __name__ == "__main__":
    main()
