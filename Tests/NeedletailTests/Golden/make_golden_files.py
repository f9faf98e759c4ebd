#!/usr/bin/env python3
"""Writes files of NumPy's and PyTorch's beside this script, and files.safetensors: what they hold, in C's order.

    python make_golden_files.py        # needs numpy, torch and safetensors

`make_golden_files.py check FILE.npz` reads a file that Needletail wrote and compares it with files.safetensors.
"""

import sys
import zipfile

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from safetensors.torch import save_file as save_torch


def check(path):
    """Every array of the file as files.safetensors has it, dtype and bits."""
    expected = load_file("files.safetensors")
    with np.load(path, allow_pickle=False) as found:
        assert found.files, f"{path} is empty"
        for name in found.files:
            a, b = found[name], expected[name]
            assert a.dtype == b.dtype and a.shape == b.shape, (name, a.dtype, a.shape, b.dtype, b.shape)
            assert a.tobytes() == b.tobytes(), name
    print(f"{path}: {len(found.files)} arrays are right")


if len(sys.argv) == 3 and sys.argv[1] == "check":
    check(sys.argv[2])
    sys.exit()

rng = np.random.default_rng(3)
arrays = {
    "bool": rng.integers(0, 2, (3, 4)).astype(bool),
    "uint8": rng.integers(0, 256, (2, 3)).astype(np.uint8),
    "int32": rng.integers(-(2**31), 2**31, (5,)).astype(np.int32),
    "int64": rng.integers(-(2**62), 2**62, (2, 1, 3)),
    "float16": rng.normal(size=(4, 2)).astype(np.float16),
    "float32": rng.normal(size=(2, 3, 4)).astype(np.float32),
    "float64": rng.normal(size=(3,)),
    "scalar": np.array(2.5, np.float32),
    "empty": np.zeros((0, 3), np.float32),
    "special": np.array([np.nan, np.inf, -np.inf, -0.0], np.float32),
}
# The same in other forms, by the name of what they are.
forms = {
    "fortran": (np.asfortranarray(arrays["float32"]), "float32"),
    "fortran_bool": (np.asfortranarray(arrays["bool"]), "bool"),
    "big_float": (arrays["float64"].astype(">f8"), "float64"),
    "big_int": (arrays["int32"].astype(">i4"), "int32"),
}
expected = dict(arrays)
stored = dict(arrays)
for name, (array, same) in forms.items():
    stored[name], expected[name] = array, arrays[same]
for code, wide in [("i1", "i4"), ("<i2", "i4"), (">i2", "i4"), ("<u2", "i4"), ("<u4", "i8"), ("<u8", "i8")]:
    bounds = np.iinfo(np.dtype(code))
    ends = [max(bounds.min, -(2**63)), 0, 1, min(bounds.max, 2**63 - 1)]
    name = "wide_" + code.replace("<", "").replace(">", "big_")
    stored[name] = np.array(ends, dtype=code)
    expected[name] = np.array(ends, dtype=wide)
np.savez("numpy_arrays.npz", **stored)
np.savez_compressed("numpy_deflated.npz", zeros=np.zeros((50, 40), np.float32), **arrays)
expected["zeros"] = np.zeros((50, 40), np.float32)
np.save("numpy_fortran.npy", stored["fortran"])
for version in (2, 3):
    with open(f"numpy_version{version}.npy", "wb") as file:
        np.lib.format.write_array(file, arrays["float32"], version=(version, 0))
np.save("numpy_records.npy", np.zeros(2, [("x", "<f4"), ("y", "<i4", (2,))]))
np.save("numpy_complex.npy", np.zeros(2, np.complex64))
np.save("numpy_objects.npy", np.array([None, "a"], dtype=object), allow_pickle=True)
np.save("numpy_huge.npy", np.array([1, 2**63], dtype=np.uint64))
save_file({name: np.ascontiguousarray(array) if array.ndim else array for name, array in expected.items()},
          "files.safetensors")

torch.manual_seed(5)
model = torch.nn.Sequential(
    torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(12, 2))
model(torch.randn(4, 2, 4, 4))
state = model.state_dict()
torch.save(state, "torch_state.pt")
torch.save({"epoch": 3, "lr": 0.1, "names": ["a"], "model_state_dict": state}, "torch_checkpoint.pt")
torch.save(model, "torch_module.pt")
whole = torch.arange(12, dtype=torch.float32).reshape(3, 4)
others = {
    "half": torch.randn(3).half(),
    "bfloat16": torch.randn(2, 2).bfloat16(),
    "double": torch.randn(2).double(),
    "byte": torch.tensor([1, 255], dtype=torch.uint8),
    "int": torch.tensor([-1, 2], dtype=torch.int32),
    "bool": torch.tensor([True, False]),
    "transposed": whole.t(),
    "part": whole[1:, 2:],
    "rank0": torch.tensor(1.5),
    "empty": torch.zeros(0, 3),
    "parameter": torch.nn.Parameter(torch.randn(2)),
}
torch.save(others, "torch_tensors.pt")
torch.save({"short": torch.tensor([1], dtype=torch.int16)}, "torch_short.pt")
torch.save([1, 2], "torch_list.pt")
save_torch({f"state/{k}": v.contiguous() for k, v in state.items()}
           | {f"tensors/{k}": v.detach().clone().contiguous() for k, v in others.items()}, "torch_files.safetensors")

# Tensors that are expanded, one element read often; and what claims far more than it has.
torch.save({
    "row": torch.arange(3.0).reshape(3, 1).expand(3, 4),
    "wide": torch.tensor([2.5]).expand(1000, 100),
    "window": torch.arange(5).as_strided((3, 3), (1, 1)),
}, "torch_expanded.pt")
torch.save({"far": torch.tensor([1.0]).expand(1 << 40)}, "torch_bomb_expanded.pt")
often = torch.tensor([1.0]).expand(6 << 20)
torch.save({"a": often, "b": often, "c": often}, "torch_bomb_often.pt")
torch.save({"zeros": torch.zeros(4 << 20)}, "torch_bomb_storage.pt")
with zipfile.ZipFile("torch_bomb_storage.pt") as whole:
    parts = {name: whole.read(name) for name in whole.namelist()}
with zipfile.ZipFile("torch_bomb_storage.pt", "w", zipfile.ZIP_DEFLATED) as small:
    for name, part in parts.items():
        small.writestr(name, part)
