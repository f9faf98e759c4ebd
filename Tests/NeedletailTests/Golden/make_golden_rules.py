#!/usr/bin/env python3
"""Writes the golden file of twenty steps of rules that are seldom used, and of a beta that a schedule cycles, as
make_golden_training.py does with the others.

    python make_golden_rules.py        # needs torch and safetensors; the file is the same at every run
"""

import torch
import torch.nn.functional as F

import make_golden
from make_golden import Golden, integers, normal

RULES = {
    "rprop": lambda p: torch.optim.Rprop(p),
    "rprop_all": lambda p: torch.optim.Rprop(p, lr=0.05, etas=(0.4, 1.5), step_sizes=(0.01, 0.08), maximize=True),
    "asgd": lambda p: torch.optim.ASGD(p, lr=0.1),
    "asgd_all": lambda p: torch.optim.ASGD(p, lr=0.3, lambd=0.1, alpha=0.6, t0=5, weight_decay=0.05),
    "adafactor": lambda p: torch.optim.Adafactor(p),
    "adafactor_all": lambda p: torch.optim.Adafactor(
        p, lr=0.3, beta2_decay=-0.6, eps=(1e-3, 0.05), d=1.5, weight_decay=0.1),
    "nadam_cycled": lambda p: torch.optim.NAdam(p, lr=0.02),
}


def last_optimizers():
    golden = Golden("last_optimizers")
    start = [normal(8, 6, scale=0.4), normal(8, scale=0.1), normal(3, 8, scale=0.4), normal(3, scale=0.1)]
    x, t = normal(20, 10, 6), integers(3, 20, 10)
    for index, tensor in enumerate(start):
        golden.put(f"start/{index}", tensor)
    golden.put("x", x)
    golden.put("t", t)
    for name, make in RULES.items():
        weights = [tensor.clone().double().requires_grad_() for tensor in start]
        optimizer = make(weights)
        scheduler = None
        if name == "nadam_cycled":
            scheduler = torch.optim.lr_scheduler.CyclicLR(
                optimizer, 0.01, 0.05, step_size_up=3, base_momentum=0.5, max_momentum=0.9)
        values = []
        for step in range(20):
            optimizer.zero_grad()
            # Rprop wants one loss, whose gradients keep their signs.
            rows = 0 if name.startswith("rprop") else step
            hidden = torch.tanh(F.linear(x[rows].double(), weights[0], weights[1]))
            loss = F.cross_entropy(F.linear(hidden, weights[2], weights[3]), t[rows])
            loss.backward()
            values.append(loss.detach())
            optimizer.step()
            if scheduler:
                scheduler.step()
        golden.put(f"{name}/losses", torch.stack(values))
        for index, tensor in enumerate(weights):
            golden.put(f"{name}/{index}", tensor)
            if name.startswith("asgd"):
                golden.put(f"{name}/ax{index}", optimizer.state[tensor]["ax"])
    golden.save()


if __name__ == "__main__":
    make_golden.generator.manual_seed(20261210)
    last_optimizers()
