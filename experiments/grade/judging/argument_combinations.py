"""What a class is made with: its sizes, and the values of its other arguments, each alone and every two together.

An argument that torch's class of the same name has, too, is tried at values besides its default. A covering array
(Cohen, Dalal, Fredman & Patton, "The AETG System", 1997) holds every pair of values in a few rows; a combination that
torch refuses is left out.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

from experiments.grade.process.requests import Options

Pair = tuple[tuple[str, int], tuple[str, int]]
"""Two arguments, each at one of its values, by the value's place."""


class Sizes(NamedTuple):
    """What a class is made with besides, the shape of its input, and what its target and its input are."""

    fixed: Options
    shape: tuple[int, ...]
    target: str = ""
    input: str = "number"


ACTIVATIONS = (
    "ReLU", "Sigmoid", "Tanh", "LeakyReLU", "ELU", "CELU", "SELU", "GELU", "SiLU", "Mish", "Softplus",
    "Softsign", "Tanhshrink", "LogSigmoid", "Hardtanh", "ReLU6", "Hardsigmoid", "Hardswish", "Hardshrink",
    "Softshrink", "PReLU",
)  # fmt: skip
SIZES = {
    **dict.fromkeys(ACTIVATIONS, Sizes({}, (5, 3))),
    **dict.fromkeys(("Softmax", "LogSoftmax", "Softmin"), Sizes({"dim": -1}, (5, 3))),
    "GLU": Sizes({}, (5, 4)),
    "Threshold": Sizes({"threshold": 0.3, "value": -0.7}, (5, 3)),
    "Linear": Sizes({"in_features": 3, "out_features": 4}, (5, 3)),
    "Conv2d": Sizes({"in_channels": 4, "out_channels": 4, "kernel_size": 2}, (2, 4, 4, 3)),
    "Conv1d": Sizes({"in_channels": 4, "out_channels": 4, "kernel_size": 2}, (2, 4, 5)),
    "ConvTranspose1d": Sizes({"in_channels": 4, "out_channels": 4, "kernel_size": 2}, (2, 4, 4)),
    "ConvTranspose2d": Sizes({"in_channels": 4, "out_channels": 4, "kernel_size": 2}, (2, 4, 3, 2)),
    **dict.fromkeys(("MaxPool1d", "AvgPool1d"), Sizes({"kernel_size": 2}, (2, 2, 7))),
    "MaxPool2d": Sizes({"kernel_size": 2}, (2, 2, 7, 6)),
    "AvgPool2d": Sizes({"kernel_size": 2}, (2, 2, 7, 6)),
    "Flatten": Sizes({}, (2, 3, 2, 2)),
    "LayerNorm": Sizes({"normalized_shape": 3}, (5, 3)),
    "RMSNorm": Sizes({"normalized_shape": 3}, (5, 3)),
    "BatchNorm1d": Sizes({"num_features": 3}, (5, 3)),
    "BatchNorm2d": Sizes({"num_features": 3}, (2, 3, 2, 3)),
    "GroupNorm": Sizes({"num_groups": 2, "num_channels": 4}, (3, 4, 2, 2)),
    "InstanceNorm1d": Sizes({"num_features": 3}, (2, 3, 5)),
    "InstanceNorm2d": Sizes({"num_features": 3}, (2, 3, 2, 4)),
    "LocalResponseNorm": Sizes({"size": 2}, (2, 4, 3, 2)),
    "AdaptiveAvgPool2d": Sizes({"output_size": 2}, (2, 2, 4, 6)),
    **dict.fromkeys(("ZeroPad2d", "ReflectionPad2d", "ReplicationPad2d"), Sizes({"padding": 1}, (2, 2, 3, 4))),
    "PixelShuffle": Sizes({"upscale_factor": 2}, (2, 8, 2, 3)),
    "MSELoss": Sizes({}, (5, 3), "number"), "L1Loss": Sizes({}, (5, 3), "number"),
    "SmoothL1Loss": Sizes({}, (5, 3), "number"), "HuberLoss": Sizes({}, (5, 3), "number"),
    "BCEWithLogitsLoss": Sizes({}, (5, 4), "share"), "CrossEntropyLoss": Sizes({}, (6, 4), "class"),
    "NLLLoss": Sizes({}, (6, 4), "class"), "BCELoss": Sizes({}, (5, 4), "share", "share"),
    "KLDivLoss": Sizes({}, (5, 4), "share"),
    **dict.fromkeys(("SoftMarginLoss", "HingeEmbeddingLoss"), Sizes({}, (5, 3), "sign")),
    "MultiMarginLoss": Sizes({}, (6, 4), "class"), "MultiLabelSoftMarginLoss": Sizes({}, (5, 4), "share"),
    "PoissonNLLLoss": Sizes({}, (5, 3), "share", "share"),
}  # fmt: skip
"""Of the classes whose arguments are exercised."""

VALUES: dict[str, Sequence[Any]] = {
    "lr": (0.1, 0.03), "momentum": (0.9, 0.5), "dampening": (0.5, 0.2), "weight_decay": (0.1, 0.02),
    "nesterov": (True,),
    "maximize": (True,), "betas": ((0.8, 0.95), (0.5, 0.7)), "eps": (1e-3, 0.1), "amsgrad": (True,),
    "alpha": (0.9, 0.5),
    "centered": (True,), "lr_decay": (0.1, 0.3), "initial_accumulator_value": (0.1, 0.5), "rho": (0.8, 0.5),
    "bias": (False,), "stride": (2, (2, 1)), "padding": (1, (0, 1)), "dilation": (2, (1, 2)), "groups": (2, 4),
    "padding_mode": ("reflect", "circular", "replicate"), "ceil_mode": (True,), "count_include_pad": (False,),
    "divisor_override": (3, 1), "reduction": ("sum", "none"), "ignore_index": (1, -1), "label_smoothing": (0.1, 0.3),
    "negative_slope": (0.2, 0.5), "approximate": ("tanh",), "beta": (2.0, 0.5), "threshold": (1.0, 0.5),
    "delta": (0.5, 2.0), "lambd": (0.2, 0.8), "margin": (0.5, 2.0), "log_input": (False,), "num_parameters": (3,),
    "output_padding": (1,), "k": (2.0, 0.5),
    "elementwise_affine": (False,), "affine": (False,), "full": (True,), "log_target": (True,),
    "start_dim": (2, 0), "end_dim": (2, 1), "dim": (0, 1), "min_val": (-2.0, -0.5), "max_val": (2.0, 0.5),
    "weight": ({"array": [0.5, 2.0, 1.0, 1.5]}, {"array": [1.0, 0.25, 3.0, 1.0]}),
    "pos_weight": ({"array": [0.5, 2.0, 1.0, 1.5]}, {"array": [1.0, 0.25, 3.0, 1.0]}),
}  # fmt: skip
"""Values besides the default, by an argument's name."""
VALUES_OF: dict[tuple[str, str], Sequence[Any] | None] = {
    # of the running statistics, which are not compared
    ("BatchNorm1d", "momentum"): None, ("BatchNorm2d", "momentum"): None,
    ("ELU", "alpha"): (2.0, 0.5), ("CELU", "alpha"): (2.0, 0.5), ("MaxPool2d", "stride"): (1, (3, 2)),
    ("AvgPool2d", "stride"): (1, (3, 2)), ("MaxPool1d", "stride"): (1, 3), ("AvgPool1d", "stride"): (1, 3),
    ("InstanceNorm1d", "affine"): (True,), ("InstanceNorm2d", "affine"): (True,), ("MultiMarginLoss", "p"): (2,),
    ("InstanceNorm1d", "momentum"): None, ("InstanceNorm2d", "momentum"): None,
    ("Conv2d", "groups"): (2, 4),
}  # fmt: skip
NOT_OWED = {"reduction": "none", "padding": "same"}
"""Values that a class need not take: it is said where it does not, and fails nothing."""
HOW = {
    "rng", "device", "dtype", "foreach", "fused", "capturable", "differentiable", "decoupled_weight_decay", "inplace",
    "size_average", "reduce", "init", "return_indices", "track_running_stats", "min_value", "max_value",
}  # fmt: skip
"""Arguments of torch that say how to compute, or what besides, and not what."""


def exercised(
    torch_class: Any, accepted: Iterable[str], fixed: Mapping[str, Any], allowed: Callable[[Options], bool]
) -> tuple[list[Options], list[str]]:
    """Rows of arguments, and the names of those for which no value is known.

    Args:
        torch_class: torch's class of the same name.
        accepted: the arguments of the submission's constructor.
        fixed: the sizes that every row has, and defaults that are not torch's.
        allowed: whether torch takes a row.
    """
    theirs = inspect.signature(torch_class).parameters
    kind = torch_class.__name__
    needed = {n for n in fixed if theirs[n].default is inspect.Parameter.empty}
    names = [n for n in accepted if n in theirs and n not in needed and n not in HOW and n != "params"]
    names = [
        n for n in names if theirs[n].kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    ]
    known = {n: VALUES_OF.get((kind, n), VALUES.get(n)) for n in names}
    unknown = [n for n, values in known.items() if values is None]
    choices = {n: [fixed.get(n, theirs[n].default), *values] for n, values in known.items() if values}
    return covering(choices, lambda row: allowed({**fixed, **row})), unknown


def covering(choices: Mapping[str, Sequence[Any]], allowed: Callable[[Options], bool]) -> list[Options]:
    """Rows that hold every allowed value, and every allowed pair of values, of two arguments; the first has all
    defaults."""
    first = {n: values[0] for n, values in choices.items()}
    rows = [first] if allowed(first) else []
    places = [(n, i) for n, values in choices.items() for i in range(len(values))]
    open_ = [(a, b) for a, b in combinations(places, 2) if a[0] != b[0]] or [(place, place) for place in places]
    open_ = [(a, b) for a, b in open_ if a[1] or b[1]]
    while open_:
        (n, i), (m, j) = open_.pop(0)
        row = first | {n: choices[n][i], m: choices[m][j]}
        if not allowed(row):
            row = _made_allowed(row, {n, m}, choices, allowed)
            if row is None:
                continue
        row = _with_most(row, {n, m}, choices, open_, allowed)
        rows.append(row)
        at = _places(row, choices)
        open_ = [pair for pair in open_ if not _holds(pair, at)]
    return rows


def _with_most(
    row: Options,
    kept: set[str],
    choices: Mapping[str, Sequence[Any]],
    open_: Sequence[Pair],
    allowed: Callable[[Options], bool],
) -> Options:
    """The row with every other argument at the allowed value that holds the most of the open pairs."""
    for name in (n for n in choices if n not in kept):
        at = _places(row, choices)

        def held(value: int, name: str = name, at: Mapping[str, int] = at) -> int:
            return sum(_holds(pair, {**at, name: value}) for pair in open_)

        most_first = sorted(range(len(choices[name])), key=held, reverse=True)
        others = (row | {name: choices[name][value]} for value in most_first)
        row = next((other for other in others if allowed(other)), row)
    return row


def _places(row: Options, choices: Mapping[str, Sequence[Any]]) -> dict[str, int]:
    return {name: choices[name].index(value) for name, value in row.items()}


def _made_allowed(
    row: Options, kept: set[str], choices: Mapping[str, Sequence[Any]], allowed: Callable[[Options], bool]
) -> Options | None:
    """The row with one other argument changed so that torch takes it, as nesterov needs a momentum; None if there is
    none."""
    others = ({n: v} for n, values in choices.items() if n not in kept for v in values)
    return next((row | other for other in others if allowed(row | other)), None)


def _holds(pair: Pair, at: Mapping[str, int]) -> bool:
    return all(at.get(n) == i for n, i in pair)
