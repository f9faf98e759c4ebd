#!/usr/bin/env python3
"""Writes transforms.safetensors: pictures as numpy transforms them, with the numbers that Philox 4x32-10 draws under key 11.

    python make_golden_transforms.py    # needs numpy, torch and safetensors; the file is the same at every run
"""

import pathlib

import numpy
import torch
from safetensors.numpy import save_file

KEY, N, C, H, W = 11, 6, 3, 7, 9
MASK = 0xFFFFFFFF


def block(counter, key):
    c, k0, k1 = [counter & MASK, counter >> 32, 0, 0], key & MASK, key >> 32
    for _ in range(10):
        p0, p1 = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57
        c = [(p1 >> 32) ^ c[1] ^ k0, p1 & MASK, (p0 >> 32) ^ c[3] ^ k1, p0 & MASK]
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return c


class Draws:
    """Uses of a generator: N numbers in 0..<1 each, of 24 bits, from a multiple of 4 on."""

    def __init__(self):
        self.offset = 0

    def __call__(self):
        words = [block((self.offset + i) >> 2, KEY)[(self.offset + i) & 3] for i in range(N)]
        self.offset += (N + 3) // 4 * 4
        return numpy.array([w >> 8 for w in words], numpy.float32) * numpy.float32(2.0**-24)


y, x = numpy.mgrid[0:H, 0:W]
images = numpy.stack([
    numpy.stack([((x * 13 + y * 29 + n * 31 + c * 57) % 256) / 255 for c in range(C)]) for n in range(N)
]).astype(numpy.float32)
tensors = {"images": images}


def moved(image, rows, columns, fill):
    result = numpy.full((C, len(rows), len(columns)), fill, numpy.float32)
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            if 0 <= row < H and 0 <= column < W:
                result[:, i, j] = image[:, row, column]
    return result


def crop(height, width, padding, fill):
    draw = Draws()
    tops = numpy.floor(draw() * (H + 2 * padding - height + 1)).astype(int) - padding
    lefts = numpy.floor(draw() * (W + 2 * padding - width + 1)).astype(int) - padding
    return numpy.stack([
        moved(i, range(t, t + height), range(l, l + width), fill) for i, t, l in zip(images, tops, lefts)
    ])


def shift(pixels, fill):
    draw = Draws()
    downs = numpy.floor(draw() * (2 * pixels + 1)).astype(int) - pixels
    rights = numpy.floor(draw() * (2 * pixels + 1)).astype(int) - pixels
    return numpy.stack([
        moved(i, range(-d, H - d), range(-r, W - r), fill) for i, d, r in zip(images, downs, rights)
    ])


def flip(axis, probability):
    chosen = Draws()() < probability
    return numpy.stack([numpy.flip(i, axis) if c else i for i, c in zip(images, chosen)])


def erase(probability, scale, ratio, value):
    draw = Draws()
    chosen = draw() < probability
    area = (draw() * (scale[1] - scale[0]) + scale[0]) * (H * W)
    aspect = numpy.exp(draw() * (numpy.log(ratio[1]) - numpy.log(ratio[0])) + numpy.log(ratio[0]))
    heights = numpy.minimum(numpy.round(numpy.sqrt(area * aspect)), H)
    widths = numpy.minimum(numpy.round(numpy.sqrt(area / aspect)), W)
    tops = numpy.floor(draw() * (H - heights + 1))
    lefts = numpy.floor(draw() * (W - widths + 1))
    result = images.copy()
    for n in range(N):
        if chosen[n]:
            result[n, :, int(tops[n]):int(tops[n] + heights[n]), int(lefts[n]):int(lefts[n] + widths[n])] = value
    return result


def sampled(image, matrix, fill):
    """Bilinear values at the places that a matrix of pixels around the middle says; `fill` outside."""
    result = numpy.zeros((C, H, W))
    for i in range(H):
        for j in range(W):
            px, py = j - (W - 1) / 2, i - (H - 1) / 2
            sx = matrix[0][0] * px + matrix[0][1] * py + matrix[0][2] + (W - 1) / 2
            sy = matrix[1][0] * px + matrix[1][1] * py + matrix[1][2] + (H - 1) / 2
            left, top = int(numpy.floor(sx)), int(numpy.floor(sy))
            for row in (top, top + 1):
                for column in (left, left + 1):
                    weight = (1 - abs(sx - column)) * (1 - abs(sy - row))
                    inside = 0 <= row < H and 0 <= column < W
                    result[:, i, j] += weight * (image[:, row, column] if inside else fill)
    return result.astype(numpy.float32)


def inverse(angle, tx, ty, scale, shear_x, shear_y):
    """The inverse of move x turn x shear x scale, by numpy's own inversion: torchvision's maps multiplied out."""
    rot, sx, sy = numpy.radians([angle, shear_x, shear_y]).astype(float)
    turn = numpy.array([[numpy.cos(rot), -numpy.sin(rot)], [numpy.sin(rot), numpy.cos(rot)]])
    shear = numpy.array([[1, -numpy.tan(sx)], [-numpy.tan(sy), 1 + numpy.tan(sx) * numpy.tan(sy)]])
    whole = numpy.eye(3)
    whole[:2, :2] = scale * turn @ shear
    whole[:2, 2] = [tx, ty]
    return numpy.linalg.inv(whole)


def affine(degrees, translate, scale, shear, fill):
    draw = Draws()
    def within(bound):
        return (draw() * 2 - 1) * bound
    angles = within(degrees)
    rights = numpy.round(within(translate[0] * W))
    downs = numpy.round(within(translate[1] * H))
    scales = draw() * (scale[1] - scale[0]) + scale[0]
    shears_x, shears_y = within(shear[0]), within(shear[1])
    return numpy.stack([
        sampled(images[n], inverse(angles[n], rights[n], downs[n], scales[n], shears_x[n], shears_y[n]), fill)
        for n in range(N)
    ])


def rotate(degrees, fill):
    # Counterclockwise, where rows go down.
    angles = (Draws()() * 2 - 1) * degrees
    return numpy.stack([sampled(images[n], inverse(-angles[n], 0, 0, 1, 0, 0), fill) for n in range(N)])


def jitter(brightness, contrast):
    draw = Draws()
    def factor(strength):
        low = max(0, 1 - strength)
        return (draw() * (1 + strength - low) + low).reshape(N, 1, 1, 1)
    result = numpy.clip(images * factor(brightness), 0, 1)
    gray = 0.2989 * result[:, 0] + 0.587 * result[:, 1] + 0.114 * result[:, 2]
    f = factor(contrast)
    return numpy.clip(result * f + gray.mean(axis=(1, 2)).reshape(N, 1, 1, 1) * (1 - f), 0, 1).astype(numpy.float32)


tensors["crop"] = crop(5, 6, 0, 0)
tensors["crop_padded"] = crop(7, 9, 2, 0.25)
tensors["shift"] = shift(3, 0.5)
tensors["horizontal"] = flip(2, 0.5)
tensors["vertical"] = flip(1, 0.7)
tensors["erase"] = erase(0.8, (0.1, 0.5), (0.3, 3.3), 0.75)
tensors["affine"] = affine(40, (0.2, 0.3), (0.7, 1.4), (20, 10), 0.0)
tensors["affine_filled"] = affine(25, (0.1, 0.1), (0.8, 1.2), (10, 5), 0.4)
tensors["rotate"] = rotate(60, 0.0)
tensors["jitter"] = jitter(0.6, 0.8)
mean, std = numpy.array([0.4, 0.5, 0.6]), numpy.array([0.2, 0.25, 0.3])
tensors["normalize"] = ((images - mean.reshape(1, 3, 1, 1)) / std.reshape(1, 3, 1, 1)).astype(numpy.float32)

# torchvision's formula for the same inverse, so that the one above is not its own judge.
def torchvision_inverse(angle, tx, ty, scale, shear_x, shear_y):
    rot, sx, sy = [torch.deg2rad(torch.tensor(v, dtype=torch.float64)) for v in (angle, shear_x, shear_y)]
    a = torch.cos(rot - sy) / torch.cos(sy)
    b = -torch.cos(rot - sy) * torch.tan(sx) / torch.cos(sy) - torch.sin(rot)
    c = torch.sin(rot - sy) / torch.cos(sy)
    d = -torch.sin(rot - sy) * torch.tan(sx) / torch.cos(sy) + torch.cos(rot)
    forward = torch.tensor([[a, b], [c, d]]) * scale
    whole = torch.eye(3, dtype=torch.float64)
    whole[:2, :2] = forward
    whole[:2, 2] = torch.tensor([tx, ty], dtype=torch.float64)
    return torch.linalg.inv(whole).numpy()


for values in [(30.0, 2.0, -1.0, 1.3, 12.0, -7.0), (-75.0, 0.0, 3.0, 0.6, 5.0, 20.0)]:
    assert abs(inverse(*values) - torchvision_inverse(*values)).max() < 1e-14

save_file({k: numpy.ascontiguousarray(v.astype(numpy.float32)) for k, v in tensors.items()},
          pathlib.Path(__file__).parent / "transforms.safetensors")
