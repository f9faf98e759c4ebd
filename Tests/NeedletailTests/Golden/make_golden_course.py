#!/usr/bin/env python3
"""Writes Examples/Course/Transformers/EncoderWeights.swift: weights of a small torch.nn.TransformerEncoderLayer, and what it
makes of a sentence.

    python make_golden_course.py    # needs torch; the file is the same at every run

Weights are rounded to two decimals, so that they are the same numbers in the file; results are computed in float64.
"""

import math
import pathlib

import torch
import torch.nn as nn

TARGET = pathlib.Path(__file__).parents[3] / "Examples/Course/Transformers/EncoderWeights.swift"
WORDS, SIZE, HEADS, HIDDEN = 6, 8, 2, 16


def rounded(generator, shape, scale):
    return (torch.randn(shape, generator=generator, dtype=torch.float64) * scale).mul(100).round().div(100)


def rows(values, digits):
    """Numbers in lines of at most 112 columns."""
    lines, line = [], ""
    for value in values.flatten().tolist():
        word = f"{value:.{digits}f}".rstrip("0").rstrip(".") if digits == 2 else f"{value:.{digits}f}"
        word = "0" if word == "-0" else word
        if len(line) + len(word) + 2 > 112:
            lines.append(line)
            line = ""
        line += (" " if line else "") + word + ","
    return lines + [line]


def positions(count, size):
    """Attention Is All You Need, 3.5: sine in even places, cosine in odd ones."""
    result = torch.zeros(count, size, dtype=torch.float64)
    for place in range(count):
        for index in range(0, size, 2):
            angle = place / 10000 ** (index / size)
            result[place, index], result[place, index + 1] = math.sin(angle), math.cos(angle)
    return result


def main():
    generator = torch.Generator().manual_seed(20261128)
    layer = nn.TransformerEncoderLayer(SIZE, HEADS, HIDDEN, batch_first=True).double().eval()
    with torch.no_grad():
        for name, value in layer.named_parameters():
            drawn = rounded(generator, value.shape, 0.5 if value.dim() > 1 else 0.1)
            value.copy_(1 + drawn if name.startswith("norm") and name.endswith("weight") else drawn)
    words = rounded(generator, (WORDS, SIZE), 1.0)
    x = (words + positions(WORDS, SIZE)).unsqueeze(0)
    out = layer(x)
    weights = layer.self_attn(x, x, x, need_weights=True, average_attn_weights=False)[1]
    shape = lambda tensor: "[" + ", ".join(map(str, tensor.shape)) + "]"
    text = ["import NeedletailTraining", "", "// Made by Tests/NeedletailTests/Golden/make_golden_course.py; it is not edited.", ""]
    text += ["/// Weights of a `torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)`, and what it makes of six words."]
    text += ["enum EncoderWeights {", "    /// `[words, size]`", f"    static var words: Tensor {{ Tensor(numbers(\"words\"), shape: {shape(words)}) }}"]
    text += ["    /// PyTorch's result, `[words, size]`.", f"    static var output: Tensor {{ Tensor(numbers(\"output\"), shape: {shape(out[0])}) }}"]
    text += ["    /// PyTorch's attention, `[heads, words, words]`."]
    text += [f"    static var attention: Tensor {{ Tensor(numbers(\"attention\"), shape: {shape(weights[0])}) }}", ""]
    text += ["    static var state: StateDictionary {", "        // Made anew each time, on the device in use.", "        var state = StateDictionary()"]
    for name, value in layer.state_dict().items():
        text += [f"        state[\"{name}\"] = Tensor(numbers(\"{name}\"), shape: {shape(value)})"]
    text += ["        return state", "    }", "", "    private static func numbers(_ name: String) -> [Float] { table[name] ?? [] }", ""]
    text += ["    private static let table: [String: [Float]] = ["]
    everything = [("words", words, 2), ("output", out, 7), ("attention", weights, 7)]
    everything += [(name, value, 2) for name, value in layer.state_dict().items()]
    for name, value, digits in everything:
        text += [f"        \"{name}\": ["] + ["            " + line for line in rows(value.detach(), digits)] + ["        ],"]
    TARGET.write_text("\n".join(text + ["    ]", "}", ""]))


main()
