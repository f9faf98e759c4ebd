#!/usr/bin/env python3
"""Writes the golden files of convolutions, poolings and resamplings, as make_golden_modules.py does with its own.

    python make_golden_spatial.py [file ...]    # needs torch and safetensors; the files are the same at every run
"""

import torch
import torch.nn as nn
import torch.nn.functional as F

from make_golden_modules import Modules, integers, normal, write


def convolutions():
    golden = Modules("convolution_modules")
    golden.case("conv1d", nn.Conv1d(2, 3, 3), normal(2, 2, 6))
    golden.case("conv1d_options", nn.Conv1d(4, 2, 2, stride=2, padding=1, dilation=2, groups=2, bias=False),
                normal(2, 4, 7))
    golden.case("conv1d_single", nn.Conv1d(2, 3, 4, padding="same"), normal(2, 6))
    golden.case("conv2d", nn.Conv2d(2, 3, (3, 2), padding=(1, 0)), normal(2, 2, 4, 5))
    golden.case("conv2d_same", nn.Conv2d(2, 2, (2, 3), padding="same", dilation=(1, 2)), normal(1, 2, 4, 5))
    for mode in ["reflect", "replicate", "circular"]:
        golden.case(f"conv2d_{mode}", nn.Conv2d(1, 2, 3, padding=(1, 2), padding_mode=mode, stride=2), normal(2, 1, 4, 5))
    golden.case("conv2d_valid", nn.Conv2d(2, 2, 2, padding="valid", groups=2), normal(2, 2, 3, 3))
    golden.case("conv3d", nn.Conv3d(2, 3, 2), normal(2, 2, 3, 3, 4))
    golden.case("conv3d_options", nn.Conv3d(2, 2, (3, 1, 2), stride=(2, 1, 1), padding=(1, 0, 1), dilation=(1, 1, 2),
                                            groups=2, bias=False), normal(2, 2, 4, 2, 4))
    golden.case("conv3d_circular", nn.Conv3d(1, 1, 3, padding=1, padding_mode="circular"), normal(1, 2, 2, 3))
    golden.case("transpose1d", nn.ConvTranspose1d(2, 3, 3, stride=2, padding=1, output_padding=1), normal(2, 2, 4))
    golden.case("transpose1d_dilated", nn.ConvTranspose1d(2, 2, 2, dilation=3, output_padding=2, groups=2, bias=False),
                normal(2, 4))
    golden.case("transpose2d", nn.ConvTranspose2d(3, 2, 2), normal(2, 3, 3, 2))
    golden.case("transpose2d_options", nn.ConvTranspose2d(4, 2, (3, 2), stride=(2, 3), padding=(1, 0),
                                                          output_padding=(1, 2), groups=2), normal(1, 4, 2, 3))
    golden.save()


def poolings():
    golden = Modules("pooling_modules")

    def indexed(name, kind, *arguments, **options):
        x = arguments[-1]
        golden.case(name, kind(*arguments[:-1], **options), x)
        module = kind(*arguments[:-1], **options, return_indices=True)
        golden.case(f"{name}_indices", module, x, text=False)

    indexed("max1d", nn.MaxPool1d, 3, normal(2, 2, 7), stride=2, padding=1)
    indexed("max1d_ceil", nn.MaxPool1d, 2, normal(2, 2, 7), ceil_mode=True)
    indexed("max2d", nn.MaxPool2d, 2, normal(2, 2, 4, 5))
    indexed("max2d_ceil", nn.MaxPool2d, (2, 3), normal(2, 2, 5, 8), stride=2, padding=1, ceil_mode=True)
    indexed("max2d_dilated", nn.MaxPool2d, 2, normal(2, 5, 6), stride=1, dilation=2)
    indexed("max3d", nn.MaxPool3d, 2, normal(2, 2, 4, 3, 5), ceil_mode=True)
    indexed("max3d_options", nn.MaxPool3d, (2, 3, 1), normal(1, 2, 4, 5, 3), stride=(1, 2, 2), padding=(1, 1, 0))
    golden.case("avg1d", nn.AvgPool1d(3, 2, padding=1), normal(2, 2, 7))
    golden.case("avg1d_ceil", nn.AvgPool1d(3, 2, padding=1, ceil_mode=True, count_include_pad=False), normal(2, 2, 6))
    golden.case("avg2d", nn.AvgPool2d(2), normal(2, 2, 4, 5))
    golden.case("avg2d_ceil", nn.AvgPool2d((3, 2), stride=2, padding=1, ceil_mode=True), normal(2, 2, 4, 5))
    golden.case("avg2d_inside", nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True, count_include_pad=False),
                normal(2, 4, 6))
    golden.case("avg2d_divisor", nn.AvgPool2d(2, divisor_override=3), normal(1, 2, 4, 4))
    golden.case("avg3d", nn.AvgPool3d(2), normal(2, 2, 4, 4, 3))
    golden.case("avg3d_inside", nn.AvgPool3d(3, stride=2, padding=1, count_include_pad=False, ceil_mode=True),
                normal(1, 2, 4, 3, 5))
    golden.case("avg3d_divisor", nn.AvgPool3d(2, divisor_override=5), normal(2, 4, 4, 3))
    golden.case("adaptive_avg1d", nn.AdaptiveAvgPool1d(3), normal(2, 2, 7))
    golden.case("adaptive_avg2d", nn.AdaptiveAvgPool2d(2), normal(2, 2, 4, 6))
    golden.case("adaptive_avg2d_uneven", nn.AdaptiveAvgPool2d((3, None)), normal(2, 2, 5, 4))
    golden.case("adaptive_avg2d_global", nn.AdaptiveAvgPool2d(1), normal(2, 5, 4))
    golden.case("adaptive_avg3d", nn.AdaptiveAvgPool3d((2, 3, 1)), normal(2, 1, 3, 4, 2))
    indexed("adaptive_max1d", nn.AdaptiveMaxPool1d, 3, normal(2, 2, 7))
    indexed("adaptive_max2d", nn.AdaptiveMaxPool2d, (3, 2), normal(2, 2, 5, 4))
    indexed("adaptive_max2d_even", nn.AdaptiveMaxPool2d, 2, normal(2, 4, 6))
    indexed("adaptive_max3d", nn.AdaptiveMaxPool3d, (2, 3, None), normal(2, 1, 3, 4, 2))
    golden.case("lp1d", nn.LPPool1d(2, 3, stride=2), normal(2, 2, 7))
    golden.case("lp2d", nn.LPPool2d(1.5, (2, 3), ceil_mode=True), normal(2, 2, 5, 4).abs() + 0.1)
    golden.case("lp3d", nn.LPPool3d(2, 2), normal(1, 2, 2, 4, 3))
    _, index1 = F.max_pool1d(x1 := normal(2, 2, 7), 2, return_indices=True)
    golden.case("unpool1d", nn.MaxUnpool1d(2), F.max_pool1d(x1, 2), index1)
    _, index2 = F.max_pool2d(x2 := normal(2, 2, 5, 5), 3, stride=2, return_indices=True)
    unpool2d = nn.MaxUnpool2d(3, stride=2)
    golden.case("unpool2d", unpool2d, F.max_pool2d(x2, 3, stride=2), index2, gradients=False)
    _, index3 = F.max_pool3d(x3 := normal(2, 4, 3, 5), 2, return_indices=True)
    unpool3d = nn.MaxUnpool3d(2)
    golden.case("unpool3d", unpool3d, F.max_pool3d(x3, 2), index3, call=lambda x, i: unpool3d(x, i, (4, 3, 5)))
    golden.save()


def resamplings():
    golden = Modules("resampling_modules")
    golden.case("nearest1d", nn.Upsample(scale_factor=2), normal(2, 2, 3))
    golden.case("nearest2d", nn.Upsample(size=(5, 3)), normal(2, 2, 3, 4))
    golden.case("nearest_exact", nn.Upsample(scale_factor=1.5, mode="nearest-exact"), normal(1, 2, 5, 3))
    golden.case("nearest3d", nn.Upsample(scale_factor=(2.0, 1.0, 3.0)), normal(1, 2, 2, 2, 2))
    golden.case("linear", nn.Upsample(scale_factor=2.5, mode="linear"), normal(2, 2, 5))
    golden.case("linear_corners", nn.Upsample(size=7, mode="linear", align_corners=True), normal(2, 2, 4))
    golden.case("bilinear", nn.Upsample(size=(5, 2), mode="bilinear"), normal(2, 2, 3, 4))
    golden.case("bilinear_corners", nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), normal(1, 2, 3, 4))
    golden.case("bicubic", nn.Upsample(size=(7, 5), mode="bicubic"), normal(1, 2, 4, 3))
    golden.case("bicubic_corners", nn.Upsample(scale_factor=1.7, mode="bicubic", align_corners=True), normal(1, 1, 4, 3))
    golden.case("trilinear", nn.Upsample(scale_factor=2, mode="trilinear"), normal(1, 2, 2, 3, 2))
    golden.case("pixel_shuffle", nn.PixelShuffle(2), normal(2, 8, 2, 3))
    golden.case("pixel_unshuffle", nn.PixelUnshuffle(2), normal(2, 4, 6))
    golden.case("channel_shuffle", nn.ChannelShuffle(2), normal(2, 6, 2, 2))
    golden.case("zero_pad1d", nn.ZeroPad1d((1, 2)), normal(2, 2, 3))
    golden.case("zero_pad2d", nn.ZeroPad2d((1, -1, 2, 0)), normal(2, 2, 3, 3))
    golden.case("zero_pad3d", nn.ZeroPad3d(1), normal(1, 2, 2, 2, 2))
    golden.case("constant_pad1d", nn.ConstantPad1d(2, 1.5), normal(2, 3))
    golden.case("constant_pad2d", nn.ConstantPad2d((1, 0, 2, 1), -2.5), normal(2, 2, 3, 3))
    golden.case("constant_pad3d", nn.ConstantPad3d((1, 0, 2, 1, 0, 1), 0.5), normal(2, 2, 2, 2))
    for name, kind in {"reflection": "ReflectionPad", "replication": "ReplicationPad", "circular": "CircularPad"}.items():
        golden.case(f"{name}_pad1d", getattr(nn, f"{kind}1d")((1, 2)), normal(2, 2, 4))
        golden.case(f"{name}_pad2d", getattr(nn, f"{kind}2d")((1, 0, 2, 1)), normal(2, 3, 4))
        golden.case(f"{name}_pad3d", getattr(nn, f"{kind}3d")(1), normal(1, 1, 2, 3, 2))
    grid = normal(2, 3, 4, 2, scale=0.9)
    for mode in ["bilinear", "nearest", "bicubic"]:
        for padding in ["zeros", "border", "reflection"]:
            corners = padding == "border"
            golden.case(f"grid_{mode}_{padding}", None, normal(2, 2, 4, 5), grid, call=lambda x, g: F.grid_sample(
                x, g, mode=mode, padding_mode=padding, align_corners=corners))
    golden.case("affine_grid", None, normal(2, 2, 3),
                call=lambda t: F.affine_grid(t, (2, 1, 3, 4), align_corners=False))
    golden.case("affine_grid_corners", None, normal(1, 2, 3),
                call=lambda t: F.affine_grid(t, (1, 1, 3, 2), align_corners=True))
    golden.save()


if __name__ == "__main__":
    write([convolutions, poolings, resamplings])
