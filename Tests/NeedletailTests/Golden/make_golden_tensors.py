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


def indexing():
    golden = Golden("tensor_indexing")
    x, b, v = normal(4, 5), normal(3, 4, 5), normal(6)
    mask, rows = x > 0.3, torch.tensor([True, False, True, True])
    i, j = torch.tensor([[0, 2], [-1, 2]]), torch.tensor([3, -2])
    repeated = torch.tensor([1, 3, 1])

    def assigned(function):
        """A function that writes into a copy of its first operand."""

        def result(x, *others):
            x = x.clone()
            function(x, *others)
            return x

        return result

    golden.case("mask", lambda x, m: x[m], x, mask)
    golden.case("mask_rows", lambda x, m: x[m], x, rows)
    golden.case("mask_middle", lambda b, m: b[:, m, 1:3], b, rows)
    golden.case("mask_and_index", lambda b, m, i: b[i, m], b, rows, torch.tensor([2, 0, 1]))
    golden.exact("mask_none", lambda x, m: x[m], x, torch.zeros(4, 5, dtype=torch.bool))
    golden.exact("mask_int", lambda x, m: x[m], integers(9, 4, 5), mask)
    golden.case("two_indices", lambda x, i, j: x[i, j], x, i, j)
    golden.case("two_indices_apart", lambda b, i, j: b[i, :, j], b, torch.tensor([0, 2]), j)
    golden.case("two_indices_last", lambda b, i, j: b[1:, i, j], b, i, j)
    golden.case("index_and_number", lambda b, i, j: b[i, 1, j], b, torch.tensor([0, 2]), j)
    golden.case("ellipsis", lambda b: b[..., 1], b)
    golden.case("ellipsis_middle", lambda b: b[0, ..., 1:3], b)
    golden.case("assign_mask", assigned(lambda x, m: x.__setitem__(m, 2.5)), x, mask)
    golden.case("assign_mask_values", assigned(lambda x, m, v: x.__setitem__(m, v)), x, rows, normal(3, 5))
    golden.case("assign_mask_row", assigned(lambda x, m, v: x.__setitem__(m, v)), x, rows, normal(5))
    golden.case("assign_index", assigned(lambda x, i, v: x.__setitem__(i, v)), x, torch.tensor([2, -4]), normal(2, 5))
    golden.case("assign_column", assigned(lambda b, i, v: b.__setitem__((slice(None), i, slice(1, 3)), v)), b,
                torch.tensor([3, 0]), normal(3, 2, 2))
    golden.case("assign_two", assigned(lambda x, i, j, v: x.__setitem__((i, j), v)), x, torch.tensor([0, 3]), j, normal(2))
    golden.case("assign_two_apart", assigned(lambda b, i, j, v: b.__setitem__((i, slice(None), j), v)), b,
                torch.tensor([0, 2]), j, normal(2, 4))
    golden.case("assign_number", assigned(lambda x: x.__setitem__((0, 0), 3)), x)
    golden.case("assign_ellipsis", assigned(lambda b: b.__setitem__((..., 2), -1.5)), b)
    golden.exact("assign_bool", assigned(lambda m, i: m.__setitem__(i, True)), mask, torch.tensor([1]))
    golden.exact("nonzero", torch.nonzero, mask)
    golden.exact("nonzero_scalar", torch.nonzero, torch.tensor(3.0))
    golden.case("masked_select", lambda x, m: torch.masked_select(x, m), x, mask[:1])
    golden.case("masked_fill", lambda x, m: x.masked_fill(m, 7.0), x, mask[:1])
    golden.case("masked_scatter", lambda x, m, s: x.masked_scatter(m, s), x, mask, normal(4, 5))
    golden.case("take", torch.take, x, i * 3)
    golden.case("take_along", lambda x, i: torch.take_along_dim(x, i, 1), x, torch.tensor([[0, 4, 2]]))
    golden.case("take_along_flat", lambda x, i: torch.take_along_dim(x, i), x, torch.tensor([7, 0, 7]))
    golden.case("put", lambda x, i, s: x.put(i, s), x, torch.tensor([[3, -1]]), normal(1, 2))
    golden.case("put_added", lambda x, i, s: x.put(i, s, accumulate=True), x, torch.tensor([3, -1, 3]), normal(3))
    for axis in (0, 1):
        shape = (3, 5) if axis == 0 else (4, 3)
        golden.case(f"index_add{axis}", lambda x, i, s: x.index_add(axis, i, s, alpha=2), x, repeated, normal(*shape))
        golden.case(f"index_copy{axis}", lambda x, i, s: x.index_copy(axis, i, s), x, torch.tensor([1, 3, 0]),
                    normal(*shape))
        golden.case(f"index_fill{axis}", lambda x, i: x.index_fill(axis, i, 7.0), x, torch.tensor([1, -1]))
    places = torch.tensor([[0, 3, 1, 2], [2, 0, 3, 1]])
    golden.case("scatter", lambda x, i, s: x.scatter(0, i, s), x, places, normal(2, 4))
    golden.case("scatter_last", lambda x, i, s: x.scatter(1, i, s), x, places, normal(2, 4))
    golden.case("scatter_number", lambda x, i: x.scatter(1, i, 2.5), x, places)
    golden.exact("scatter_int", lambda x, i, s: x.scatter(1, i, s), integers(9, 4, 5), places, integers(9, 2, 4))
    crowd = torch.tensor([[0, 0, 2, 2, 0], [1, 2, 2, 2, 3]])
    for name in ["sum", "prod", "mean", "amax", "amin"]:
        for self_too in (True, False):
            golden.case(
                f"scatter_reduce_{name}_{int(self_too)}",
                lambda x, i, s: x.scatter_reduce(1, i, s, name, include_self=self_too), x, crowd, normal(2, 5))
    ties, zeros = torch.tensor([1.0, 2, 2, 0, 2]), torch.tensor([1.0, 0, 3, 0, 2])
    golden.case("scatter_reduce_ties", lambda x, i, s: x.scatter_reduce(0, i, s, "amax"), torch.tensor([2.0, 5, 0]),
                torch.tensor([0, 0, 0, 2, 1]), ties)
    golden.case("scatter_reduce_zeros", lambda x, i, s: x.scatter_reduce(0, i, s, "prod"), torch.tensor([2.0, 5, 3]),
                torch.tensor([0, 0, 2, 2, 2]), zeros)
    golden.exact("scatter_reduce_int", lambda x, i, s: x.scatter_reduce(0, i, s, "amin", include_self=False),
                 integers(9, 3), torch.tensor([0, 0, 2, 2, 2]), integers(9, 5))
    golden.save()


def statistics():
    golden = Golden("tensor_statistics")
    x, b, v = normal(4, 5), normal(3, 4, 5), normal(7)
    nan = float("nan")
    holes = x.clone()
    holes[0, 1] = holes[0, 3] = holes[2, 0] = nan
    hollow = holes.clone()
    hollow[1] = nan
    few = integers(4, 4, 6)

    def pair(name, function, *inputs, gradients=True):
        """The two results of a function, as two cases."""
        golden.case(f"{name}_values", lambda *x: function(*x)[0], *inputs, gradients=gradients)
        golden.case(f"{name}_indices", lambda *x: function(*x)[1], *inputs, gradients=False)

    golden.case("median", torch.median, x)
    pair("median", lambda x: x.median(0, keepdim=True), x)
    pair("median_nan", lambda x: x.median(1), holes, gradients=False)
    golden.case("nan_median", torch.nanmedian, holes)
    golden.case("nan_median_axis", lambda x: torch.nanmedian(x, 1)[0], hollow, gradients=False)
    golden.exact("median_int", torch.median, torch.tensor([5, 2, 9, 4]))
    pair("kth", lambda x: x.kthvalue(2, 0), x)
    golden.exact("mode", lambda x: x.mode(1)[0], few)
    for name in ["linear", "lower", "higher", "nearest", "midpoint"]:
        golden.case(f"quantile_{name}", lambda x: torch.quantile(x, 0.4, 0, interpolation=name), x)
        golden.case(f"nan_quantile_{name}", lambda x: torch.nanquantile(x, 0.7, 1, interpolation=name), hollow,
                    gradients=False)
    golden.case("quantile_all", lambda x: torch.quantile(x, 0.25, keepdim=True), x)
    golden.case("quantile_several", lambda x: torch.quantile(x, torch.tensor([0, 0.5, 1]).to(x.dtype), 1, True), x)
    golden.case("quantile_nan", lambda x: torch.quantile(x, 0.3, 1), holes, gradients=False)
    golden.case("nan_quantile", lambda x: torch.nanquantile(x, 0.3), holes)
    golden.case("msort", torch.msort, x)
    golden.case("variance_mean", lambda x: torch.stack(torch.var_mean(x, 1)), x)
    golden.case("std_mean", lambda x: torch.stack(torch.std_mean(x, (0, 2), correction=0)), b)
    golden.case("aminmax", lambda x: torch.stack(torch.aminmax(x, dim=1)), x)
    golden.case("amax", lambda x: torch.amax(x, (0, 2)), b)
    golden.exact("count_nonzero", lambda x: torch.count_nonzero(x, 1), few)
    golden.case("nan_sum", lambda x: torch.nansum(x, 1), holes)
    golden.case("nan_mean", lambda x: torch.nanmean(x, 1), hollow, gradients=False)
    golden.case("nan_mean_gradient", lambda x: torch.nanmean(x, 1), holes)
    golden.case("cov", torch.cov, x)
    golden.case("cov_vector", lambda v: torch.cov(v, correction=0), v)
    golden.case("cov_weights", lambda x, w: torch.cov(x, fweights=torch.tensor([1, 2, 0, 1, 3]), aweights=w.detach()),
                x, torch.rand(5, generator=make_golden.generator) + 0.1)
    golden.case("corrcoef", torch.corrcoef, x)
    golden.case("diff", lambda x: torch.diff(x, 2, 0), x)
    golden.case("diff_ends", lambda x, a, b: torch.diff(x, 1, 1, a, b), x, normal(4, 1), normal(4, 2))
    golden.exact("diff_bool", torch.diff, x > 0)
    golden.exact("diff_more", lambda x: torch.diff(x, 9), x)
    golden.case("trapezoid", lambda x: torch.trapezoid(x, dx=0.5, dim=0), x)
    golden.case("trapezoid_at", lambda x, t: torch.trapezoid(x, t, dim=1), x, normal(5))
    # torch.vander itself cannot be differentiated (2.15: a variable modified in place).
    golden.case("vander", lambda v: torch.stack([v**k for k in (3, 2, 1, 0)], 1), v)
    golden.exact("vander_increasing", lambda v: torch.vander(v, 3, True), v)
    golden.case("cartesian_prod", lambda a, b: torch.cartesian_prod(a, b), normal(2), normal(3))
    golden.case("combinations", lambda v: torch.combinations(v, 3), normal(4))
    golden.case("combinations_again", lambda v: torch.combinations(v, 2, True), normal(3))
    steps = torch.tensor([-1.0, -0.5, 0, 0, 0.25, 2])
    probes = torch.cat([steps, normal(4), torch.tensor([nan, 9.0, -9])])
    for right in (False, True):
        golden.exact(f"searchsorted_{int(right)}", lambda s, v: torch.searchsorted(s, v, right=right), steps, probes)
        golden.exact(f"bucketize_{int(right)}", lambda v, s: torch.bucketize(v, s, right=right), x, steps)
    golden.exact("searchsorted_rows", torch.searchsorted, b.sort(-1)[0], normal(3, 4, 2))
    golden.exact("searchsorted_int", torch.searchsorted, torch.tensor([1, 3, 3, 5]), few)
    golden.exact("isin", torch.isin, few, torch.tensor([3, 1]))
    golden.exact("isin_inverted", lambda x, y: torch.isin(x, y, invert=True), x, x[1, :2])
    for place, name in enumerate(["values", "inverse", "counts"]):
        golden.exact(f"unique_{name}", lambda x: torch.unique(x, return_inverse=True, return_counts=True)[place], few)
        golden.exact(f"unique_rows_{name}",
                     lambda x: torch.unique(x, return_inverse=True, return_counts=True, dim=0)[place], few[:, :1] % 2)
        golden.exact(f"unique_columns_{name}",
                     lambda x: torch.unique(x, return_inverse=True, return_counts=True, dim=1)[place], few[:2] % 2)
        golden.exact(f"consecutive_{name}",
                     lambda x: torch.unique_consecutive(x, return_inverse=True, return_counts=True)[place], few % 2)
    golden.exact("consecutive_columns", lambda x: torch.unique_consecutive(x, dim=1), few[:2] % 2)
    golden.exact("bincount", torch.bincount, few[0])
    golden.exact("bincount_weights", lambda x, w: torch.bincount(x, w, minlength=9), few[0], normal(6))
    golden.exact("histc", lambda x: torch.histc(x, 5, -1, 1), x)
    golden.exact("histc_open", lambda x: torch.histc(x, 4), x)
    golden.exact("histogram", lambda x: torch.histogram(x, 4)[0], x)
    golden.exact("histogram_edges", lambda x: torch.histogram(x, 4)[1], x)
    golden.exact("histogram_density", lambda x, e: torch.histogram(x, e, density=True)[0], x,
                 torch.tensor([-1.0, 0, 0.5, 2]))
    golden.exact("histogram_weights", lambda x, w: torch.histogram(x, 3, range=(-1.0, 1.0), weight=w)[0], x, normal(4, 5))
    near = x + torch.tensor([0, 1e-9, 1e-6, 1e-3, 1])
    golden.exact("is_close", torch.isclose, x, near)
    golden.exact("is_close_nan", lambda x, y: torch.isclose(x, y, 0, 0.01, True), holes, near)
    golden.exact("is_close_int", lambda x, y: torch.isclose(x, y, 0.3), few, few.flip(0))
    golden.save()


def algebra():
    """What does not depend on the signs of vectors, in which libraries are free."""
    golden = Golden("tensor_algebra")
    linalg = torch.linalg
    a, b, tall, wide = normal(2, 4, 4), normal(2, 4, 3), normal(2, 5, 3), normal(3, 5)

    def symmetric(x):
        return x + x.mT

    golden.case("solve", linalg.solve, a, b)
    golden.case("solve_vector", linalg.solve, a[0], normal(4))
    golden.case("inverse", linalg.inv, a)
    golden.case("det", linalg.det, a)
    golden.case("slogdet", lambda x: linalg.slogdet(x)[1], a)
    golden.exact("slogdet_sign", lambda x: linalg.slogdet(x)[0], a)
    golden.case("matrix_power", lambda x: linalg.matrix_power(x, -2), a)
    golden.case("cholesky", lambda x: linalg.cholesky(x @ x.mT + torch.eye(4)), a)
    golden.case("qr_q", lambda x: linalg.qr(x)[0], tall)
    golden.case("qr_r", lambda x: linalg.qr(x)[1], tall)
    golden.case("qr_wide", lambda x: linalg.qr(x)[1], wide)
    golden.case("qr_wide_q", lambda x: linalg.qr(x)[0], wide)
    golden.case("solve_broadcast", linalg.solve, a, normal(3, 1, 4, 2))
    golden.case("solve_vectors", linalg.solve, a, normal(2, 4))
    golden.case("eigh_values", lambda x: linalg.eigh(symmetric(x))[0], a)
    golden.case("eigh_vectors", lambda x: linalg.eigh(symmetric(x))[1].square(), a)
    golden.case("svd_values", lambda x: linalg.svd(x, full_matrices=False)[1], tall)
    golden.case("svd_left", lambda x: linalg.svd(x, full_matrices=False)[0].square(), tall)
    golden.case("svd_right", lambda x: linalg.svd(x, full_matrices=False)[2].square(), tall)
    golden.case("svd_wide", lambda x: linalg.svd(x, full_matrices=False)[2].square(), wide)
    golden.case("pinv", linalg.pinv, tall)
    golden.case("pinv_wide", linalg.pinv, wide)
    golden.case("lstsq", lambda a, b: linalg.pinv(a) @ b, tall, normal(2, 5, 2))
    golden.save()


GROUPS = [shapes, products, indexing, statistics, algebra]

if __name__ == "__main__":
    for number, group in enumerate(GROUPS):
        make_golden.generator.manual_seed(20261127 + number)
        if len(sys.argv) == 1 or group.__name__ in sys.argv[1:]:
            group()
