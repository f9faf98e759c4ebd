#!/usr/bin/env python3
"""Writes the golden file of edges that reviews found, as make_golden.py does with its own: ties, integers, leading axes.

    python make_golden_edges.py        # needs torch and safetensors; the file is the same at every run
"""

import torch

import make_golden
from make_golden import Golden, integers, normal

NAN = float("nan")


def edges():
    golden = Golden("tensor_edges")
    x = torch.tensor([1.0, 1, 2, 1, 0, 3, 1, NAN, 1, 1])
    low = torch.tensor([1.0, 0, 0, 1, 2, 2, NAN, 0, NAN, 0])
    high = torch.tensor([2.0, 1, 1, 1, 2, 2, 2, 1, 2, NAN])
    golden.case("clamp", torch.clamp, x, low, high)
    golden.case("clamp_crossed", torch.clamp, torch.tensor([0.0, 1, 1.5, 2, 3, NAN]), torch.full((6,), 2.0), torch.ones(6))
    golden.case("clamp_low", lambda x, b: torch.clamp(x, min=b), x, low)
    golden.case("clamp_high", lambda x, b: torch.clamp(x, max=b), x, low)
    tied = torch.tensor([2.0, 1, 2, 2, 3])
    golden.case("median_ties", torch.median, tied)
    golden.case("median_nan", torch.median, torch.tensor([2.0, NAN, 1, NAN]))
    golden.case("nan_median_ties", torch.nanmedian, torch.tensor([2.0, 1, 2, NAN, 2, 3]))
    golden.case("nan_median_none", torch.nanmedian, torch.tensor([NAN, NAN]))
    small = torch.int32
    i, j, m = (integers(9, *shape).to(small) for shape in [(3,), (4,), (3, 4)])
    for name, equation, operands in [
        ("sum", "i->", [i]), ("keep", "i->i", [i]), ("rows", "ij->i", [m]), ("pair", "ij,j->i", [m, j]),
        ("half", "ij,j->j", [m, j]), ("apart", "i,j->", [i, j]), ("dot", "i,i->", [i, i]), ("outer", "i,j->ij", [i, j]),
    ]:
        golden.exact(f"einsum_{name}", lambda *x: torch.einsum(equation, *x), *operands)
    golden.exact("einsum_bytes", lambda x: torch.einsum("ij->i", x), torch.full((2, 3), 200, dtype=torch.uint8))
    golden.exact("einsum_bool", lambda x: torch.einsum("i->", x), torch.tensor([True, True, False]))
    golden.exact("trapezoid_bytes", torch.trapezoid, torch.tensor([100, 200, 50], dtype=torch.uint8))
    golden.exact("trapezoid_int", torch.trapezoid, torch.tensor([[200, 100, 51], [1, 2, 3]]))
    golden.exact("trapezoid_at", torch.trapezoid, torch.tensor([200, 100, 51]), torch.tensor([1, 3, 2]))

    def assigned(key):
        def result(x, value):
            x = x.clone()
            x[key(x) if callable(key) else key] = value
            return x

        return result

    matrix = normal(4, 3)
    golden.case("assign_row", assigned(0), matrix, normal(1, 3))
    golden.case("assign_number", assigned((0, 0)), matrix, normal(1, 1))
    golden.case("assign_rows", assigned(torch.tensor([2, 0])), matrix, normal(1, 1, 2, 3))
    golden.case("assign_mask", assigned(torch.tensor([[True, False, True]] * 4)), matrix, normal(1, 8))
    five, places, values = torch.tensor([5, -7, 3]), torch.tensor([0, 0, 1, 1, 1]), torch.tensor([1, 2, -3, -4, -6])
    for self_too in (True, False):
        golden.exact(f"scatter_mean_{int(self_too)}",
                     lambda x, i, s: x.scatter_reduce(0, i, s, "mean", include_self=self_too), five, places, values)
    golden.exact("combinations_none", lambda v: torch.combinations(v, 3), normal(2))
    golden.save()


def wide_tables():
    """In float64, of which files otherwise keep float32: adaptive means, resampling and means without padding."""
    golden = Golden("wide_tables")
    functional = torch.nn.functional
    line, picture = normal(1, 2, 7).double(), normal(1, 1, 5, 7).double()
    golden.exact("adaptive", lambda x: functional.adaptive_avg_pool1d(x, 3), line)
    golden.exact("average", lambda x: functional.avg_pool1d(x, 3, 2, 1, True, False), line)
    golden.exact("linear", lambda x: functional.interpolate(x, 11, mode="linear"), line)
    golden.exact("bicubic", lambda x: functional.interpolate(x, (9, 4), mode="bicubic", align_corners=True), picture)
    for name in ["adaptive", "average", "linear", "bicubic"]:
        golden.tensors[f"{name}/in0"] = (line if name != "bicubic" else picture).clone()
    golden.save()


def clipped_embedding():
    """Five steps of Adam on an Embedding with max_norm before a Linear: the optimizer's tensors are not the layer's alone."""
    golden = Golden("clipped_embedding")
    table, weight, rows = normal(6, 4), normal(2, 4), integers(6, 5, 3)
    layer = torch.nn.Embedding(6, 4, max_norm=1.5).double()
    head = torch.nn.Linear(4, 2, bias=False).double()
    with torch.no_grad():
        layer.weight.copy_(table)
        head.weight.copy_(weight)
    optimizer = torch.optim.Adam([head.weight, layer.weight], lr=0.05)
    losses = []
    for step in range(5):
        optimizer.zero_grad()
        loss = head(layer(rows[step])).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    for name, tensor in [("table", table), ("weight", weight), ("rows", rows), ("losses", torch.stack(losses)),
                         ("last_table", layer.weight), ("last_weight", head.weight)]:
        golden.put(name, tensor)
    golden.save()


if __name__ == "__main__":
    for number, group in enumerate([edges, wide_tables, clipped_embedding]):
        make_golden.generator.manual_seed(20261201 + number)
        group()
