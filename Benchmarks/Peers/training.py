"""Training steps of the models of needletail-bench train: batches gathered by a shuffled index inside the step."""
import gzip
import os
import pathlib

import numpy as np

from timing import passes

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
IMAGES = 60_000
WIDTHS = {"mlp": [784, 128, 128, 10], "mlp-small": [784, 64, 32, 10]}
SHAPES = {"cnn": (1, 28, 28), "lenet": (1, 28, 28), "resnet20": (1, 28, 28), "lstm": (28, 28), "transformer": (28, 28)}
TORCH = ["mlp", "mlp-small", "cnn", "lenet", "resnet20", "lstm", "transformer"]
MODELS = {"torch": TORCH, "torch-compile": TORCH, "jax": ["mlp", "mlp-small"], "tinygrad": ["mlp", "mlp-small", "cnn"]}


def mnist_bytes(part="train"):
    """Images in rows of 784 bytes, and labels, of NEEDLETAIL_DATA or its folder `mnist`, as needletail-bench takes them."""
    named = os.environ.get("NEEDLETAIL_DATA")
    places = [pathlib.Path(named), pathlib.Path(named) / "mnist"] if named else [ROOT / "Datasets" / "mnist"]

    def read(name, header):
        for place in places:
            for path in (place / name, place / f"{name}.gz"):
                if path.exists():
                    data = gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()
                    return np.frombuffer(data, dtype=np.uint8, offset=header)
        raise SystemExit(f"{name} is not in {' nor '.join(map(str, places))}; name the folder by NEEDLETAIL_DATA")
    return read(f"{part}-images-idx3-ubyte", 16).reshape(-1, 784), read(f"{part}-labels-idx1-ubyte", 8).astype(np.int32)


def mnist(part="train"):
    """The same with images of 0 to 1."""
    images, labels = mnist_bytes(part)
    return images.astype(np.float32) / 255, labels


def time_model(row, options, model, batch):
    order = np.random.default_rng(0).permutation(IMAGES)
    batches = [order[(i * batch) % (IMAGES - batch):][:batch].copy() for i in range(500 if batch <= 64 else 64)]
    made = {"jax": step_jax, "tinygrad": step_tinygrad}.get(options.framework, step_torch)
    step, ready, finish = made(options, model, batches)
    first, taken = passes(step, ready, finish, options.steps)
    row.write("train", f"{model} batch {batch}", "float32", first, taken, family=model,
              training={"model": model, "batch": batch})


def net_torch(model):
    import torch
    import torch.nn as nn
    if model in WIDTHS:
        layers = []
        for i, o in zip(WIDTHS[model], WIDTHS[model][1:]):
            layers += [nn.Linear(i, o), nn.ReLU()]
        return nn.Sequential(*layers[:-1])
    if model == "cnn":
        return nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                             nn.Linear(9216, 128), nn.ReLU(), nn.Linear(128, 10))
    if model == "lenet":
        return nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(),
                             nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(),
                             nn.Linear(84, 10))
    if model == "lstm":
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.lstm, self.head = nn.LSTM(28, 128, batch_first=True), nn.Linear(128, 10)

            def forward(self, x):
                return self.head(self.lstm(x)[0][:, -1])
        return Net()
    if model == "transformer":
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.entry, self.head = nn.Linear(28, 128), nn.Linear(128, 10)
                self.layers = nn.ModuleList(
                    nn.TransformerEncoderLayer(128, 4, 256, dropout=0, batch_first=True) for _ in range(2))

            def forward(self, x):
                x = self.entry(x)
                for layer in self.layers:
                    x = layer(x)
                return self.head(x.mean(1))
        return Net()

    class Block(nn.Module):
        def __init__(self, inputs, outputs, stride):
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
                nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs))
            self.side = nn.Identity() if inputs == outputs else nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

        def forward(self, x):
            return torch.relu(self.body(x) + self.side(x))
    blocks, inputs = [], 16
    for width in (16, 32, 64):
        for index in range(3):
            blocks.append(Block(inputs, width, 2 if width > 16 and index == 0 else 1))
            inputs = width
    return nn.Sequential(nn.Conv2d(1, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), *blocks,
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def step_torch(options, model, batches):
    import torch
    import torch.nn as nn
    torch.manual_seed(0)
    images, labels = mnist()
    x = torch.from_numpy(images).reshape(-1, *SHAPES.get(model, (784,)))
    y = torch.from_numpy(labels.astype(np.int64))
    net = net_torch(model)
    optimizer = (torch.optim.SGD(net.parameters(), lr=1e-2) if model == "mlp-small"
                 else torch.optim.Adam(net.parameters(), lr=1e-3, fused=True))
    forward = torch.compile(net) if options.framework == "torch-compile" else net

    def step(index):
        optimizer.zero_grad()
        nn.functional.cross_entropy(forward(x[index]), y[index]).backward()
        optimizer.step()
    return step, [torch.from_numpy(b) for b in batches], lambda: None


def step_jax(options, model, batches):
    import jax
    import jax.numpy as jnp
    import optax
    images, labels = mnist()
    x, y = jnp.asarray(images), jnp.asarray(labels)
    key, params = jax.random.PRNGKey(0), []
    for i, o in zip(WIDTHS[model], WIDTHS[model][1:]):
        key, sub = jax.random.split(key)
        params.append((jax.random.normal(sub, (i, o)) * (2 / i) ** .5, jnp.zeros(o)))
    optimizer = optax.sgd(1e-2) if model == "mlp-small" else optax.adam(1e-3)

    def loss(params, xb, yb):
        for w, b in params[:-1]:
            xb = jax.nn.relu(xb @ w + b)
        w, b = params[-1]
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(xb @ w + b), yb[:, None], 1))

    @jax.jit
    def update(params, state, index):
        _, gradients = jax.value_and_grad(loss)(params, x[index], y[index])
        updates, state = optimizer.update(gradients, state)
        return optax.apply_updates(params, updates), state
    held = {"params": params, "state": optimizer.init(params)}

    def step(index):
        held["params"], held["state"] = update(held["params"], held["state"], index)
    return step, [jnp.asarray(b) for b in batches], lambda: jax.block_until_ready(held["params"])


def step_tinygrad(options, model, batches):
    os.environ["TRAINING"] = "1"
    from tinygrad import Device, Tensor, TinyJit, nn
    images, labels = mnist_bytes()

    class Net:
        def __init__(self):
            if model == "cnn":
                self.c1, self.c2 = nn.Conv2d(1, 32, 3), nn.Conv2d(32, 64, 3)
                self.layers = [nn.Linear(9216, 128), nn.Linear(128, 10)]
            else:
                self.layers = [nn.Linear(i, o) for i, o in zip(WIDTHS[model], WIDTHS[model][1:])]

        def __call__(self, x):
            if model == "cnn":
                x = self.c2(self.c1(x.reshape(-1, 1, 28, 28)).relu()).relu().max_pool2d(2).flatten(1)
            for layer in self.layers[:-1]:
                x = layer(x).relu()
            return self.layers[-1](x)
    net = Net()
    params = nn.state.get_parameters(net)
    optimizer = nn.optim.SGD(params, lr=1e-2) if model == "mlp-small" else nn.optim.Adam(params, lr=1e-3)

    # Bytes, as needletail-bench holds them: backward() makes a gradient of all that is of floats, so of all images too.
    # A copy, as a device may take them where they lie, and the file's are not to be written.
    x, y = Tensor(images.copy()).realize(), Tensor(labels).realize()

    @TinyJit
    def update(index):
        optimizer.zero_grad()
        loss = net(x[index].float() * (1 / 255)).sparse_categorical_crossentropy(y[index]).backward()
        return loss.realize(*optimizer.schedule_step())
    ready = [Tensor(b.astype(np.int32)).realize() for b in batches]
    return update, ready, Device[Device.DEFAULT].synchronize
