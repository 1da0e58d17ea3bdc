"""Messages between the grader and the process that runs a student's file: dataclasses, as JSON and plain arrays.

That process is not trusted: nothing is unpickled or unpacked, what arrives is no larger than what was read, and it is
held against the annotations of the class that was expected. A message holds other dataclasses, lists, dicts by words,
arrays of numbers and plain values; a field of type Any holds what JSON has.

As bytes it is the length of the JSON, the JSON, and the numbers of every array, one after another.
"""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import is_dataclass
from functools import cache
from types import UnionType
from typing import IO, Any, TypeVar, get_args, get_origin, get_type_hints

import numpy as np

from experiments.grade.errors import Fault, Garbled
from manual.numbers.number_types import Array

LARGEST, LARGEST_JSON = 256 << 20, 4 << 20
"""Bytes of a message, and of the JSON in it, which takes many times as much in memory."""
LONGEST = 10_000
"""Characters of a text in it."""
PLAIN = (str, int, float, bool)
M = TypeVar("M")
_types_of = cache(get_type_hints)


def send(stream: IO[bytes], message: Any) -> None:
    """Write one message.

    Raises:
        Fault: it is none that its class allows.
    """
    write(stream, encode(message))


def write(stream: IO[bytes], content: bytes) -> None:
    """Write an encoded message, after its length."""
    stream.write(len(content).to_bytes(8, "big") + content)
    stream.flush()


def receive(stream: IO[bytes], *expected: type[M]) -> M:
    """Read one message, of one of these classes.

    Raises:
        EOFError: the other side is gone.
        Garbled: something else than messages was written there.
        Fault: it is a message that was not expected.
    """
    size = stream.read(8)
    length = int.from_bytes(size, "big")
    if length > LARGEST:
        raise Garbled("not a message")
    content = stream.read(length)
    if len(size) < 8 or len(content) < length:
        raise EOFError("the other side is gone")
    return decode(content, *expected)


def encode(message: Any) -> bytes:
    """A message as bytes.

    Raises:
        Fault: a value is not of the type that its class says.
    """
    arrays: list[Array] = []
    values = _to_json(type(message), message, arrays)
    arrays = [a if a.flags.f_contiguous else np.ascontiguousarray(a) for a in arrays]
    header = json.dumps([type(message).__name__, values, [_kind(a) for a in arrays]]).encode()
    return b"".join([len(header).to_bytes(4, "big"), header, *(a.tobytes("A") for a in arrays)])


def decode(content: bytes, *expected: type[M]) -> M:
    """The message of these bytes, of one of these classes.

    Raises:
        Garbled: they are no message.
        Fault: it is none of these, or a value is not of the type that its class says.
    """
    size = int.from_bytes(content[:4], "big")
    try:
        if size > LARGEST_JSON:
            raise ValueError
        name, values, kinds = json.loads(content[4 : 4 + size])
        arrays = [*_arrays(kinds, memoryview(content)[4 + size :])]
    except (KeyError, TypeError, ValueError, RecursionError):
        raise Garbled("not a message") from None
    for kind in expected:
        if kind.__name__ == name:
            return _from_json(kind, values, arrays)
    raise Fault(f"expected {' or '.join(kind.__name__ for kind in expected)}, got {name!r:.80}")


def _kind(a: Array) -> list[Any]:
    """Dtype, shape and order: what makes an array of its bytes."""
    return [a.dtype.str, [*a.shape], "C" if a.flags.c_contiguous else "F"]


def _arrays(kinds: Any, content: memoryview) -> Iterator[Array]:
    """The arrays of these kinds, which take all of the bytes.

    Raises:
        TypeError, ValueError: these are no kinds of arrays, or the bytes are not theirs.
    """
    for dtype, shape, order in kinds:
        if not re.fullmatch("[<>|][fiub][0-9]{1,2}", dtype) or any(type(n) is not int or n < 0 for n in shape):
            raise ValueError
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if size > len(content):
            raise ValueError
        yield np.frombuffer(content[:size], dtype).copy().reshape(shape, order=order)
        content = content[size:]
    if content:
        raise ValueError


def _to_json(kind: Any, value: Any, arrays: list[Array]) -> Any:
    """The value as JSON has it. Its arrays are appended, and stand there by their places."""
    origin, of = get_origin(kind) or kind, get_args(kind)
    if origin is UnionType:
        return None if value is None else _to_json(of[0], value, arrays)
    if kind is Any:
        return _plain(value)
    _must(isinstance(value, float | int if origin is float else origin), kind, value)
    if is_dataclass(origin):
        return {n: _to_json(t, getattr(value, n), arrays) for n, t in _types_of(kind).items()}
    if origin is dict:
        _must(all(isinstance(key, str) for key in value), kind, value)
        return {key: _to_json(of[1], item, arrays) for key, item in value.items()}
    if origin is list:
        return [_to_json(of[0], item, arrays) for item in value]
    if origin is np.ndarray:
        _must(value.dtype.kind in "fiub", "an array of numbers", value)
        arrays.append(value)
        return len(arrays) - 1
    return origin(value)


def _from_json(kind: Any, value: Any, arrays: list[Array]) -> Any:
    """What `_to_json` was given."""
    origin, of = get_origin(kind) or kind, get_args(kind)
    if origin is UnionType:
        return None if value is None else _from_json(of[0], value, arrays)
    if kind is Any:
        return value
    if is_dataclass(origin):
        types = _types_of(kind)
        _must(isinstance(value, dict) and value.keys() == types.keys(), kind, value)
        return origin(**{n: _from_json(t, value[n], arrays) for n, t in types.items()})  # pyright: ignore[reportCallIssue]
    if origin is np.ndarray:
        _must(type(value) is int and 0 <= value < len(arrays), "the place of an array", value)
        return arrays[value]
    _must(type(value) in ((float, int) if origin is float else (origin,)), kind, value)
    _must(origin is not str or len(value) <= LONGEST, f"at most {LONGEST} characters", value)
    if origin is dict:
        return {key: _from_json(of[1], item, arrays) for key, item in value.items()}
    if origin is list:
        return [_from_json(of[0], item, arrays) for item in value]
    return origin(value)


def _plain(value: Any) -> Any:
    """A value that JSON has, which is any for a field of type Any."""
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    _must(value is None or isinstance(value, PLAIN), "a plain value", value)
    return value


def _must(fits: bool, kind: Any, value: Any) -> None:
    if not fits:
        raise Fault(f"expected {getattr(kind, '__name__', kind)}, got {value!r:.80}")
