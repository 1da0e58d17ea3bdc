"""A trained network in one file, model.safetensors, that NumPy and torch read, and that cannot run code.

It holds the parameters and the state under torch's names, and as metadata, each in JSON:

    network    the layers, as in a config
    dtype      of the parameters and of the input
    input      the shape of one example
    classes    what the outputs stand for, in order; null where they are no classes
    scale      mean and std of each channel: pictures are standardised by them; null where the input is taken as it is

    safetensors.torch.load_file(path)    what `torch_ref.twin(network).load_state_dict` takes
    safetensors.numpy.load_file(path)    what `network.like` takes
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file
from safetensors.numpy import save as to_bytes

from experiments.command import nearest_file, replacing
from experiments.data.scale import Scale
from experiments.training.build import Spec, build_network
from manual import InputError, Network
from manual.checks import finite
from manual.number_types import Array

KEYS = ("network", "dtype", "input", "classes", "scale")


class Model(NamedTuple):
    """A trained network, and what is needed to use it."""

    network: Network
    layers: list[Spec]
    dtype: str
    input: tuple[int, ...]
    classes: list[str] | None
    scale: Scale | None


def save(path: Path, model: Model) -> None:
    """Write a model so that there is always a whole file: the old one until the new one takes its place."""
    arrays = model.network.params | model.network.state
    contiguous = {name: np.array(array, order="C") for name, array in arrays.items()}  # safetensors writes memory as it lies
    described = model.layers, model.dtype, model.input, model.classes, model.scale and model.scale._asdict()
    content = to_bytes(contiguous, {key: json.dumps(value) for key, value in zip(KEYS, described, strict=True)})
    with replacing(path) as file:
        file.write(content)


def load(path: Path) -> Model:
    """What `save` wrote.

    Raises:
        InputError: there is no such file; it is broken, truncated, of another kind, or does not fit together.
    """
    if not path.is_file():
        raise InputError(f"there is no model {path}{nearest_file(path)}")
    try:
        with safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
        arrays = load_file(path)
    except SafetensorError as error:
        raise InputError(f"{path} is not a model, or is broken or truncated ({error})") from error
    if missing := [key for key in KEYS if key not in metadata]:
        raise InputError(f"{path} is not a model of this project: its metadata lack {', '.join(missing)}")
    try:
        return _model(arrays, *(json.loads(metadata[key]) for key in KEYS))
    except (AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError) as error:  # InputError among them
        raise InputError(f"{path} does not fit together: {error}") from error


def _model(
    arrays: dict[str, Array], layers: list[Spec], dtype: str, shape: list[int], classes: list[str] | None,
    scale: dict[str, list[float]] | None,
) -> Model:
    """The model of what a file says, held against itself by one example."""
    network = build_network(layers, 0, None, dtype)
    own = network.params | network.state
    if {name: (a.dtype, a.shape) for name, a in arrays.items()} != {name: (a.dtype, a.shape) for name, a in own.items()}:
        raise InputError("its arrays are not those of its network")
    for name, array in arrays.items():
        finite(name, array)
    network = network.like(**arrays)
    prediction, _ = network.evaluated().forward(np.zeros((1, *shape), dtype))
    if classes is not None and prediction.shape != (1, len(classes)):
        raise InputError(f"{len(classes)} classes, and outputs of shape {prediction.shape}")
    standard = Scale(**scale) if scale else None
    if standard:
        for name, numbers in standard._asdict().items():
            finite(name, np.array(numbers))
        if not len(standard.mean) == len(standard.std) == shape[0] or min(standard.std) <= 0:
            raise InputError(f"its scale is {scale}, and its input of shape {shape}")
    return Model(network, layers, dtype, tuple(shape), classes, standard)
