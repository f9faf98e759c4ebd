#!/usr/bin/env python3
"""Writes the golden files of tensor functions that are seldom used, as make_golden.py does with its own.

    python make_golden_more.py        # needs torch and safetensors; the files are the same at every run
"""

import torch

import make_golden
from make_golden import Golden, integers, normal

NAN, INF = float("nan"), float("inf")


def more_functions():
    golden = Golden("more_functions")
    x, b = normal(4, 5), normal(3, 4, 5)
    holes = torch.tensor([1.0, NAN, 2, 2, NAN, -1])
    others = torch.tensor([2.0, 1, NAN, 2, NAN, -3])
    golden.case("fmax", torch.fmax, holes, others)
    golden.case("fmin", torch.fmin, holes, others)
    golden.exact("fmax_int", torch.fmax, torch.tensor([1, 5]), torch.tensor([[2], [3]]))
    for dtype in (torch.uint8, torch.int32, torch.int64):
        name = str(dtype)[6:]
        p = torch.tensor([0, 0, 12, 18, 233, 144, 7, 100]).to(dtype)
        q = torch.tensor([0, 5, 18, 12, 144, 89, 1, 75]).to(dtype)
        golden.exact(f"gcd_{name}", torch.gcd, p, q)
        golden.exact(f"lcm_{name}", torch.lcm, p // 3, q // 2)
    golden.exact("gcd_negative", torch.gcd, torch.tensor([-12, 12, -7]), torch.tensor([[18], [-18], [0]]))
    golden.exact("lcm_negative", torch.lcm, torch.tensor([-4, 4, 0]), torch.tensor([6, -6, 3]))
    golden.exact("gcd_long", torch.gcd, torch.tensor([7540113804746346429, 1 << 62]),
                 torch.tensor([4660046610375530309, 6 << 40]))
    golden.case("ldexp", torch.ldexp, x, normal(5))
    golden.exact("ldexp_int", torch.ldexp, torch.tensor([1, 3, -5]), torch.tensor([4, -2, 0]))
    powers = torch.tensor([0.0, 1, -1, 0.5, 0.75, 2, 3, 1e30, -1e-30, 1.5e38, 1.2e-38, 1.9999999, INF, -INF, 1023.9999])
    golden.exact("frexp_mantissa", lambda x: torch.frexp(x)[0], powers)
    golden.exact("frexp_exponent", lambda x: torch.frexp(x)[1], powers)
    golden.case("frexp", lambda x: torch.frexp(x)[0], x)
    golden.exact("nextafter", torch.nextafter, torch.tensor([0.0, 1, 1, -1, INF, 2, 0]),
                 torch.tensor([1.0, 2, 0, 0, 0, 2, -1]))
    golden.case("i0", torch.i0, torch.tensor([0.0, 0.5, -1, 3, 8, -15.5, 16, 17, 30, 80, -88]))
    golden.case("i1", torch.special.i1, torch.tensor([0.0, 0.5, -1, 3, 8, -15.5, 16, 17, 30, 80, -88]))
    gammas = torch.tensor([0.1, 0.5, 0.75, 1, 2.5, 7, 40, -0.3, -1.7, -4.45])
    for n in range(1, 5):
        golden.case(f"polygamma_{n}", lambda x: torch.polygamma(n, x), gammas)
    golden.case("polygamma_poles", lambda x: torch.polygamma(2, x), torch.tensor([0.0, 1]), gradients=False)
    golden.case("mvlgamma", lambda x: torch.mvlgamma(x, 3), torch.tensor([1.5, 2, 7.25, 30]))
    golden.case("addbmm", lambda c, a, b: torch.addbmm(c, a, b, beta=0.5, alpha=2), normal(3), normal(2, 4, 5), normal(2, 5, 3))
    golden.case("diagflat", lambda b: torch.diagflat(b, -2), normal(2, 2))
    golden.case("diagonal_scatter", lambda x, s: torch.diagonal_scatter(x, s, 1, 0, 2), b, normal(4, 3))
    golden.case("diagonal_scatter_below", lambda x, s: torch.diagonal_scatter(x, s, -2, -1, 1), b, normal(3, 3))
    golden.case("diagonal_scatter_outside", lambda x, s: torch.diagonal_scatter(x, s, 9) + 0 * x, x, normal(0))
    for name, shape, wrap in [("wide", (3, 5), False), ("tall", (7, 3), False), ("wrapped", (8, 3), True), ("cube", (3, 3, 3), False)]:
        golden.case(f"fill_diagonal_{name}", lambda x: x.clone().fill_diagonal_(2.5, wrap), normal(*shape))
    golden.case("block_diag", lambda a, b, c: torch.block_diag(a, b, c), normal(2, 3), normal(2), normal(3, 1))
    for name, p in [("2", 2), ("1", 1), ("inf", INF), ("0", 0), ("3", 3)]:
        golden.case(f"dist_{name}", lambda a, b: torch.dist(a, b, p), x, normal(5), gradients=p != 0)
    golden.case("pdist", torch.nn.functional.pdist, x)
    golden.case("pdist_1", lambda x: torch.nn.functional.pdist(x, 1), x)
    golden.exact("pdist_none", torch.nn.functional.pdist, x[:1])
    golden.case("sum_to_size", lambda b: b.sum_to_size(4, 1), b)
    golden.case("sum_to_size_same", lambda b: b.sum_to_size(3, 4, 5) * 1, b)
    golden.exact("nonzero_static", lambda x: torch.nonzero_static(x, size=4), integers(2, 2, 3) * 0 + torch.tensor([0, 1, 1]))
    golden.exact("nonzero_static_more", lambda x: torch.nonzero_static(x, size=5, fill_value=7), torch.tensor([0, 1, 1]))
    golden.exact("nonzero_static_less", lambda x: torch.nonzero_static(x, size=1), torch.tensor([0, 1, 1]))
    golden.save()


def more_algebra():
    golden = Golden("more_algebra")
    linalg = torch.linalg
    a, b, wide = normal(2, 4, 4), normal(2, 4, 3), normal(3, 1, 4, 2)
    triangle = a + 3 * torch.eye(4)
    for name, upper in [("upper", True), ("lower", False)]:
        golden.case(f"triangular_{name}", lambda t, b: linalg.solve_triangular(t, b, upper=upper), triangle, b)
        golden.case(f"triangular_unit_{name}",
                    lambda t, b: linalg.solve_triangular(t, b, upper=upper, unitriangular=True), a, wide)
        golden.case(f"cholesky_solve_{name}", lambda b, t: torch.cholesky_solve(b, t.triu() if upper else t.tril(), upper),
                    b, triangle)
        golden.case(f"cholesky_inverse_{name}", lambda t: torch.cholesky_inverse(t.triu() if upper else t.tril(), upper),
                    triangle)
    positive = a @ a.mT + torch.eye(4)
    golden.case("logdet", torch.logdet, positive)
    golden.case("logdet_signs", torch.logdet, torch.stack([torch.eye(2), torch.eye(2).flip(0), torch.zeros(2, 2)]),
                gradients=False)
    golden.case("lu_factor", lambda x: linalg.lu_factor(x)[0], a)
    golden.exact("lu_pivots", lambda x: linalg.lu_factor(x)[1], a)
    golden.case("lu_p", lambda x: linalg.lu(x)[0], a, gradients=False)
    golden.case("lu_l", lambda x: linalg.lu(x)[1], a)
    golden.case("lu_u", lambda x: linalg.lu(x)[2], a)
    golden.case("lu_solve", lambda a, b: linalg.lu_solve(*linalg.lu_factor(a), b), a, b)
    golden.case("matrix_exp", linalg.matrix_exp, a)
    golden.case("matrix_exp_large", linalg.matrix_exp, normal(3, 3, scale=4))
    golden.case("matrix_exp_zero", linalg.matrix_exp, torch.zeros(2, 2))
    golden.save()


if __name__ == "__main__":
    for number, group in enumerate([more_functions, more_algebra]):
        make_golden.generator.manual_seed(20261220 + number)
        group()
