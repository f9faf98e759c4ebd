#!/usr/bin/env python3
"""Writes Documentation/Operations.md: PyTorch's public layers, losses, rules, schedules and tensor methods beside ours.

Usage: Scripts/operations-ledger.py [--check]

PyTorch's names are asked of the torch that this Python has (any recent version, CPU). Ours are read from the public
declarations under Sources/Needletail. A name is there if it is declared in Swift's spelling (`log_softmax`: `logSoftmax`), or
under the name that RENAMED gives; a name that is absent on purpose has its reason in ABSENT. `--check` only says whether the
page is what would be written.
"""
import inspect
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "Documentation/Operations.md"

RENAMED = {
    # torch.nn
    "ModuleDict": "ModuleDictionary", "NLLLoss2d": "NLLLoss", "CrossMapLRN2d": "LocalResponseNorm",
    "UpsamplingNearest2d": "Upsample", "UpsamplingBilinear2d": "Upsample", "Unfold": "unfold2d", "Fold": "fold",
    "RNNBase": "RNN", "RNNCellBase": "RNNCell", "CosineSimilarity": "cosineSimilarity",
    "PairwiseDistance": "pairwiseDistance", "Container": "Module", "ParameterDict": "ParameterList",
    "CircularPad1d": "CircularPad1d", "Optimizer": "Optimizer",
    # torch.optim.lr_scheduler
    "StepLR": "StepSchedule", "CosineAnnealingLR": "CosineSchedule", "MultiStepLR": "MultiStepSchedule",
    "ConstantLR": "ConstantSchedule", "LinearLR": "LinearSchedule", "ExponentialLR": "ExponentialSchedule",
    "PolynomialLR": "PolynomialSchedule", "CosineAnnealingWarmRestarts": "CosineRestartsSchedule",
    "OneCycleLR": "OneCycleSchedule", "CyclicLR": "CyclicSchedule", "LambdaLR": "LambdaSchedule",
    "MultiplicativeLR": "MultiplicativeSchedule", "ReduceLROnPlateau": "PlateauScheduler",
    "ChainedScheduler": "ChainedSchedule", "SequentialLR": "SequentialSchedule", "LRScheduler": "LearningRateScheduler",
    # torch.Tensor
    "absolute": "abs", "arccos": "acos", "arccosh": "acosh", "arcsin": "asin", "arcsinh": "asinh", "arctan": "atan",
    "arctan2": "atan2", "arctanh": "atanh", "add": "+", "sub": "-", "subtract": "-", "mul": "*", "multiply": "*",
    "div": "/", "divide": "/", "true_divide": "/", "neg": "-", "negative": "-", "eq": ".==", "ne": ".!=",
    "not_equal": ".!=", "ge": ".>=", "greater_equal": ".>=", "gt": ".>", "greater": ".>", "le": ".<=",
    "less_equal": ".<=", "lt": ".<", "less": ".<", "bitwise_and": "&", "bitwise_or": "|", "bitwise_xor": "^",
    "bitwise_not": "~", "bitwise_left_shift": "<<", "bitwise_right_shift": ">>", "allclose": "allClose",
    "isclose": "isClose", "isfinite": "isFinite", "isinf": "isInf", "isnan": "isNaN", "isneginf": "isNegInf",
    "isposinf": "isPosInf", "logsumexp": "logSumExp", "logaddexp": "logAddExp", "logaddexp2": "logAddExp2",
    "nanmean": "nanMean", "nanmedian": "nanMedian", "nanquantile": "nanQuantile", "nansum": "nanSum",
    "kthvalue": "kthValue", "numel": "elementCount", "nelement": "elementCount", "size": "shape", "dim": "rank",
    "ndimension": "rank", "ndim": "rank", "moveaxis": "moveAxis", "swapaxes": "swapAxes", "swapdims": "swapAxes",
    "take_along_dim": "takeAlong", "split_with_sizes": "split", "view": "reshape", "view_as": "reshape",
    "reshape_as": "reshape", "expand_as": "expand", "type_as": "to", "float": "to", "double": "to", "half": "to",
    "bfloat16": "to", "int": "to", "long": "to", "bool": "to", "byte": "to", "type": "to", "cpu": "to", "cuda": "to",
    "get_device": "device", "tolist": "scalars", "numpy": "scalars", "var": "variance", "t": "transpose",
    "clip": "clamp", "clamp_min": "clamp", "clamp_max": "clamp", "fix": "trunc", "std": "std",
    "ger": "outer", "vdot": "dot", "pinverse": "pinv", "ravel": "flatten", "unsafe_chunk": "chunk",
    "unsafe_split": "split", "unsafe_split_with_sizes": "split", "hsplit": "tensorSplit", "vsplit": "tensorSplit",
    "dsplit": "tensorSplit", "new_zeros": "zerosLike", "new_ones": "onesLike", "new_full": "fullLike",
    "new_tensor": "init", "select": "subscript", "index": "subscript", "index_put": "subscript",
    "slice_scatter": "subscript", "select_scatter": "subscript", "narrow_copy": "narrow", "where": "where",
    "is_floating_point": "isFloat", "argwhere": "nonzero", "requires_grad_": "requiresGrad",
    "element_size": "byteCount", "histc": "histogram", "masked_scatter": "maskedScatter", "float_power": "floatPower",
    "floor_divide": "floorDivide", "fill_": "fullLike", "prelu": "prelu",
    "svd": "svd", "expand": "expand", "broadcast_to": "broadcastTo", "is_same_size": "shape",
    "adjoint": "transpose", "square": "square",
    "zero_": "zerosLike", "random_": "randint", "triangular_solve": "solveTriangular",
    "count_nonzero": "countNonzero", "index_reduce": "scatterReduce", "sgn": "sign",
}

# torch.nn.functional, where the function is a layer's call or has another name
FUNCTIONS = {
    "native_channel_shuffle": "ChannelShuffle", "instance_norm": "InstanceNorm2d", "batch_norm": "BatchNorm2d",
    "lp_pool1d": "LPPool1d", "lp_pool2d": "LPPool2d", "lp_pool3d": "LPPool3d", "unfold": "unfold2d",
    "upsample_bilinear": "interpolate", "upsample_nearest": "interpolate", "upsample": "interpolate",
    "multi_head_attention_forward": "MultiheadAttention", "binary_cross_entropy": "BCELoss",
    "binary_cross_entropy_with_logits": "BCEWithLogitsLoss", "kl_div": "KLDivLoss", "mse_loss": "MSELoss",
    "l1_loss": "L1Loss", "nll_loss": "NLLLoss", "gaussian_nll_loss": "GaussianNLLLoss", "poisson_nll_loss": "PoissonNLLLoss",
    "smooth_l1_loss": "SmoothL1Loss", "triplet_margin_with_distance_loss": "TripletMarginWithDistanceLoss",
    "multilabel_margin_loss": "MultiLabelMarginLoss", "multilabel_soft_margin_loss": "MultiLabelSoftMarginLoss",
    "adaptive_max_pool1d_with_indices": "withIndices", "adaptive_max_pool2d_with_indices": "withIndices",
    "adaptive_max_pool3d_with_indices": "withIndices", "fractional_max_pool2d_with_indices": "withIndices",
    "fractional_max_pool3d_with_indices": "withIndices", "max_pool1d_with_indices": "withIndices",
    "max_pool2d_with_indices": "withIndices", "max_pool3d_with_indices": "withIndices",
    "local_response_norm": "LocalResponseNorm", "rms_norm": "RMSNorm", "logsigmoid": "logSigmoid", "feature_alpha_dropout": "FeatureAlphaDropout",
}

SPARSE = "sparse tensors are not supported"
COMPLEX = "complex numbers are not supported"
QUANTISED = "quantised tensors are not supported"
FUNCTIONAL = {"torch.nn.functional", "torch._jit_internal", "torch._C._nn", None, "torch"}
HELPERS = {"assert_int_or_pair", "boolean_dispatch"}
LAZY = "shapes are given when a layer is made"
HOOK = "a gradient is changed by a function with one of its own, `Tensor.custom`"
EMPTY = "tensors without values are not handed out; `zerosLike`"
PACKED = "LAPACK's packed reflections; `qr` gives the factors"
NARROW = "products of 8-bit floats and of ragged groups are not supported"
POINTER = "storage is the runtime's own; `bytes()` copies it"
ABSENT = {
    "DataParallel": "one process drives a device; data parallel training comes with MPI", "SyncBatchNorm": "one process drives a device; data parallel training comes with MPI",
    "linear_cross_entropy": "the planner joins `linear` and `crossEntropy` itself",
    "conv_tbc": "`conv1d` of permuted axes", "grouped_mm": NARROW, "scaled_mm": NARROW, "scaled_addmm": NARROW,
    "scaled_addmm_": NARROW, "scaled_grouped_mm": NARROW,
    "LinearCrossEntropyLoss": "the planner joins `Linear` and `CrossEntropyLoss` itself",
    "coalesce": SPARSE, "dense_dim": SPARSE, "sparse_dim": SPARSE, "sparse_mask": SPARSE, "smm": SPARSE, "sspaddmm": SPARSE,
    "is_coalesced": SPARSE, "values": SPARSE, "indices": SPARSE, "col_indices": SPARSE, "crow_indices": SPARSE,
    "ccol_indices": SPARSE, "row_indices": SPARSE, "to_dense": SPARSE, "SparseAdam": SPARSE,
    "angle": COMPLEX, "conj": COMPLEX, "conj_physical": COMPLEX, "resolve_conj": COMPLEX, "is_conj": COMPLEX,
    "is_complex": COMPLEX, "isreal": COMPLEX, "resolve_neg": COMPLEX, "is_neg": COMPLEX, "cdouble": COMPLEX,
    "cfloat": COMPLEX, "chalf": COMPLEX, "stft": COMPLEX, "istft": COMPLEX, "eig": COMPLEX,
    "dequantize": QUANTISED, "int_repr": QUANTISED, "qscheme": QUANTISED, "q_scale": QUANTISED, "q_zero_point": QUANTISED,
    "q_per_channel_axis": QUANTISED, "q_per_channel_scales": QUANTISED, "q_per_channel_zero_points": QUANTISED,
    "as_strided": "views are those that a layout can say; `unfold`, `slice`, `expand`", "as_strided_scatter": "views are those that a layout can say; `unfold`, `slice`, `expand`",
    "as_subclass": "Python's subclasses", "apply_": "Python's", "map_": "Python's", "map2_": "Python's",
    "storage": POINTER, "untyped_storage": POINTER, "storage_offset": POINTER, "storage_type": POINTER,
    "stride": POINTER, "const_data_ptr": POINTER, "is_set_to": POINTER, "dim_order": POINTER, "slice_inverse": POINTER,
    "char": "int8 is no dtype here", "short": "int16 is no dtype here", "ipu": "no backend", "xpu": "no backend",
    "mtia": "no backend", "to_mkldnn": "no backend", "is_distributed": "no backend", "to_padded_tensor": "nested tensors",
    "is_shared": "memory is not shared between processes", "is_pinned": "staging is the runtime's", "pin_memory": "staging is the runtime's",
    "clone": "values never change, so that a copy is the tensor", "positive": "values never change, so that a copy is the tensor",
    "data_ptr": POINTER, "record_stream": "memory knows the streams that use it", "register_hook": HOOK, "register_post_accumulate_grad_hook": HOOK,
    "retain_grad": "`gradients(of:withRespectTo:)` gives those by tensors on the way",
    "new": EMPTY, "new_empty": EMPTY, "new_empty_strided": EMPTY,
    "resize": "values never change in place; `reshape`", "resize_as": "values never change in place; `reshape`",
    "share_memory_": "memory is not shared between processes", "hash_tensor": "`bytes()`, and Swift's `Hasher`",
    "geqrf": PACKED, "orgqr": PACKED, "ormqr": PACKED, "reinforce": "gone in PyTorch",
    "symeig": "gone in PyTorch; `eigh`", "module_load": "Python's", "is_inference": "there is one mode without gradients",
    "is_signed": "`dtype` says it", "is_contiguous": "layouts are the runtime's", "is_nonzero": "`item() != 0`",
}


def camel(name):
    head, *rest = name.strip("_").split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


def ours():
    """Every public name in Sources/Needletail, operators as they are written."""
    found = {"init", "subscript"}
    declaration = re.compile(
        r"^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:public|open)\s+(?:static |final |class |mutating |prefix |infix |indirect )*"
        r"(?:func|var|let|class|struct|enum|protocol|typealias|case)\s+(`?[A-Za-z_]\w*`?|[-+*/%&|^~<>=!.]+)")
    for path in sorted((ROOT / "Sources").glob("*/**/*.swift")):
        for line in path.read_text().splitlines():
            if "unavailable" in line:
                continue
            if match := declaration.match(line):
                found.add(match[1].strip("`"))
    return found


def layer(name):
    """A function's name as a layer's: `max_pool2d`, `MaxPool2d`."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def row(name, known, names=None):
    """Our name, or nil, and a reason."""
    if name in ABSENT:
        return None, ABSENT[name]
    for wanted in [(names or RENAMED).get(name), camel(name), names is not None and layer(name)]:
        if wanted in known:
            return wanted, None
    return None, None


def section(title, names, known, prefix, target, renamed=None):
    lines, there, counted = [], 0, 0
    missing, purpose = [], {}
    for name in names:
        found, reason = row(name, known, renamed)
        if found:
            there += 1
            lines.append(f"| `{prefix}{name}` | `{found}` |")
        elif reason:
            purpose.setdefault(reason, []).append(name)
        else:
            missing.append(name)
    counted = there + len(missing)
    aim = f" (asked for: {target})" if target else ""
    text = [f"## {title}", "", f"{there} of {counted}: {there / counted:.2f}{aim}.", ""]
    if missing:
        text += ["Missing: " + ", ".join(f"`{name}`" for name in missing) + ".", ""]
    for reason, which in sorted(purpose.items()):
        text += [f"Left out, {reason}: " + ", ".join(f"`{name}`" for name in which) + ".", ""]
    return text + ["| PyTorch | Needletail |", "|---|---|"] + lines + [""]


def page():
    import torch

    known = ours()
    classes = lambda module, base: sorted(
        name for name, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, base) and not name.startswith("_"))
    layers = [n for n in classes(torch.nn, torch.nn.Module) if not n.startswith("Lazy")]
    methods = {n for n in dir(torch.Tensor) if not n.startswith("_") and callable(getattr(torch.Tensor, n))}
    # An in-place twin is its method; those of their own (`normal_`) are functions that fill.
    methods = sorted(
        n for n in methods
        if not (n.endswith("_") and n[:-1] in methods) and "sparse" not in n and n not in {"resize_as_sparse_"}
        and n not in {"dtype"})
    functional = sorted(
        n for n, value in vars(torch.nn.functional).items()
        if callable(value) and n.islower() and not n.startswith("_") and n not in HELPERS and getattr(value, "__module__", None) in FUNCTIONAL
        and not (n.endswith("_") and n[:-1] in vars(torch.nn.functional)))
    rules = [n for n in classes(torch.optim, torch.optim.Optimizer) if n != "Optimizer"]
    schedules = [n for n in classes(torch.optim.lr_scheduler, torch.optim.lr_scheduler.LRScheduler) if n != "LRScheduler"]
    text = [
        "# PyTorch's operations and ours", "",
        f"Made by `Scripts/operations-ledger.py` from PyTorch {torch.__version__.split('+')[0]}'s public names and the public declarations of",
        "`Sources/Needletail`; it is not edited. Names are Swift's spelling of PyTorch's. Lazy layers, in-place twins and sparse methods are",
        f"not listed ({LAZY}; values never change in place).", "",
    ]
    text += section("Layers and losses (`torch.nn`)", layers, known, "nn.", 0.95)
    text += section("Functions (`torch.nn.functional`)", functional, known, "F.", None, FUNCTIONS)
    text += section("Methods of `torch.Tensor`", methods, known, "", 0.85)
    text += section("Rules (`torch.optim`)", rules, known, "optim.", None)
    text += section("Schedules (`torch.optim.lr_scheduler`)", schedules, known, "lr_scheduler.", None)
    return "\n".join(text).rstrip() + "\n"


def main():
    text = page()
    if "--check" in sys.argv:
        if not PAGE.exists() or PAGE.read_text() != text:
            sys.exit(f"{PAGE} is not what Scripts/operations-ledger.py writes; run it")
        return
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
