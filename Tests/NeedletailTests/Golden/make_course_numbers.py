"""Prints the numbers that the course's listings of decks A, B and E hold their results against: PyTorch's.

    ~/.cache/needletail-peers/bin/python Tests/NeedletailTests/Golden/make_course_numbers.py
"""

import torch
from torch.nn import functional as F


def hotel_price():
    x = torch.tensor([0.5, 1.1, 1.6, 2.4, 3.5, 4.6, 6.2, 9.5]).unsqueeze(1)
    y = torch.tensor([146.0, 149, 140, 134, 127, 110, 112, 81]).unsqueeze(1)
    test_x = torch.tensor([0.3, 0.7, 4.9, 8.5]).unsqueeze(1)
    test_y = torch.tensor([156.0, 168, 116, 99]).unsqueeze(1)
    for seed in range(3):
        torch.manual_seed(seed)
        model = torch.nn.Linear(1, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        losses = []
        for _ in range(2000):
            optimizer.zero_grad()
            loss = F.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        test = F.mse_loss(model(test_x), test_y).item()
        print(f"hotel-price, seed {seed}: after 100 epochs {losses[99]:.1f}, 2000 {losses[-1]:.4f}, test {test:.4f}")


def activations():
    x = torch.tensor([-5, -2, 0.5, 3])
    for name in ["sigmoid", "tanh", "relu", "leaky_relu", "elu", "softplus", "gelu", "silu"]:
        function = getattr(F, name, None) or getattr(torch, name)
        point = x.clone().requires_grad_()
        function(point).sum().backward()
        print(name, [round(v, 6) for v in function(x).tolist()], [round(v, 6) for v in point.grad.tolist()])


def adaptive_rates():
    makers = {
        "SGD": lambda p: torch.optim.SGD(p, lr=1e-3),
        "momentum": lambda p: torch.optim.SGD(p, lr=5e-4, momentum=0.9),
        "Adam": lambda p: torch.optim.Adam(p, lr=0.05),
        "RMSprop": lambda p: torch.optim.RMSprop(p, lr=0.01),
    }
    for name, make in makers.items():
        point = torch.nn.Parameter(torch.tensor([-1.5, 1.0]))
        optimizer = make([point])
        for _ in range(200):
            optimizer.zero_grad()
            loss = (1 - point[0]) ** 2 + 100 * (point[1] - point[0] ** 2) ** 2
            loss.backward()
            optimizer.step()
        print(name, [round(v, 6) for v in point.tolist()])


def schedules():
    schedules = torch.optim.lr_scheduler
    makers = {
        "step": lambda o: schedules.StepLR(o, 10, 0.5),
        "exponential": lambda o: schedules.ExponentialLR(o, 0.95),
        "cosine": lambda o: schedules.CosineAnnealingLR(o, 50),
        "one cycle": lambda o: schedules.OneCycleLR(o, max_lr=0.1, total_steps=50, cycle_momentum=False),
    }
    for name, make in makers.items():
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
        schedule = make(optimizer)
        rates = []
        for epoch in range(50):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if epoch < 49:
                schedule.step()
        print(name, [f"{rates[epoch]:.6g}" for epoch in (0, 5, 15, 25, 35, 49)])


if __name__ == "__main__":
    hotel_price()
    activations()
    adaptive_rates()
    schedules()
