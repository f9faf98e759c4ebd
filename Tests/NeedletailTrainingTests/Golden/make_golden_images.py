#!/usr/bin/env python3
"""Writes images.safetensors: PNG and JPEG files, and their pixels as Pillow reads and resizes them.

    python make_golden_images.py    # needs pillow, numpy and safetensors; the file is the same at every run
"""

import io
import pathlib

import numpy
from PIL import Image
from safetensors.numpy import save_file

HEIGHT, WIDTH = 13, 17
tensors = {}


def picture(channels):
    """A gradient with a bright block, so that edges show."""
    y, x = numpy.mgrid[0:HEIGHT, 0:WIDTH]
    planes = [(x * 11 + y * 5 * (c + 1) + 40 * c) % 256 for c in range(channels)]
    pixels = numpy.stack(planes, axis=-1).astype(numpy.uint8)
    pixels[3:7, 5:12] = 255 - pixels[3:7, 5:12]
    return pixels[..., 0] if channels == 1 else pixels


def case(name, image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    data = file.getvalue()
    tensors[f"{name}/file"] = numpy.frombuffer(data, numpy.uint8)
    loaded = Image.open(io.BytesIO(data))
    loaded.load()
    if loaded.mode.startswith("I"):
        gray = numpy.round(numpy.asarray(loaded, numpy.float64) / 257).astype(numpy.uint8)
        loaded = Image.fromarray(gray)
    for mode, label in [("RGB", "rgb"), ("L", "gray")]:
        pixels = numpy.asarray(loaded.convert("RGB").convert(mode))
        pixels = pixels[None] if mode == "L" else pixels.transpose(2, 0, 1)
        tensors[f"{name}/{label}"] = numpy.ascontiguousarray(pixels)


case("png_rgb", Image.fromarray(picture(3)), "PNG")
case("png_gray", Image.fromarray(picture(1)), "PNG")
case("png_alpha", Image.fromarray(picture(4), "RGBA"), "PNG")
case("png_gray_alpha", Image.fromarray(picture(2), "LA"), "PNG")
case("png_palette", Image.fromarray(picture(3)).quantize(16), "PNG")
case("png_bits", Image.fromarray(picture(1)).convert("1"), "PNG")
case("png_16", Image.fromarray(picture(1).astype(numpy.uint16) * 251 + 17), "PNG")
case("jpeg_rgb", Image.fromarray(picture(3)), "JPEG", quality=90, subsampling=0)
case("jpeg_420", Image.fromarray(picture(3)), "JPEG", quality=80, subsampling=2)
case("jpeg_gray", Image.fromarray(picture(1)), "JPEG", quality=90)
case("jpeg_progressive", Image.fromarray(picture(3)), "JPEG", quality=90, progressive=True)
case("jpeg_cmyk", Image.fromarray(picture(4), "CMYK"), "JPEG", quality=95)

source = Image.fromarray(picture(3))
for height, width in [(5, 6), (13, 4), (29, 40), (7, 31), (1, 1), (26, 17)]:
    resized = source.resize((width, height), Image.Resampling.BILINEAR)
    tensors[f"resized_{height}_{width}"] = numpy.ascontiguousarray(numpy.asarray(resized).transpose(2, 0, 1))

save_file(tensors, pathlib.Path(__file__).parent / "images.safetensors")
