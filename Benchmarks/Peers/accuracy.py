"""PyTorch to an accuracy on MNIST: AdamW, one-cycle rate (a fifth of warm-up), no augmentation."""
import time

import numpy as np

from training import mnist

# The net, epochs, batch and peak rate.
RECIPES = {"fast98": ("strided", 1, 128, 1e-2), "fast99": ("lenet", 2, 128, 5e-3)}


def make(kind):
    import torch.nn as nn
    if kind == "strided":
        return nn.Sequential(nn.Conv2d(1, 16, 5, stride=2), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2),
                             nn.BatchNorm2d(32), nn.ReLU(), nn.Flatten(), nn.Linear(800, 10))
    return nn.Sequential(nn.Conv2d(1, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 5), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Flatten(), nn.Linear(512, 128), nn.ReLU(), nn.Linear(128, 10))


def train(preset, seed, threads):
    """Seconds of training, and the accuracy on the test images, looked at afterwards."""
    import torch
    import torch.nn.functional as F
    torch.manual_seed(seed)
    kind, epochs, size, rate = RECIPES[preset]

    def part(name):
        images, labels = mnist(name)
        return torch.from_numpy(images).reshape(-1, 1, 28, 28), torch.from_numpy(labels.astype(np.int64))
    (images, labels), (test_images, test_labels) = part("train"), part("t10k")
    net = make(kind)
    start = time.perf_counter()
    steps = 60_000 // size
    optimizer = torch.optim.AdamW(net.parameters(), lr=rate, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps * epochs, pct_start=0.2)
    for _ in range(epochs):
        order = torch.randperm(60_000)
        for i in range(steps):
            rows = order[i * size:(i + 1) * size]
            optimizer.zero_grad()
            F.cross_entropy(net(images[rows]), labels[rows]).backward()
            optimizer.step()
            schedule.step()
    seconds = time.perf_counter() - start
    net.eval()
    with torch.no_grad():
        right = sum((net(test_images[i:i + 1000]).argmax(1) == test_labels[i:i + 1000]).sum().item()
                    for i in range(0, 10_000, 1000))
    return {"framework": "torch", "preset": preset, "seed": seed, "threads": threads, "train_seconds": round(seconds, 2),
            "test_accuracy": right / 10_000}
