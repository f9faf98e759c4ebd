#!/usr/bin/env python3
"""Writes golden files of modules beside this script: what PyTorch's layers compute, for GoldenModuleTests.swift.

    python make_golden_modules.py [file ...]    # needs torch and safetensors; the files are the same at every run

A case NAME has inputs NAME/in0, ..., the module's state dictionary NAME/state/KEY, results NAME/out0, ..., the gradients by
the results NAME/g0, ..., by the float inputs NAME/d0, ... and by the parameters NAME/grad/KEY, buffers that training changes
NAME/after/KEY, and how the module prints NAME/text (bytes). Modules run in float64 on float32 numbers.
"""

import pathlib
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent
generator = torch.Generator().manual_seed(20261127)


def normal(*shape, scale=1.0):
    return torch.randn(shape, generator=generator) * scale


def integers(bound, *shape):
    return torch.randint(0, bound, shape, generator=generator)


class Modules:
    """The cases of one file."""

    def __init__(self, name):
        self.name = name
        self.tensors = {}

    def put(self, name, tensor):
        assert name not in self.tensors, name
        if tensor.dtype == torch.float64:
            tensor = tensor.float()
        self.tensors[name] = tensor.detach().clone().contiguous()

    def case(self, name, module, *inputs, train=True, call=None, gradients=True, text=True):
        """Runs a module, or a function with call, on the inputs. Parameters are drawn anew."""
        inputs = list(inputs)
        if isinstance(module, nn.Module):
            for parameter in module.parameters():
                with torch.no_grad():
                    parameter.copy_(normal(*parameter.shape, scale=0.5))
            module.train(train)
            for key, value in module.state_dict().items():
                self.put(f"{name}/state/{key}", value)
            if text:
                self.tensors[f"{name}/text"] = torch.tensor(list(str(module).encode()), dtype=torch.uint8)
            module = module.double()
        wide = [
            x.double().requires_grad_(gradients) if isinstance(x, torch.Tensor) and x.dtype == torch.float32 else x
            for x in inputs
        ]
        for index, x in enumerate(inputs):
            self.put(f"{name}/in{index}", x)
        out = (call or (lambda *arguments: module(*arguments)))(*wide)
        outs = [x for x in (out if isinstance(out, (tuple, list)) else [out]) if x is not None]
        total = 0
        for index, x in enumerate(outs):
            self.put(f"{name}/out{index}", x)
            if x.dtype.is_floating_point and gradients:
                g = normal(*x.shape)
                self.put(f"{name}/g{index}", g)
                total = total + (x * g.double()).sum()
        if isinstance(module, nn.Module):
            for key, value in module.named_buffers():
                self.put(f"{name}/after/{key}", value)
        if not gradients:
            return
        total.backward()
        for index, x in enumerate(wide):
            if isinstance(x, torch.Tensor) and x.requires_grad:
                self.put(f"{name}/d{index}", x.grad if x.grad is not None else torch.zeros_like(x))
        if isinstance(module, nn.Module):
            for key, value in module.named_parameters():
                self.put(f"{name}/grad/{key}", value.grad if value.grad is not None else torch.zeros_like(value))

    def save(self):
        path = HERE / f"{self.name}.safetensors"
        save_file(self.tensors, str(path))
        path.chmod(0o644)
        print(f"{path.name}: {len(self.tensors)} tensors, {path.stat().st_size} bytes")


def activations():
    golden = Modules("activation_modules")
    kinks = torch.tensor([[-30.0, -6, -3, -1, -0.5, -0.25, 0, 0.25], [0.5, 1, 2, 3, 4, 6, 20.5, 30]])
    for name, module in {
        "relu": nn.ReLU(), "relu6": nn.ReLU6(), "leaky_relu": nn.LeakyReLU(0.2), "rrelu": nn.RReLU(0.1, 0.3),
        "elu": nn.ELU(1.5), "selu": nn.SELU(), "celu": nn.CELU(1.5), "gelu": nn.GELU(),
        "gelu_tanh": nn.GELU(approximate="tanh"), "silu": nn.SiLU(), "mish": nn.Mish(), "sigmoid": nn.Sigmoid(),
        "tanh": nn.Tanh(), "hardsigmoid": nn.Hardsigmoid(), "hardswish": nn.Hardswish(),
        "hardtanh": nn.Hardtanh(-2.0, 3.0), "hardshrink": nn.Hardshrink(0.25), "softshrink": nn.Softshrink(0.25),
        "tanhshrink": nn.Tanhshrink(), "softplus": nn.Softplus(), "softplus_beta": nn.Softplus(2.0, 5.0),
        "softsign": nn.Softsign(), "softmin": nn.Softmin(dim=1), "softmax": nn.Softmax(dim=0),
        "log_softmax": nn.LogSoftmax(dim=-1), "threshold": nn.Threshold(0.5, -7.0), "glu": nn.GLU(dim=-1),
        "log_sigmoid": nn.LogSigmoid(), "identity": nn.Identity(),
    }.items():
        golden.case(name, module, kinks, train=False)
    golden.case("prelu", nn.PReLU(), normal(2, 3))
    golden.case("prelu_channels", nn.PReLU(3), normal(2, 3, 4))
    golden.case("softmax2d", nn.Softmax2d(), normal(2, 3, 2, 2))
    golden.case("glu_axis", nn.GLU(dim=1), normal(2, 4, 3))
    golden.save()


def normalisations():
    golden = Modules("normalisation_modules")
    golden.case("batch_norm1d", nn.BatchNorm1d(3), normal(5, 3))
    golden.case("batch_norm1d_sequences", nn.BatchNorm1d(3, momentum=None), normal(2, 3, 4))
    golden.case("batch_norm2d", nn.BatchNorm2d(2, affine=False, momentum=0.3), normal(2, 2, 3, 2))
    golden.case("batch_norm2d_untracked", nn.BatchNorm2d(2, track_running_stats=False), normal(2, 2, 3, 2), train=False)
    golden.case("batch_norm3d", nn.BatchNorm3d(2, eps=1e-3), normal(2, 2, 2, 3, 2))
    golden.case("batch_norm3d_eval", nn.BatchNorm3d(2), normal(2, 2, 2, 3, 2), train=False)
    golden.case("group_norm", nn.GroupNorm(2, 4), normal(3, 4, 5))
    golden.case("group_norm_images", nn.GroupNorm(3, 3, eps=1e-3, affine=False), normal(2, 3, 2, 3))
    golden.case("instance_norm1d", nn.InstanceNorm1d(3), normal(2, 3, 5))
    golden.case("instance_norm1d_single", nn.InstanceNorm1d(3, affine=True), normal(3, 5))
    golden.case("instance_norm2d", nn.InstanceNorm2d(2, affine=True, track_running_stats=True), normal(3, 2, 3, 2))
    golden.case("instance_norm2d_eval", nn.InstanceNorm2d(2, affine=True, track_running_stats=True), normal(3, 2, 3, 2),
                train=False)
    golden.case("instance_norm3d", nn.InstanceNorm3d(2), normal(2, 2, 2, 2, 3))
    golden.case("layer_norm", nn.LayerNorm([3, 4]), normal(2, 3, 4))
    golden.case("layer_norm_plain", nn.LayerNorm(4, eps=1e-3, elementwise_affine=False), normal(2, 3, 4))
    golden.case("layer_norm_weight", nn.LayerNorm(4, bias=False), normal(2, 4))
    golden.case("rms_norm", nn.RMSNorm(4, eps=1e-5), normal(2, 3, 4))
    golden.case("rms_norm_plain", nn.RMSNorm([3, 4], elementwise_affine=False), normal(2, 3, 4))
    golden.case("local_response_norm", nn.LocalResponseNorm(3, alpha=0.5, beta=0.6, k=2.0), normal(2, 5, 3))
    golden.case("local_response_norm_even", nn.LocalResponseNorm(2), normal(1, 4, 2, 2))
    golden.save()


def lookups():
    golden = Modules("lookup_modules")
    golden.case("embedding", nn.Embedding(5, 3), integers(5, 2, 4))
    golden.case("embedding_padding", nn.Embedding(5, 3, padding_idx=-2), torch.tensor([[3, 0], [3, 4]]))
    golden.case("embedding_max_norm", nn.Embedding(5, 3, max_norm=0.7), torch.tensor([0, 2, 2]), gradients=False)
    for mode in ["sum", "mean", "max"]:
        golden.case(f"bag_{mode}", nn.EmbeddingBag(6, 3, mode=mode), integers(6, 3, 4))
        golden.case(f"bag_{mode}_offsets", nn.EmbeddingBag(6, 3, mode=mode, padding_idx=1),
                    torch.tensor([0, 1, 5, 5, 2, 3, 1]), torch.tensor([0, 3, 3, 6]))
    golden.case("bag_last_offset", nn.EmbeddingBag(6, 3, include_last_offset=True), integers(6, 5),
                torch.tensor([0, 2, 5]), text=False)
    weighted = nn.EmbeddingBag(6, 2, mode="sum")
    golden.case("bag_weights", weighted, integers(6, 2, 3), normal(2, 3),
                call=lambda x, w: weighted(x, per_sample_weights=w))
    golden.case("bilinear", nn.Bilinear(3, 2, 4), normal(5, 3), normal(5, 2))
    golden.case("bilinear_axes", nn.Bilinear(3, 2, 4, bias=False), normal(2, 2, 3), normal(2, 2, 2))
    golden.case("unflatten", nn.Unflatten(1, (2, 3)), normal(2, 6))
    golden.case("flatten", nn.Flatten(2, -1), normal(2, 2, 3, 2))
    golden.case("linear", nn.Linear(3, 2, bias=False), normal(4, 3))
    golden.save()


def recurrent():
    golden = Modules("recurrent_modules")

    def run(name, module, *inputs, lengths=None, **options):
        batch_first = module.batch_first

        def call(x, *states):
            state = None if not states else states[0] if len(states) == 1 else tuple(states)
            if lengths is None:
                output, last = module(x, state)
            else:
                packed = nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths), batch_first, enforce_sorted=False)
                output, last = module(packed, state)
                output, _ = nn.utils.rnn.pad_packed_sequence(
                    output, batch_first, total_length=x.shape[1 if batch_first else 0])
            return (output, *last) if isinstance(last, tuple) else (output, last)

        golden.case(name, module, *inputs, call=call, **options)

    run("rnn", nn.RNN(3, 2), normal(4, 2, 3))
    run("rnn_relu", nn.RNN(3, 2, nonlinearity="relu", bidirectional=True), normal(4, 2, 3), normal(2, 2, 2))
    run("rnn_lengths", nn.RNN(3, 2, batch_first=True, bias=False), normal(3, 4, 3), lengths=[2, 4, 1])
    run("gru", nn.GRU(3, 2), normal(4, 2, 3))
    run("gru_state", nn.GRU(3, 2, num_layers=2, bidirectional=True, batch_first=True), normal(2, 3, 3), normal(4, 2, 2))
    run("gru_lengths", nn.GRU(3, 2, bidirectional=True), normal(4, 3, 3), normal(2, 3, 2), lengths=[4, 1, 3])
    run("gru_no_bias", nn.GRU(2, 3, bias=False), normal(3, 2, 2))
    run("lstm", nn.LSTM(3, 2), normal(4, 2, 3))
    run("lstm_single", nn.LSTM(3, 2), normal(4, 3), normal(1, 2), normal(1, 2))
    run("lstm_state", nn.LSTM(3, 2, num_layers=2, bidirectional=True, batch_first=True), normal(2, 3, 3),
        normal(4, 2, 2), normal(4, 2, 2))
    run("lstm_lengths", nn.LSTM(3, 2, num_layers=2, bidirectional=True), normal(4, 3, 3), normal(4, 3, 2),
        normal(4, 3, 2), lengths=[1, 4, 2])
    run("lstm_projection", nn.LSTM(3, 4, proj_size=2, bidirectional=True), normal(3, 2, 3), normal(2, 2, 2),
        normal(2, 2, 4))
    run("lstm_one_step", nn.LSTM(3, 2, bias=False), normal(1, 2, 3))
    golden.case("rnn_cell", nn.RNNCell(3, 2), normal(4, 3), normal(4, 2))
    golden.case("rnn_cell_relu", nn.RNNCell(3, 2, nonlinearity="relu"), normal(4, 3))
    golden.case("gru_cell", nn.GRUCell(3, 2), normal(4, 3), normal(4, 2))
    golden.case("gru_cell_single", nn.GRUCell(3, 2, bias=False), normal(3), normal(2))
    lstm_cell = nn.LSTMCell(3, 2)
    golden.case("lstm_cell", lstm_cell, normal(4, 3), normal(4, 2), normal(4, 2),
                call=lambda x, h, c: lstm_cell(x, (h, c)))
    golden.save()


def attention():
    golden = Modules("attention_modules")
    attend = F.scaled_dot_product_attention

    def qkv(*lead, targets=3, sources=4, size=5, values=2):
        return normal(*lead, targets, size), normal(*lead, sources, size), normal(*lead, sources, values)

    golden.case("plain", None, *qkv(2), call=attend)
    golden.case("causal", None, *qkv(2, 2, sources=3), call=lambda q, k, v: attend(q, k, v, is_causal=True))
    golden.case("scaled", None, *qkv(), call=lambda q, k, v: attend(q, k, v, scale=0.3))
    seen = torch.tensor([[True, False, True, False], [False] * 4, [True] * 4])
    golden.case("masked", None, *qkv(2), seen, call=lambda q, k, v, m: attend(q, k, v, attn_mask=m))
    golden.case("added", None, *qkv(2), normal(3, 4), call=lambda q, k, v, m: attend(q, k, v, attn_mask=m))
    golden.case("grouped", None, normal(2, 4, 3, 5), normal(2, 2, 4, 5), normal(2, 2, 4, 2),
                call=lambda q, k, v: attend(q, k, v, enable_gqa=True))

    def run(name, module, *inputs, call, **options):
        golden.case(name, module, *inputs, text=False, call=call, **options)

    m1 = nn.MultiheadAttention(4, 2)
    run("self", m1, normal(3, 2, 4), call=lambda x: m1(x, x, x))
    m2 = nn.MultiheadAttention(4, 2, batch_first=True, bias=False)
    run("cross", m2, normal(2, 3, 4), normal(2, 5, 4), call=lambda q, k: m2(q, k, k, average_attn_weights=False))
    m3 = nn.MultiheadAttention(4, 2, kdim=3, vdim=5)
    run("sizes", m3, normal(3, 2, 4), normal(4, 2, 3), normal(4, 2, 5), call=lambda q, k, v: m3(q, k, v))
    m4 = nn.MultiheadAttention(4, 2, add_bias_kv=True, add_zero_attn=True, batch_first=True)
    padding = torch.tensor([[False, False, True], [False, True, True]])
    later = torch.ones(3, 3).triu(1).bool()
    run("masks", m4, normal(2, 3, 4), padding, later,
        call=lambda x, p, m: m4(x, x, x, key_padding_mask=p, attn_mask=m))
    m5 = nn.MultiheadAttention(4, 2)
    run("heads_mask", m5, normal(3, 2, 4), normal(4, 3, 3),
        call=lambda x, m: m5(x, x, x, attn_mask=m, need_weights=False)[0])
    m6 = nn.MultiheadAttention(4, 1)
    run("single", m6, normal(3, 4), normal(2, 4), call=lambda q, k: m6(q, k, k))
    m7 = nn.MultiheadAttention(4, 2)
    run("three", m7, normal(3, 2, 4), normal(2, 2, 4), normal(2, 2, 4), call=lambda q, k, v: m7(q, k, v)[0])
    options = {"dim_feedforward": 6, "dropout": 0.1}
    run("encoder_layer", e1 := nn.TransformerEncoderLayer(4, 2, **options), normal(3, 2, 4), call=e1, train=False)
    e2 = nn.TransformerEncoderLayer(4, 2, activation="gelu", batch_first=True, norm_first=True, bias=False, **options)
    run("encoder_layer_first", e2, normal(2, 3, 4), padding, train=False,
        call=lambda x, p: e2(x, src_key_padding_mask=p))
    d1 = nn.TransformerDecoderLayer(4, 2, **options)
    run("decoder_layer", d1, normal(3, 2, 4), normal(4, 2, 4), call=d1, train=False)
    d2 = nn.TransformerDecoderLayer(4, 2, batch_first=True, norm_first=True, **options)
    run("decoder_layer_first", d2, normal(2, 3, 4), normal(2, 4, 4), later, train=False,
        call=lambda x, y, m: d2(x, y, tgt_mask=m))
    t = nn.Transformer(4, 2, 2, 1, **options)
    run("transformer", t, normal(3, 2, 4), normal(4, 2, 4), train=False, call=t)

    def sinusoidal(x):
        time, size = x.shape[-2:]
        angle = torch.arange(time)[:, None] / 10_000 ** (torch.arange(0, size, 2) / size)
        table = torch.zeros(time, size, dtype=torch.float64)
        table[:, 0::2], table[:, 1::2] = angle.sin(), angle.cos()
        return x + table

    golden.case("sinusoidal", None, normal(2, 3, 6), call=sinusoidal)

    def rotated(x, halves):
        time, size = x.shape[-2:]
        angle = torch.arange(time)[:, None] / 10_000 ** (torch.arange(0, size, 2) / size)
        a, b = (x[..., : size // 2], x[..., size // 2 :]) if halves else (x[..., 0::2], x[..., 1::2])
        pair = (a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin())
        return torch.cat(pair, -1) if halves else torch.stack(pair, -1).flatten(-2)

    golden.case("rotary", None, normal(2, 2, 3, 6), call=lambda x: rotated(x, True))
    golden.case("rotary_neighbours", None, normal(2, 3, 4), call=lambda x: rotated(x, False))
    golden.save()


FILES = [
    activations, normalisations, lookups, recurrent, attention,
]


def write(files):
    """Writes the files that the command line names, or all."""
    for make in files:
        if sys.argv[1:] and make.__name__ not in sys.argv[1:]:
            continue
        # Each file by itself, so that one can be added without changing the others.
        generator.manual_seed(20261127)
        make()


if __name__ == "__main__":
    write(FILES)
