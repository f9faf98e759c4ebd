#!/usr/bin/env python3
"""Writes the golden files of losses, rules and schedules beside this script, with PyTorch.

    python make_golden_training.py        # needs torch and safetensors; the files are the same at every run

Cases are those of make_golden.py. Losses take their options from the Swift tables of GoldenLossTests.
"""

import math

import torch
import torch.nn.functional as F

import make_golden
from make_golden import Golden, integers, normal

generator = torch.Generator().manual_seed(20261127)
make_golden.generator.manual_seed(20261127)


def uniform(*shape):
    return torch.rand(shape, generator=generator)


def signs(*shape):
    return (integers(2, *shape) * 2 - 1).float()


def more_losses():
    golden = Golden("more_losses")

    def case(name, function, *inputs, fixed=()):
        """Gradients flow to all float inputs but those of `fixed`."""

        def run(*wide):
            return function(*[t.detach() if i in fixed else t for i, t in enumerate(wide)])

        golden.case(name, run, *inputs)

    x, y = normal(5, 4) * 2, normal(5, 4)
    for reduction in ["none", "mean", "sum"]:
        case(f"smooth_l1_{reduction}", lambda x, y: F.smooth_l1_loss(x, y, reduction=reduction), x, y)
        case(f"huber_{reduction}", lambda x, y: F.huber_loss(x, y, reduction=reduction, delta=0.7), x, y)
    case("smooth_l1_beta", lambda x, y: F.smooth_l1_loss(x, y, beta=0.3), x, y)
    case("smooth_l1_zero", lambda x, y: F.smooth_l1_loss(x, y, beta=0.0), x, y)
    case("huber_weighted", lambda x, y, w: F.huber_loss(x, y, weight=w), x, y, uniform(5, 4), fixed=[2])
    counts = torch.tensor([[0.0, 1.0, 2.0, 7.0], [3.0, 0.0, 1.0, 5.0]])
    rates = uniform(2, 4) + 0.1
    case("poisson", F.poisson_nll_loss, normal(2, 4), counts)
    case("poisson_full", lambda x, t: F.poisson_nll_loss(x, t, full=True, reduction="none"), normal(2, 4), counts, fixed=[1])
    case("poisson_rate", lambda x, t: F.poisson_nll_loss(x, t, log_input=False, reduction="sum"), rates, counts)
    case("poisson_rate_full", lambda x, t: F.poisson_nll_loss(x, t, log_input=False, full=True), rates, counts, fixed=[1])
    case("poisson_target", lambda x, t: F.poisson_nll_loss(x, t, full=True), rates, counts + 1.5)
    variance = uniform(5, 4) + 0.05
    variance[2, 1] = 0.0
    case("gaussian", F.gaussian_nll_loss, x, y, variance + 0.01)
    case("gaussian_clamped", lambda x, y, v: F.gaussian_nll_loss(x, y, v, eps=0.05, reduction="none"), x, y, variance)
    case("gaussian_full", lambda x, y, v: F.gaussian_nll_loss(x, y, v, full=True, reduction="sum"), x, y, uniform(5) + 0.1)
    case("gaussian_column", F.gaussian_nll_loss, x, y, uniform(5, 1) + 0.1)

    p = uniform(5, 4)
    p[0, 0], p[0, 1] = 0.0, 1.0
    t = uniform(5, 4)
    weight, row = uniform(5, 4) + 0.5, uniform(4) * 2
    for reduction in ["none", "mean", "sum"]:
        case(f"bce_{reduction}", lambda p, t: F.binary_cross_entropy(p, t, reduction=reduction), p, t, fixed=[1])
    case("bce_target", F.binary_cross_entropy, uniform(5, 4) * 0.9 + 0.05, t)
    case("bce_weighted", lambda p, t, w: F.binary_cross_entropy(p, t, weight=w), p, t, weight, fixed=[1, 2])
    logits = F.binary_cross_entropy_with_logits
    case("bce_logits_weighted", lambda x, t, w: logits(x, t, weight=w), x, t, weight, fixed=[2])
    case("bce_logits_positive", lambda x, t, w: logits(x * 20, t, pos_weight=w), x, t, row, fixed=[2])
    case("bce_logits_both", lambda x, t, w, q: logits(x, t, w, pos_weight=q, reduction="none"), x, t, weight, row, fixed=[2, 3])

    logs = torch.log_softmax(normal(5, 4), 1)
    target = torch.softmax(normal(5, 4), 1)
    for reduction in ["none", "mean", "sum", "batchmean"]:
        case(f"kl_{reduction}", lambda x, t: F.kl_div(x, t, reduction=reduction), logs, target)
    case("kl_log", lambda x, t: F.kl_div(x, t, reduction="batchmean", log_target=True), logs, target.log())
    case("kl_zeros", lambda x, t: F.kl_div(x, t, reduction="sum"), logs, (target > 0.2).float() * target, fixed=[1])

    y = signs(5, 4)
    case("hinge", F.hinge_embedding_loss, x, y, fixed=[1])
    case("hinge_margin", lambda x, y: F.hinge_embedding_loss(x, y, margin=2.5, reduction="none"), x, y, fixed=[1])
    a, b = normal(6), normal(6)
    case("ranking", F.margin_ranking_loss, a, b, signs(6), fixed=[2])
    case("ranking_margin", lambda a, b, y: F.margin_ranking_loss(a, b, y, margin=0.5, reduction="none"), a, b, signs(6), fixed=[2])
    case("ranking_ties", F.margin_ranking_loss, torch.tensor([1.0, 2.0]), torch.tensor([1.0, 1.0]), torch.tensor([1.0, -1.0]), fixed=[2])
    case("soft_margin", F.soft_margin_loss, x, y, fixed=[1])
    classes = integers(4, 5)
    case("multi_margin", F.multi_margin_loss, x, classes)
    case("multi_margin_none", lambda x, t: F.multi_margin_loss(x, t, p=2, margin=0.7, reduction="none"), x, classes)
    case("multi_margin_weighted", lambda x, t, w: F.multi_margin_loss(x, t, weight=w), x, classes, row, fixed=[2])
    case("multi_margin_vector", lambda x, t: F.multi_margin_loss(x, t, reduction="sum"), x[0].clone(), torch.tensor(2))
    labels = torch.tensor([[3, 0, -1, 1], [-1, 0, 1, 2], [0, 1, 2, 3], [2, -1, 0, 0], [1, 2, 3, -1]])
    case("multi_label_margin", F.multilabel_margin_loss, x, labels)
    case("multi_label_margin_none", lambda x, t: F.multilabel_margin_loss(x, t, reduction="none"), x, labels)
    case("multi_label_margin_vector", F.multilabel_margin_loss, x[0].clone(), labels[0].clone())
    yes = integers(2, 5, 4).float()
    case("multi_label_soft", F.multilabel_soft_margin_loss, x, yes, fixed=[1])
    case("multi_label_soft_weighted", lambda x, t, w: F.multilabel_soft_margin_loss(x, t, w, reduction="none"), x, yes, row, fixed=[1, 2])

    three = normal(4, 3), normal(4, 3), normal(4, 3)
    case("triplet", F.triplet_margin_loss, *three)
    case("triplet_swap", lambda a, p, n: F.triplet_margin_loss(a, p, n, swap=True, margin=2.0, reduction="none"), *three)
    case("triplet_p1", lambda a, p, n: F.triplet_margin_loss(a, p, n, p=1, reduction="sum"), *three)
    case("triplet_p3", lambda a, p, n: F.triplet_margin_loss(a, p, n, p=3), *three)
    case("triplet_infinity", lambda a, p, n: F.triplet_margin_loss(a, p, n, p=math.inf), *three)
    distance = lambda a, b: 1 - F.cosine_similarity(a, b)
    case("triplet_distance", lambda a, p, n: F.triplet_margin_with_distance_loss(a, p, n, distance_function=distance), *three)
    case("triplet_distance_default", lambda a, p, n: F.triplet_margin_with_distance_loss(a, p, n, swap=True), *three)
    for name, options in [("", {}), ("_none", {"reduction": "none"}), ("_margin", {"margin": 0.3})]:
        case(f"cosine{name}", lambda a, b, y: F.cosine_embedding_loss(a, b, y, **options), normal(4, 3), normal(4, 3), signs(4), fixed=[2])
    case("cosine_vector", F.cosine_embedding_loss, normal(3), normal(3), torch.tensor(1.0), fixed=[2])

    def ctc(x, t, lengths, targets, **options):
        return F.ctc_loss(torch.log_softmax(x, -1), t, lengths, targets, **options)

    x = normal(7, 3, 4)
    padded = torch.tensor([[1, 2, 2], [3, 1, 0], [2, 0, 0]])
    joined = torch.tensor([1, 2, 2, 3, 1, 2])
    case("ctc", lambda x, t: ctc(x, t, (7, 5, 6), (3, 2, 1)), x, padded)
    case("ctc_joined", lambda x, t: ctc(x, t, (7, 5, 6), (3, 2, 1), reduction="sum"), x, joined)
    case("ctc_none", lambda x, t: ctc(x, t, (7, 7, 7), (3, 2, 0), reduction="none"), x, padded)
    case("ctc_blank", lambda x, t: ctc(x, t, (7, 6, 7), (3, 2, 3), blank=3), x, torch.tensor([[1, 2, 2], [0, 1, 0], [2, 0, 0]]))
    case("ctc_impossible", lambda x, t: ctc(x, t, (3, 5, 6), (3, 2, 1), zero_infinity=True), x, padded)
    case("ctc_sequence", lambda x, t: ctc(x, t, torch.tensor(7), torch.tensor(3)), normal(7, 4), torch.tensor([3, 3, 1]))
    golden.save()


class Lion(torch.optim.Optimizer):
    """https://arxiv.org/abs/2302.06675, algorithm 2."""

    def __init__(self, p, lr, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(p, dict(lr=lr, betas=betas, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            b1, b2 = group["betas"]
            for p in group["params"]:
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                change = torch.sign(b1 * m + (1 - b1) * p.grad) + group["weight_decay"] * p
                self.state[p]["m"] = b2 * m + (1 - b2) * p.grad
                p -= group["lr"] * change


class LAMB(torch.optim.Optimizer):
    """https://arxiv.org/abs/1904.00962, algorithm 2, with phi the identity."""

    def __init__(self, p, lr, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.01):
        super().__init__(p, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            b1, b2 = group["betas"]
            for p in group["params"]:
                state = self.state[p]
                t = state["t"] = state.get("t", 0) + 1
                m = state["m"] = b1 * state.get("m", 0) + (1 - b1) * p.grad
                v = state["v"] = b2 * state.get("v", 0) + (1 - b2) * p.grad**2
                r = m / (1 - b1**t) / ((v / (1 - b2**t)).sqrt() + group["eps"]) + group["weight_decay"] * p
                length, size = p.norm(), r.norm()
                p -= group["lr"] * (length / size if length > 0 and size > 0 else 1.0) * r


class Muon(torch.optim.Optimizer):
    """torch.optim.Muon with the iteration in the parameters' dtype, not in bfloat16."""

    def __init__(self, p, lr, weight_decay=0.1, momentum=0.95, nesterov=True, factor=lambda a, b: math.sqrt(max(1, a / b))):
        super().__init__(p, dict(lr=lr))
        self.settings = weight_decay, momentum, nesterov, factor

    @torch.no_grad()
    def step(self):
        decay, momentum, nesterov, factor = self.settings
        a, b, c = 3.4445, -4.7750, 2.0315
        for group in self.param_groups:
            for p in group["params"]:
                buffer = self.state[p].setdefault("m", torch.zeros_like(p))
                buffer.lerp_(p.grad, 1 - momentum)
                x = p.grad.lerp(buffer, momentum) if nesterov else buffer.clone()
                tall = x.shape[0] > x.shape[1]
                x = x.T if tall else x
                x = x / x.norm().clamp(min=1e-7)
                for _ in range(5):
                    gram = x @ x.T
                    x = a * x + (b * gram + c * gram @ gram) @ x
                x = x.T if tall else x
                p.mul_(1 - group["lr"] * decay).sub_(group["lr"] * factor(*p.shape) * x)


RULES = {
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.02),
    "rmsprop_all": lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.9, eps=1e-6, weight_decay=0.1, momentum=0.8, centered=True),
    "rmsprop_centered": lambda p: torch.optim.RMSprop(p, lr=0.01, centered=True, eps=1e-4),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.1),
    "adagrad_all": lambda p: torch.optim.Adagrad(p, lr=0.1, lr_decay=0.1, weight_decay=0.05, initial_accumulator_value=0.2, maximize=True),
    "adadelta": lambda p: torch.optim.Adadelta(p),
    "adadelta_all": lambda p: torch.optim.Adadelta(p, lr=0.5, rho=0.8, eps=1e-4, weight_decay=0.1),
    "adamax": lambda p: torch.optim.Adamax(p, lr=0.02),
    "adamax_all": lambda p: torch.optim.Adamax(p, lr=0.02, betas=(0.8, 0.95), eps=1e-4, weight_decay=0.1),
    "nadam": lambda p: torch.optim.NAdam(p, lr=0.02),
    "nadam_all": lambda p: torch.optim.NAdam(p, lr=0.02, betas=(0.8, 0.95), weight_decay=0.1, momentum_decay=0.1),
    "nadam_decoupled": lambda p: torch.optim.NAdam(p, lr=0.02, weight_decay=0.1, decoupled_weight_decay=True),
    "radam": lambda p: torch.optim.RAdam(p, lr=0.02),
    "radam_all": lambda p: torch.optim.RAdam(p, lr=0.02, betas=(0.8, 0.9), eps=1e-4, weight_decay=0.1),
    "radam_decoupled": lambda p: torch.optim.RAdam(p, lr=0.02, weight_decay=0.1, decoupled_weight_decay=True),
    "lion": lambda p: Lion(p, lr=0.003),
    "lion_decay": lambda p: Lion(p, lr=0.003, betas=(0.8, 0.9), weight_decay=0.1),
    "lamb": lambda p: LAMB(p, lr=0.05),
    "lamb_all": lambda p: LAMB(p, lr=0.05, betas=(0.8, 0.95), eps=1e-4, weight_decay=0.1),
    "lbfgs": lambda p: torch.optim.LBFGS(p, lr=0.3, max_iter=6),
    "lbfgs_wolfe": lambda p: torch.optim.LBFGS(p, max_iter=8, history_size=4, line_search_fn="strong_wolfe"),
    "muon": lambda p: Muon(p, lr=0.02),
    "muon_all": lambda p: Muon(p, lr=0.02, weight_decay=0.0, momentum=0.8, nesterov=False, factor=lambda a, b: 0.2 * math.sqrt(max(a, b))),
}


def more_optimizers():
    """Eight steps on a small network, of which Muon changes the matrices alone."""
    golden = Golden("more_optimizers")
    start = [normal(8, 6, scale=0.4), normal(8, scale=0.1), normal(3, 8, scale=0.4), normal(3, scale=0.1)]
    x, t = normal(8, 10, 6), integers(3, 8, 10)
    for index, tensor in enumerate(start):
        golden.put(f"start/{index}", tensor)
    golden.put("x", x)
    golden.put("t", t)
    for name, make in RULES.items():
        weights = [tensor.clone().double().requires_grad_() for tensor in start]
        optimizer = make([w for w in weights if w.ndim == 2] if name.startswith("muon") else weights)
        values = []
        for step in range(8):
            # L-BFGS wants one loss; all of it, so that the search is smooth.
            rows = slice(0, 2) if name.startswith("lbfgs") else slice(step, step + 1)

            def closure():
                for w in weights:
                    w.grad = None
                hidden = torch.tanh(F.linear(x[rows].double().reshape(-1, 6), weights[0], weights[1]))
                loss = F.cross_entropy(F.linear(hidden, weights[2], weights[3]), t[rows].reshape(-1))
                loss.backward()
                return loss

            if name.startswith("lbfgs"):
                values.append(optimizer.step(closure).detach())
                if step == 3:
                    break
            else:
                values.append(closure().detach())
                optimizer.step()
        golden.put(f"{name}/losses", torch.stack(values))
        for index, tensor in enumerate(weights):
            golden.put(f"{name}/{index}", tensor)
    # PyTorch's own Muon rounds to bfloat16: it says whether the formula is the same.
    matrices = [normal(6, 4), normal(3, 5)]
    ours, theirs = ([m.clone().requires_grad_() for m in matrices] for _ in range(2))
    for weights, make in [(ours, Muon), (theirs, torch.optim.Muon)]:
        optimizer = make(weights, lr=0.02)
        for w, m in zip(weights, matrices):
            w.grad = m.sin()
        optimizer.step()
    assert all((a - b).abs().max() < 1e-3 for a, b in zip(ours, theirs))
    golden.save()


SCHEDULES = {
    "step": lambda o, s: s.StepLR(o, 7, gamma=0.5),
    "multi_step": lambda o, s: s.MultiStepLR(o, [10, 30, 30, 80], gamma=0.3),
    "constant": lambda o, s: s.ConstantLR(o, factor=0.5, total_iters=4),
    "linear": lambda o, s: s.LinearLR(o, start_factor=0.25, end_factor=0.75, total_iters=10),
    "exponential": lambda o, s: s.ExponentialLR(o, gamma=0.95),
    "polynomial": lambda o, s: s.PolynomialLR(o, total_iters=60, power=2.0),
    "cosine": lambda o, s: s.CosineAnnealingLR(o, T_max=25, eta_min=0.01),
    "restarts": lambda o, s: s.CosineAnnealingWarmRestarts(o, T_0=10, T_mult=2, eta_min=0.01),
    "restarts_even": lambda o, s: s.CosineAnnealingWarmRestarts(o, T_0=9),
    "one_cycle": lambda o, s: s.OneCycleLR(o, max_lr=0.8, total_steps=101),
    "one_cycle_all": lambda o, s: s.OneCycleLR(
        o, max_lr=0.8, total_steps=101, pct_start=0.4, anneal_strategy="linear", base_momentum=0.7, max_momentum=0.9,
        div_factor=10.0, final_div_factor=100.0, three_phase=True),
    "cyclic": lambda o, s: s.CyclicLR(o, 0.1, 0.9, step_size_up=8, step_size_down=12),
    "cyclic_halving": lambda o, s: s.CyclicLR(o, 0.1, 0.9, step_size_up=8, mode="triangular2"),
    "cyclic_exponential": lambda o, s: s.CyclicLR(o, 0.1, 0.9, step_size_up=8, mode="exp_range", gamma=0.98),
    "lambda": lambda o, s: s.LambdaLR(o, lambda n: 1 / (1 + n)),
    "multiplicative": lambda o, s: s.MultiplicativeLR(o, lambda n: 1 - 0.5 / (1 + n)),
    "chained": lambda o, s: s.ChainedScheduler([s.ConstantLR(o, factor=0.1, total_iters=5), s.ExponentialLR(o, gamma=0.9)]),
    "sequential": lambda o, s: s.SequentialLR(
        o, [s.LinearLR(o, start_factor=0.1, total_iters=10), s.CosineAnnealingLR(o, T_max=40), s.ConstantLR(o, 0.2, 9)], [10, 50]),
}


def schedules():
    """Rates and momenta before each of 101 epochs, in float64; of the plateau, with the metrics that it saw."""
    golden = Golden("schedules")

    def run(name, make, metrics=None):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5, momentum=0.9)
        scheduler = make(optimizer, torch.optim.lr_scheduler)
        rates, momenta = [], []
        for epoch in range(101):
            rates.append(optimizer.param_groups[0]["lr"])
            momenta.append(optimizer.param_groups[0]["momentum"])
            optimizer.step()
            if epoch < 100:
                scheduler.step() if metrics is None else scheduler.step(metrics[epoch])
        golden.tensors[f"{name}/rates"] = torch.tensor(rates, dtype=torch.float64)
        golden.tensors[f"{name}/momenta"] = torch.tensor(momenta, dtype=torch.float64)

    for name, make in SCHEDULES.items():
        run(name, make)
    metrics = [math.sin(n * n) + 20 / (n + 1) for n in range(100)]
    golden.tensors["metrics"] = torch.tensor(metrics, dtype=torch.float64)
    for name, options in {
        "plateau": dict(patience=3),
        "plateau_all": dict(mode="max", factor=0.5, patience=2, threshold=0.1, threshold_mode="abs", cooldown=4, min_lr=0.01),
        "plateau_relative": dict(mode="max", factor=0.9, patience=1, threshold=0.01),
        "plateau_absolute": dict(factor=0.7, patience=4, threshold=0.05, threshold_mode="abs", cooldown=2),
    }.items():
        run(name, lambda o, s: s.ReduceLROnPlateau(o, **options), metrics)
    golden.save()


if __name__ == "__main__":
    torch.manual_seed(0)
    more_losses()
    more_optimizers()
    schedules()
