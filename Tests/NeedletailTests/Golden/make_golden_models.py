#!/usr/bin/env python3
"""Writes the weights of whole PyTorch models, and what they compute, beside this script, for GoldenModelTests.swift.

    python make_golden_models.py [folder]    # needs torch and safetensors; the files are the same at every run

model_NAME.safetensors is a state dictionary as `save_file(model.state_dict(), path)` writes it, and models.safetensors holds
for each model an input NAME/in and its outputs NAME/out0, ... in evaluation, computed in float64. The topologies are the true
ones; the widths are narrow, so that the files are small: --width 64 --hidden 192 writes those of the papers into a folder.
"""

import argparse
import pathlib

import torch
import torch.nn as nn
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent


class BasicBlock(nn.Module):
    """torchvision.models.resnet.BasicBlock's names."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        out = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(out + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """torchvision.models.resnet18's names, or the form for CIFAR."""

    def __init__(self, blocks, width, classes, cifar):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3 if cifar else 7, 1 if cifar else 2, 1 if cifar else 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.pool = nn.Identity() if cifar else nn.MaxPool2d(3, 2, 1)
        inputs = width
        self.stages = len(blocks)
        for stage, count in enumerate(blocks):
            outputs = width << stage
            layers = [BasicBlock(inputs if i == 0 else outputs, outputs, 2 if i == 0 and stage else 1) for i in range(count)]
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
            inputs = outputs
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = self.pool(torch.relu(self.bn1(self.conv1(x))))
        for stage in range(self.stages):
            x = getattr(self, f"layer{stage + 1}")(x)
        return self.fc(x.mean((2, 3)))


class ViTLayer(nn.Module):
    """torchvision.models.vision_transformer.EncoderBlock's names."""

    def __init__(self, hidden, heads):
        super().__init__()
        self.ln_1 = nn.LayerNorm(hidden, eps=1e-6)
        self.self_attention = nn.MultiheadAttention(hidden, heads, batch_first=True)
        self.ln_2 = nn.LayerNorm(hidden, eps=1e-6)
        self.mlp = nn.Sequential(
            nn.Linear(hidden, 4 * hidden), nn.GELU(), nn.Dropout(0.1), nn.Linear(4 * hidden, hidden), nn.Dropout(0.1)
        )

    def forward(self, x):
        y = self.ln_1(x)
        x = x + self.self_attention(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.ln_2(x))


class ViT(nn.Module):
    """torchvision.models.VisionTransformer's names."""

    def __init__(self, image, patch, layers, heads, hidden, classes):
        super().__init__()
        self.class_token = nn.Parameter(torch.zeros(1, 1, hidden))
        self.conv_proj = nn.Conv2d(3, hidden, patch, patch)
        self.encoder = nn.Module()
        self.encoder.pos_embedding = nn.Parameter(torch.empty(1, (image // patch) ** 2 + 1, hidden))
        self.encoder.layers = nn.Sequential()
        for index in range(layers):
            self.encoder.layers.add_module(f"encoder_layer_{index}", ViTLayer(hidden, heads))
        self.encoder.ln = nn.LayerNorm(hidden, eps=1e-6)
        self.heads = nn.Sequential()
        self.heads.add_module("head", nn.Linear(hidden, classes))

    def forward(self, x):
        x = self.conv_proj(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_token.expand(x.shape[0], -1, -1), x], 1) + self.encoder.pos_embedding
        return self.heads(self.encoder.ln(self.encoder.layers(x))[:, 0])


class ConvolutionNet(nn.Module):
    """The frame of torchvision's AlexNet and VGG: features, pooling, classifier."""

    def __init__(self, features, pooled, classifier):
        super().__init__()
        self.features = nn.Sequential(*features)
        self.avgpool = nn.AdaptiveAvgPool2d(pooled)
        self.classifier = nn.Sequential(*classifier)

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def alexnet(w, classes):
    """torchvision.models.alexnet, of w in place of 64 channels."""

    def conv(inputs, outputs, kernel, stride=1, padding=1):
        return [nn.Conv2d(inputs, outputs, kernel, stride, padding), nn.ReLU()]

    pool = nn.MaxPool2d(3, 2)
    features = [*conv(3, w, 11, 4, 2), pool, *conv(w, 3 * w, 5, 1, 2), pool, *conv(3 * w, 6 * w, 3)]
    features += [*conv(6 * w, 4 * w, 3), *conv(4 * w, 4 * w, 3), pool]
    classifier = [nn.Dropout(), nn.Linear(4 * w * 36, 64 * w), nn.ReLU(), nn.Dropout(), nn.Linear(64 * w, 64 * w)]
    return ConvolutionNet(features, 6, classifier + [nn.ReLU(), nn.Linear(64 * w, classes)])


def vgg(convolutions, w, classes, norm):
    """torchvision.models.vgg, of w in place of 64 channels."""
    features, inputs = [], 3
    for stage, count in enumerate(convolutions):
        outputs = w << min(stage, 3)
        for _ in range(count):
            features += [nn.Conv2d(inputs, outputs, 3, padding=1)] + ([nn.BatchNorm2d(outputs)] if norm else []) + [nn.ReLU()]
            inputs = outputs
        features += [nn.MaxPool2d(2, 2)]
    classifier = [nn.Linear(inputs * 49, 64 * w), nn.ReLU(), nn.Dropout(), nn.Linear(64 * w, 64 * w), nn.ReLU()]
    return ConvolutionNet(features, 7, classifier + [nn.Dropout(), nn.Linear(64 * w, classes)])


class Models:
    """All files, drawn from one generator."""

    def __init__(self, folder):
        self.folder = folder
        self.generator = torch.Generator().manual_seed(20261128)
        self.results = {}

    def normal(self, *shape, scale=1.0):
        return torch.randn(shape, generator=self.generator) * scale

    def write(self, name, model, x):
        """Draws the weights so that values neither grow nor vanish, and writes both files' parts."""
        with torch.no_grad():
            for key, value in model.state_dict().items():
                if key.endswith("running_var"):
                    value.copy_(torch.rand(value.shape, generator=self.generator) + 0.5)
                elif not value.is_floating_point():
                    value.fill_(7)
                elif value.dim() > 1:
                    value.copy_(self.normal(*value.shape, scale=value[0].numel() ** -0.5))
                elif key.endswith("weight") and value.dim() == 1:
                    value.copy_(1 + self.normal(*value.shape, scale=0.2))
                else:
                    value.copy_(self.normal(*value.shape, scale=0.2))
        model.eval()
        weights = {key: value.clone().contiguous() for key, value in model.state_dict().items()}
        save_file(weights, self.folder / f"model_{name}.safetensors")
        out = model.double()(x.double())
        self.results[f"{name}/in"] = x
        flat = [out[0], *out[1]] if isinstance(out, tuple) else [out]
        for index, tensor in enumerate(flat):
            self.results[f"{name}/out{index}"] = tensor.detach().float().contiguous()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", type=pathlib.Path, default=HERE)
    parser.add_argument("--width", type=int, default=4, help="channels of ResNet's first stage")
    parser.add_argument("--hidden", type=int, default=12, help="features of the ViT")
    options = parser.parse_args()
    models = Models(options.folder)
    models.write("lstm", nn.LSTM(10, 12, num_layers=2, bidirectional=True), models.normal(6, 3, 10))
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, activation="gelu")
    models.write("encoder", nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), models.normal(2, 7, 16))
    models.write("resnet18", ResNet([2, 2, 2, 2], options.width, 10, False), models.normal(2, 3, 64, 64))
    models.write("resnet20", ResNet([3, 3, 3], options.width, 10, True), models.normal(2, 3, 32, 32))
    models.write("vit_tiny", ViT(32, 8, 12, 3, options.hidden, 10), models.normal(2, 3, 32, 32))
    narrow = options.width // 4
    models.write("alexnet", alexnet(narrow, 10), models.normal(1, 3, 72, 64))
    models.write("vgg11", vgg([1, 1, 2, 2, 2], narrow, 10, False), models.normal(2, 3, 32, 48))
    models.write("vgg16_bn", vgg([2, 2, 3, 3, 3], narrow, 10, True), models.normal(2, 3, 32, 48))
    save_file(models.results, options.folder / "models.safetensors")


main()
