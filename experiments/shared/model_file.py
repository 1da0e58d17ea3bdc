"""A trained network in one file, model.safetensors, that NumPy and torch read, and that cannot run code.

It holds the parameters and the state under torch's names, and as metadata, each in JSON:

    network    the layers, as in a config
    dtype      of the parameters and of the input
    input      the shape of one example; of words, whose numbers a network with an Embedding takes, how many
    classes    what the outputs stand for, in order; of words the vocabulary; null where they are no classes
    scale      mean and std of each channel: pictures are standardised by them; null where the input is taken as it is

and, plain, the sha256 of all that: a flipped bit is an error, not another network.

    safetensors.torch.load_file(path)    what `torch_ref.twin(network).load_state_dict` takes
    safetensors.numpy.load_file(path)    what `network.like` takes
"""

import hashlib
import json
import reprlib
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file
from safetensors.numpy import save as to_bytes

from experiments.shared.command import replacing
from experiments.shared.scale import Scale
from experiments.shared.spec import Spec, outline
from experiments.shared.untrusted_files import plain_file
from manual import AvgPool2d, Block, Conv2d, Embedding, InputError, Layer, MaxPool2d, Network
from manual.numbers.checks import finite, pair, whole
from manual.numbers.number_types import Array
from manual.numbers.windows import window_count

KEYS = ("network", "dtype", "input", "classes", "scale")
CODES = {"float32": "F32", "float64": "F64", "int64": "I64"}
"""The dtypes of parameters and state, and what safetensors calls them."""
MOST = 10**8
"""Numbers that one example may become on its way through a network: about a gigabyte."""
WORDS = 1024
"""Words at most that a network looks at together: attention takes the square of it."""
VIEW = 64
"""A pixel of a window is a view of the picture, which takes as much memory as so many numbers."""


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
    contiguous = {
        name: np.array(array, order="C") for name, array in arrays.items()
    }  # safetensors writes memory as it lies
    values = model.layers, model.dtype, model.input, model.classes, model.scale and model.scale._asdict()
    described = {key: json.dumps(value) for key, value in zip(KEYS, values, strict=True)}
    content = to_bytes(contiguous, described | {"sha256": digest(contiguous, described)})
    with replacing(path) as file:
        file.write(_in_order(content))


def _in_order(content: bytes) -> bytes:
    """The same file with its header in order: the library writes the metadata in another order each time."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8:end]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + content[end:]


def digest(arrays: dict[str, Array], described: dict[str, str]) -> str:
    """What tells a file from one that differs in any bit that counts."""
    shapes = {name: (array.dtype.name, array.shape) for name, array in sorted(arrays.items())}
    content = hashlib.sha256(json.dumps([[described[key] for key in KEYS], shapes]).encode())
    for name in shapes:
        content.update(arrays[name].tobytes())
    return content.hexdigest()


def load(path: Path) -> Model:
    """What `save` wrote.

    No memory is taken beyond the size of the file until the file is known to be whole, and no more than `MOST`
    numbers to see whether network and input fit each other.

    Raises:
        InputError: there is no such file; it is broken, truncated, of another kind, or does not fit together.
    """
    plain_file(path, "model")
    try:
        with (
            safe_open(path, "numpy"),
            path.open("rb") as file,
        ):  # safe_open: the header is whole, and says where the data lie
            header = _json(file.read(int.from_bytes(file.read(8), "little")))
    except (SafetensorError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is not a model, or is broken or truncated ({error})") from error
    described = header.pop("__metadata__", {})
    if missing := [key for key in (*KEYS, "sha256") if key not in described]:
        raise InputError(f"{path} is not a model of this project: its metadata lack {', '.join(missing)}")
    try:
        layers, dtype, shape, classes, scale = (_json(described[key]) for key in KEYS)
        if dtype not in ("float32", "float64"):
            raise InputError(f"expected float32 or float64, got {reprlib.repr(dtype)}")
        network = outline(layers)
        own = {name: [CODES[dtype], [*p.shape]] for name, p in network.params.items()}
        own |= {
            name: [CODES[dtype if s.dtype.kind == "f" else s.dtype.name], [*s.shape]]
            for name, s in network.state.items()
        }
        if own != {name: [array["dtype"], array["shape"]] for name, array in header.items()}:
            raise InputError("its arrays are not those of its network")
        arrays = load_file(path)
        if digest(arrays, described) != described["sha256"]:
            raise InputError("its sha256 is another: a number or a word in it was changed")
        for name, array in arrays.items():
            finite(name, array)
        return _checked(Model(network.like(**arrays), layers, dtype, tuple(shape), classes, scale and Scale(**scale)))
    except (AttributeError, LookupError, MemoryError, OverflowError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"{path} does not fit together: {error}") from error  # an InputError, too


def _json(text: str | bytes) -> Any:
    """What JSON says, if it says nothing twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(found := dict(pairs)) < len(pairs):
            raise InputError("a name in it stands twice")
        return found

    return json.loads(text, object_pairs_hook=once)


def _checked(model: Model) -> Model:
    """The model, held against itself by one example."""
    _, _, dtype, shape, classes, scale = model
    for size in shape:
        whole("input", "a size", size, 1)
    output = _output(model.network.evaluated(), shape, dtype)
    if classes is not None:
        if not all(isinstance(name, str) for name in classes) or len(set(classes)) < len(classes):
            raise InputError(f"expected classes of different names, got {reprlib.repr(classes)}")
        if output != (1, len(classes), *(shape if takes_words(model.network) else ())):
            raise InputError(f"{len(classes)} classes, and outputs of shape {output}")
    if scale:
        for name, numbers in scale._asdict().items():
            if not all(type(number) in (int, float) and abs(number) < np.inf for number in numbers):
                raise InputError(f"{name}: expected finite values, got {reprlib.repr(numbers)}")
        if not len(scale.mean) == len(scale.std) == shape[0] or min(scale.std) <= 0:
            raise InputError(f"its scale is {reprlib.repr(scale)}, and its input of shape {shape}")
        with np.errstate(over="ignore"):
            finite("black and white by its scale", scale(np.tile(np.array([0, 255]), (1, shape[0], 1, 1)), dtype))
    return model


def takes_words(layer: Layer) -> bool:
    """Whether its input is numbers of words: what comes first in it is an Embedding."""
    while isinstance(layer, Block):
        layer = layer.layers[0]
    return isinstance(layer, Embedding)


def _output(network: Network, shape: tuple[int, ...], dtype: str) -> tuple[int, ...]:
    """The shape of what it makes of one example."""
    numbers, words = prod(shape), takes_words(network)
    if words and numbers > WORDS:
        raise InputError(f"expected at most {WORDS:,} words, got an input of shape {shape}")
    x = np.zeros((1, *shape) if numbers <= MOST else 0, int if words else dtype)
    for place, layer in enumerate(network.layers):
        try:
            numbers += _under_windows(layer, x.shape)
            if numbers > MOST:
                raise InputError(f"{layer!r}: an example of shape {shape} becomes more than {MOST:,} numbers")
            with np.errstate(all="ignore"):
                x, _ = layer.forward(x)
        except InputError as error:
            raise InputError(f"layer {place} of {len(network.layers)}, {error}") from None
    return x.shape


def _under_windows(layer: Layer, shape: tuple[int, ...]) -> int:
    """As how many numbers an input lies under a layer's windows: only there it can grow without parameters to grow
    by."""
    if not isinstance(layer, Conv2d | MaxPool2d | AvgPool2d) or len(shape) != 4:
        return 0
    kernel = pair(layer, "kernel_size", layer.kernel_size, 1)
    stride, padding = pair(layer, "stride", layer.stride or kernel, 1), pair(layer, "padding", layer.padding, 0)
    windows = prod(window_count(layer, shape[2:], kernel, stride, padding))
    field = prod(n + 2 * p for n, p in zip(shape[2:], padding, strict=True))
    return shape[1] * (field + windows * prod(kernel)) + VIEW * prod(kernel)
