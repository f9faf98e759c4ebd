#!/usr/bin/env python3
"""Writes the golden files of the tensor functions that are made of others, as make_golden.py does with its own.

    python make_golden_tensors.py [GROUP ...]        # needs torch and safetensors; the files are the same at every run

Each group has a generator of its own, so that one can be written without the others.
"""

import sys

import torch
import torch.nn.functional as F

import make_golden
from make_golden import Golden, integers, normal


def shapes():
    golden = Golden("tensor_shapes")
    x, v, b = normal(4, 5), normal(4), normal(2, 3, 4)
    golden.case("tril", lambda x: torch.tril(x, 1), x)
    golden.case("triu", lambda x: torch.triu(x, -1), b)
    golden.exact("tril_bool", torch.tril, torch.ones(3, 4, dtype=torch.bool))
    golden.exact("triu_int", lambda x: torch.triu(x, 2), integers(9, 3, 5))
    golden.case("diag_vector", lambda v: torch.diag(v, 1), v)
    golden.case("diag_vector_below", lambda v: torch.diag(v, -2), v)
    golden.case("diag_matrix", lambda x: torch.diag(x, -1), x)
    golden.case("diagonal", lambda b: torch.diagonal(b, 1, 0, 2), b)
    golden.case("diagonal_below", lambda b: torch.diagonal(b, -1, -1, 1), b)
    golden.exact("diagonal_outside", lambda x: torch.diagonal(x, 5), x)
    golden.case("diag_embed", lambda b: torch.diag_embed(b, 1, 0, 2), b)
    golden.case("diag_embed_below", lambda b: torch.diag_embed(b, -2), b)
    golden.case("trace", torch.trace, x)
    golden.exact("trace_int", torch.trace, integers(9, 3, 5))
    for name, indexing in [("ij", "ij"), ("xy", "xy")]:
        for i in range(3):
            golden.case(
                f"meshgrid_{name}{i}",
                lambda a, b, c: torch.meshgrid(a, b, c, indexing=indexing)[i], normal(2), normal(3), normal(4))
    golden.case("roll", lambda b: torch.roll(b, (1, -2), (0, 2)), b)
    golden.case("roll_flat", lambda b: torch.roll(b, 5), b)
    golden.case("repeat", lambda x: x.repeat(2, 1, 3), x)
    golden.case("tile", lambda b: b.tile(2, 2), b)
    golden.exact("repeat_none", lambda x: x.repeat(2, 0, 3), x)
    golden.case("repeat_interleave", lambda b: b.repeat_interleave(2, 1), b)
    golden.case("repeat_interleave_flat", lambda x: x.repeat_interleave(3), x)
    golden.case("repeat_interleave_counts", lambda b, c: b.repeat_interleave(c, 1), b, torch.tensor([2, 0, 3]))
    for k in range(-1, 4):
        golden.case(f"rot90_{k + 1}", lambda b: torch.rot90(b, k, [0, 2]), b)
    golden.case("movedim", lambda b: torch.movedim(b, (0, -1), (-1, 0)), b)
    golden.case("movedim_one", lambda b: torch.movedim(b, 0, 1), b)
    golden.case("unbind", lambda b: b.unbind(1)[2], b)
    golden.case("split_sizes", lambda x: x.split([1, 3, 1], 1)[1], x)
    golden.case("tensor_split", lambda x: x.tensor_split(3, 1)[1], x)
    golden.case("tensor_split_at", lambda x: x.tensor_split((1, -1), 1)[1], x)
    golden.exact("tensor_split_crossed", lambda x: x.tensor_split((4, 2), 1)[1], x)
    golden.case("unflatten", lambda b: b.unflatten(2, (2, -1)), b)
    for name, stack in [("hstack", torch.hstack), ("vstack", torch.vstack), ("dstack", torch.dstack)]:
        golden.case(name, lambda a, b: stack([a, b]), v, normal(4))
        golden.case(f"{name}_matrices", lambda a, b: stack([a, b]), x, normal(4, 5))
    golden.case("column_stack", lambda a, b: torch.column_stack([a, b]), v, x)
    golden.case("at_least_3d", torch.atleast_3d, x)
    golden.case("unfold", lambda b: b.unfold(2, 2, 1), b)
    golden.case("unfold_side_by_side", lambda x: x.unfold(1, 2, 2), x)
    golden.case("unfold_apart", lambda x: x.unfold(0, 1, 3), x)
    picture = normal(2, 3, 5, 6)
    window = dict(dilation=(1, 2), padding=(1, 0), stride=(2, 1))
    golden.case("unfold2d", lambda p: F.unfold(p, (2, 3), **window), picture)
    columns = F.unfold(picture, (2, 3), **window)
    golden.case("fold", lambda c: F.fold(c, (5, 6), (2, 3), **window), normal(*columns.shape))
    golden.case("fold_one", lambda c: F.fold(c, (5, 6), (2, 3), **window), normal(*columns.shape[1:]))
    golden.case("any_axes", lambda b: (b > 1).any(2).any(0), b, gradients=False)
    golden.case("all_axes", lambda b: (b > -1).all(2).all(0), b, gradients=False)
    golden.case("std_axes", lambda b: b.std((0, 2)), b)
    golden.case("variance_fractional", lambda b: b.var((0, 2), correction=0.5), b)
    golden.save()


EINSUM = [
    ("ij,jk->ik", (2, 3), (3, 4)), ("bij,bjk->bik", (2, 3, 4), (2, 4, 2)), ("ij,jk", (2, 3), (3, 4)), ("ii->i", (3, 3)),
    ("ii", (3, 3)), ("bii->bi", (2, 3, 3)), ("i,j->ij", (2,), (3,)), ("ij->ji", (2, 3)), ("ij->", (2, 3)),
    ("...ij,...jk->...ik", (2, 1, 2, 3), (4, 3, 2)), ("...i,i->...", (2, 3, 4), (4,)),
    ("ijk,jl,k->il", (2, 3, 4), (3, 2), (4,)), ("bhqd,bhkd->bhqk", (2, 2, 3, 4), (2, 2, 5, 4)), ("ij,ij->i", (2, 3), (2, 3)),
    ("ij,ij->ij", (2, 3), (2, 3)), ("iij,jk->ik", (2, 2, 3), (3, 4)), ("ij,kj->", (2, 3), (4, 3)),
    ("B a, a c -> B c", (2, 3), (3, 4)), ("i...->...", (2, 3, 4)), ("zb,ab", (2, 3), (4, 3)), ("ij,i->ij", (2, 3), (1,)),
]


def products():
    golden = Golden("tensor_products")
    for number, (equation, *extents) in enumerate(EINSUM):
        golden.case(f"einsum{number}", lambda *x: torch.einsum(equation, *x), *[normal(*e) for e in extents])
    v, w, m, n, b = normal(4), normal(4), normal(3, 4), normal(4, 2), normal(2, 3, 4)
    golden.case("dot", torch.dot, v, w)
    golden.case("outer", torch.outer, v, normal(3))
    golden.case("inner", torch.inner, b, m)
    golden.case("vecdot", lambda a, b: torch.linalg.vecdot(a, b, dim=0), m, normal(3, 1))
    golden.case("cross", lambda a, b: torch.linalg.cross(a, b, dim=1), b, normal(1, 3, 4))
    golden.case("mv", torch.mv, m, v)
    golden.case("addmm", lambda c, a, b: torch.addmm(c, a, b, beta=0.5, alpha=2), normal(2), m, n)
    golden.exact("addmm_nan", lambda c, a, b: torch.addmm(c, a, b, beta=0), torch.full((3, 2), float("nan")),
                 torch.ones(3, 4), torch.ones(4, 2))
    golden.case("addmv", torch.addmv, normal(3), m, v)
    golden.case("addr", lambda c, a, b: torch.addr(c, a, b, alpha=3), normal(3, 4), normal(3), v)
    golden.case("baddbmm", lambda c, a, b: torch.baddbmm(c, a, b, alpha=2), normal(2, 3, 1), b, normal(2, 4, 5))
    golden.case("kron", torch.kron, normal(2, 3), normal(3, 2))
    golden.case("kron_ranks", torch.kron, normal(2), normal(2, 1, 3))
    golden.case("tensordot", torch.tensordot, b, normal(3, 4, 5))
    golden.case("tensordot_axes", lambda a, b: torch.tensordot(a, b, ([0, -1], [2, 1])), b, normal(5, 4, 2))
    golden.case("tensordot_none", lambda a, b: torch.tensordot(a, b, 0), v, normal(2, 2))
    golden.case("matrix_power", lambda x: torch.linalg.matrix_power(x, 5), normal(2, 3, 3, scale=0.6))
    golden.exact("matrix_power_0", lambda x: torch.linalg.matrix_power(x, 0), normal(2, 3, 3))
    golden.case("multi_dot", lambda *x: torch.linalg.multi_dot(x), normal(2, 5), normal(5, 1), normal(1, 4), normal(4, 3))
    golden.case("multi_dot_vectors", lambda *x: torch.linalg.multi_dot(x), v, normal(4, 3), normal(3))
    holes = b.clone()
    holes[0, 1] = 0
    holes[1, :, 2] = 0
    norm = torch.linalg.vector_norm
    for name, p in [("0", 0), ("1", 1), ("3", 3), ("15", 1.5), ("half", 0.5), ("inf", float("inf"))]:
        golden.case(f"norm_{name}", lambda x: norm(x, p, 1), holes)
    golden.case("norm_2", lambda x: norm(x, 2, (0, 2), True), b)
    golden.case("norm_inf_ties", lambda x: norm(x, float("inf"), 1), torch.tensor([[1.0, -2, 2, 0], [0, 0, 0, 0]]))
    golden.case("norm_minus_inf", lambda x: norm(x, -float("inf")), m)
    golden.case("norm_zeros", lambda x: norm(x, 2, 1), torch.tensor([[3.0, 4], [0, 0]]))
    golden.case("norm_nan", lambda x: norm(x, float("inf"), 1), torch.tensor([[3.0, float("nan")], [0, 1]]),
                gradients=False)
    golden.case("normalize", F.normalize, b)
    golden.case("normalize_1", lambda x: F.normalize(x, 1, -1), b)
    golden.case("renorm", lambda x: torch.renorm(x, 2, 1, 1.5), b)
    golden.case("cosine_similarity", F.cosine_similarity, b, normal(2, 3, 1))
    golden.case("pairwise_distance", lambda a, b: F.pairwise_distance(a, b, keepdim=True), b, normal(3, 4))
    golden.case("cdist", torch.cdist, b, normal(5, 4))
    golden.case("cdist_same", torch.cdist, m, torch.cat([m[:2], normal(1, 4)]))
    for name, p in [("1", 1), ("inf", float("inf")), ("3", 3)]:
        golden.case(f"cdist_{name}", lambda a, b: torch.cdist(a, b, p), b, normal(2, 2, 4))
    golden.save()


GROUPS = [shapes, products]

if __name__ == "__main__":
    for number, group in enumerate(GROUPS):
        make_golden.generator.manual_seed(20261127 + number)
        if len(sys.argv) == 1 or group.__name__ in sys.argv[1:]:
            group()
