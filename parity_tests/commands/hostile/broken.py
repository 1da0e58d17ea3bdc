"""What is drawn: odd names and numbers, damage to bytes, changes of nested values."""

import copy
from typing import Any

from hypothesis import strategies as st


class Refused(Exception):
    """The input was refused as it should be."""


names = st.text(max_size=6) | st.sampled_from(
    ["<script>", "\x1b[2J", "\u202eabc", "\u05d0\u05d1", "a\nb", "'", "nan", "1e999"]
)
large = st.sampled_from([64, 10**3, 10**5, 2**31, 2**63, 10**20, 10**400])
numbers = st.one_of(st.integers(-3, 12), large, st.floats(), st.booleans(), st.none())
values = st.recursive(
    numbers | names, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=3), max_leaves=6
)
words = st.sampled_from([
    "Linear", "ReLU", "Conv2d", "MaxPool2d", "AvgPool2d", "Flatten", "Dropout", "Softmax", "Network", "Layer", "SGD",
    "Adam",
    "MSELoss", "CrossEntropyLoss", "in_features", "out_features", "kernel_size", "padding", "classes", "lr", "p",
    "digits",
    "sine", "rng", "weight",
])  # fmt: skip
spots, ways = st.integers(0, 10**6), st.sampled_from(["put", "drop", "twice", "name"])
mutations = st.just([]) | st.lists(st.tuples(spots, ways, values | words), max_size=4)
harms = st.sampled_from(["flip", "insert", "delete", "cut", "number", "copy"])
cuts = st.tuples(harms, st.floats(0, 1, exclude_max=True), st.integers(0, 255), st.sampled_from([1, 2, 4, 8, 30]))
damages = st.just([]) | st.lists(cuts, max_size=5)


def damaged(content: bytes, damage: list[tuple[str, float, int, int]]) -> bytes:
    """The content with bits flipped, bytes put in, taken out or repeated, the rest cut off, or a number made very
    large."""
    changed = bytearray(content)
    for what, place, byte, size in damage:
        at = int(place * len(changed))
        if what == "flip" and changed:
            changed[at] ^= 1 << byte % 8
        elif what == "insert":
            changed[at:at] = bytes([byte]) * size
        elif what == "delete":
            del changed[at : at + size]
        elif what == "cut":
            del changed[at:]
        elif what == "number":
            changed[at : at + size] = (b"\xff" * (size - 1) + bytes([byte]))[: len(changed) - at]
        else:
            changed[at:at] = changed[at : at + 8 * size]
    return bytes(changed)


def mutated(value: Any, changes: list[tuple[int, str, Any]]) -> Any:
    """A nested value in which things are replaced, taken out, put in twice or renamed."""
    value = copy.deepcopy(value)
    for where, what, new in changes:
        places = [*_places(value)]
        if not places:
            continue
        holder, key = places[where % len(places)]
        if what == "put":
            holder[key] = new
        elif what == "drop":
            del holder[key]
        elif isinstance(holder, list):
            holder.insert(key, copy.deepcopy(holder[key]))
        else:
            holder[str(new)] = holder.pop(key) if what == "name" else holder[key]
    return value


def _places(value: Any) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in [*items]:
        yield value, key
        yield from _places(inner)
