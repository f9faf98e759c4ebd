#!/usr/bin/env python3
"""Writes the golden file of layers that are seldom used, as make_golden_modules.py does with its own.

    python make_golden_last_modules.py    # needs torch and safetensors; the file is the same at every run
"""

import torch
import torch.nn as nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

import make_golden_modules
from make_golden_modules import Modules, integers, normal, write


def last_modules():
    golden = Modules("last_modules")
    golden.case("transpose3d", nn.ConvTranspose3d(2, 3, 2), normal(2, 2, 2, 3, 2))
    golden.case(
        "transpose3d_options",
        nn.ConvTranspose3d(4, 2, (3, 2, 1), stride=(2, 1, 3), padding=(1, 0, 0), output_padding=(1, 0, 2), groups=2,
                           dilation=(1, 2, 1)), normal(1, 4, 3, 2, 2))
    golden.case("transpose3d_single", nn.ConvTranspose3d(1, 2, 3, stride=2, padding=1, bias=False), normal(1, 2, 3, 2))
    golden.case("weight_norm", weight_norm(nn.Linear(3, 4)), normal(2, 3), text=False)
    golden.case("weight_norm_axis", weight_norm(nn.Conv2d(2, 3, 2), dim=1), normal(1, 2, 3, 3), text=False)
    golden.case("weight_norm_whole", weight_norm(nn.Linear(3, 4), dim=None), normal(2, 3), text=False)
    torch.manual_seed(0)
    golden.case("spectral_norm", spectral_norm(nn.Linear(3, 4)), normal(2, 3), text=False)
    golden.case("spectral_norm_eval", spectral_norm(nn.Linear(3, 4)), normal(2, 3), train=False, text=False)
    golden.case("spectral_norm_transposed", spectral_norm(nn.ConvTranspose2d(2, 3, 2), n_power_iterations=2),
                normal(1, 2, 3, 2), text=False)
    golden.case("spectral_norm_bias", spectral_norm(nn.Linear(3, 4), name="bias"), normal(2, 3), text=False)
    rand = lambda *shape: torch.rand(shape, generator=make_golden_modules.generator)
    for name, module, x in [
        ("fractional2d", lambda s: nn.FractionalMaxPool2d((2, 3), output_size=(4, 3), return_indices=True, _random_samples=s),
         normal(2, 3, 9, 8)),
        ("fractional2d_ratio", lambda s: nn.FractionalMaxPool2d(2, output_ratio=(0.5, 0.7), return_indices=True,
                                                                _random_samples=s), normal(1, 2, 8, 10)),
        ("fractional3d", lambda s: nn.FractionalMaxPool3d((2, 1, 3), output_size=(3, 4, 1), return_indices=True,
                                                          _random_samples=s), normal(1, 2, 6, 7, 5)),
    ]:
        samples = rand(x.shape[0], x.shape[1], x.ndim - 2)
        layer = module(samples.double())
        golden.case(name, None, x, samples, call=lambda x, s: layer(x))
    adaptive = nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], div_value=2.0, head_bias=True)
    golden.case("adaptive_softmax", adaptive, normal(9, 8), integers(12, 9))
    small = nn.AdaptiveLogSoftmaxWithLoss(4, 5, [2])
    golden.case("adaptive_softmax_one", small, normal(4), torch.tensor(3))
    other = nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], div_value=2.0)
    golden.case("adaptive_softmax_all", other, normal(5, 8), call=lambda x: (other.log_prob(x), other.predict(x)))
    golden.save()


if __name__ == "__main__":
    write([last_modules])
