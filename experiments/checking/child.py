"""The process that runs a submission: `python -m experiments.checking.child FILE`.

It answers requests on its standard input and output, which the submission does not see. Whatever the submission raises is an
answer too. It loads torch only where a request needs it, so that it starts in a third of a second.
"""

import inspect
import os
import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from experiments.checking import submission
from experiments.checking.exact import any_numbers, hint
from experiments.checking.submission import Arrays, Fields, Unclear, Wrong
from experiments.checking.wire import Fault, receive, send
from manual import Layer, Linear, Undecided

GIB = 4
"""What a submission may ask for, where the system can limit it (Linux)."""
LARGEST = 64 << 20
"""Bytes of one array that it may return: no gradient of the examples comes near."""


class Server:
    """The pieces of one file, and what was noticed of their conduct."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pieces: dict[str, Any] = {}
        self.kept: list[Any] = []
        self.conduct: list[tuple[str, str]] = []
        self.imports_torch = self.torch_is_ours = False

    def answer(self, request: Fields, given: Arrays) -> tuple[Fields, dict[str, Any]]:
        """The header and the arrays that answer a request.

        Raises:
            Fault: there is no such request.
        """
        self.conduct = []
        try:
            asked = getattr(self, request.pop("op"))
            inspect.signature(asked).bind(given, **request)
        except (AttributeError, KeyError, TypeError) as error:
            raise Fault(f"request: {error}") from None
        try:
            header, arrays = asked(given, **request)
            arrays = {name: plain(value) for name, value in arrays.items()}
        except Unclear as error:
            header, arrays = {"unclear": str(error)}, {}
        except BaseException as error:
            header, arrays = {"error": self.told(error)}, {}
        self.imports_torch |= "torch" in sys.modules and not self.torch_is_ours
        return {**header, "conduct": [*dict.fromkeys(self.conduct)], "imports_torch": self.imports_torch}, arrays

    def offers(self, _: Arrays) -> tuple[Fields, Arrays]:
        """Run the file."""
        self.pieces = {piece.name: piece for piece in submission.load(self.path)}
        return {"pieces": [piece.about() for piece in self.pieces.values()]}, {}

    def forward(self, given: Arrays, piece: str, options: Fields) -> tuple[Fields, dict[str, Any]]:
        """One forward pass; `backward` refers to it by its number."""
        kept: list[Any] = []

        def once(given: Arrays) -> dict[str, Any]:
            y, cache = self.pieces[piece].forward(given, options)
            kept.append(cache)
            return {"y": y}

        y = self.watched("forward", once, given)
        self.kept.append(kept[0])
        return {"pass": len(self.kept) - 1}, y

    def backward(self, given: Arrays, piece: str, number: int) -> tuple[Fields, dict[str, Any]]:
        """The backward of a forward pass."""
        back, kept = self.pieces[piece].backward, self.kept[number]
        return {}, self.watched("backward", lambda given: back(kept, given.get("delta")), given)

    def gradient(self, given: Arrays, piece: str, number: int) -> tuple[Fields, dict[str, Any]]:
        """The same by `gradient`, which computes the parameters' half alone."""
        return {}, self.pieces[piece].gradient(self.kept[number], given["delta"])

    def network(self, given: Arrays, piece: str) -> tuple[Fields, dict[str, Any]]:
        """The gradient of a whole network."""
        return {}, self.watched("backward", lambda given: self.pieces[piece].backward(given, None), given)

    def step(self, given: Arrays, piece: str, options: Fields) -> tuple[Fields, dict[str, Any]]:
        """One step of an optimizer on a linear layer; arrays are named "p:weight", "g:weight", "s:weight:exp_avg"."""
        shell, state = Linear(1, 1, rng=np.random.default_rng(0)), {}
        for name, a in _named("s", given).items():
            parameter, key = name.split(":")
            state.setdefault(parameter, {})[key] = a
        layer: Layer = shell.like(**_named("p", given))
        gradient = shell.like(**_named("g", given))
        state = self.pieces[piece].step(layer, gradient, state, options)
        if any(not np.array_equal(g, given[f"g:{name}"]) for name, g in gradient.params.items()):
            self.conduct.append(("step", "changes the gradient, which is its caller's"))
        kept = {f"s:{name}:{key}": value for name, values in state.items() for key, value in values.items()}
        return {}, {**{f"p:{name}": p for name, p in layer.params.items()}, **kept}

    def steps(self, given: Arrays, piece: str, options: Fields, count: int) -> tuple[Fields, dict[str, Any]]:
        """The parameters after each of the first steps, "p0:weight", …, given "p:weight" and the gradients "g0:weight", …"""
        layer: Layer = Linear(1, 1, rng=np.random.default_rng(0)).like(**_named("p", given))
        step, found = self.pieces[piece].steps(options), {}
        for k in range(count):
            step(layer, layer.like(**_named(f"g{k}", given)))
            found |= {f"p{k}:{name}": p.copy() for name, p in layer.params.items()}
        return {}, found

    def cases(self, _: Arrays, piece: str) -> tuple[Fields, Arrays]:
        """How many cases the truth can be taken of."""
        self.kept = [*self.pieces[piece].cases(np.random.default_rng(0))]
        return {"cases": len(self.kept)}, {}

    def against_truth(self, given: Arrays, piece: str, number: int) -> tuple[Fields, dict[str, Any]]:
        """Of one case: the submission's derivatives, "ours:…", and from arrays that are not contiguous, "strided:…", the true
        ones, "true:…", what is allowed, "allowed:…", and what they were computed from.
        """
        case = self.kept[number] if number >= 0 else self.pieces[piece].case(given)
        ours = self.watched("backward", case.gradient, case.arrays)
        strided = case.gradient({name: np.asarray(a, order="F") for name, a in case.arrays.items()})
        self.imports_torch |= "torch" in sys.modules and not self.torch_is_ours
        self.torch_is_ours = True
        from torch_ref.bounds import Bounded
        from torch_ref.slopes import slopes
        from torch_ref.truth import Dual

        floats = {name: a for name, a in case.arrays.items() if a.dtype.kind == "f"}
        fixed = {name: a for name, a in case.arrays.items() if name not in floats}
        if not floats:
            raise Unclear("examples(rng) yields no array of floats, to differentiate by")
        try:
            with any_numbers(self.pieces[piece].module):
                truth = slopes(lambda **numbers: case.function(**fixed, **numbers), floats)
        except Undecided as error:
            raise Unclear(str(error)) from None
        except Exception as error:
            why = f"{self.told(error)}{hint(error, Dual, Bounded)}"
            raise Unclear(f"the forward does not run on exact numbers: {why}") from None
        return {}, {
            **case.about,
            **{f"ours:{name}": value for name, value in ours.items()},
            **{f"strided:{name}": value for name, value in strided.items()},
            **{f"true:d{name}": slope.value for name, slope in truth.items()},
            **{f"allowed:d{name}": slope.allowed for name, slope in truth.items()},
        }

    def observe(self, _: Arrays, piece: str, device: str) -> tuple[Fields, dict[str, Any]]:
        """What check_backward.py looks at: of a torch.autograd.Function and its reference."""
        from torch_ref.check_backward import observe
        from torch_ref.devices import prepare
        from torch_ref.twin import to_torch

        self.torch_is_ours = True
        if device == "cuda":
            prepare(device)
        own = self.pieces[piece]
        inputs = [to_torch(a, device) for a in own.inputs(np.random.default_rng(0))]
        found = [*observe(own.function.apply, own.reference, inputs)]
        arrays = {f"{i}:{key}": value for i, o in enumerate(found) for key, value in o.arrays.items()}
        return {"observed": [[o.place, o.quantity, _line(o.trouble)] for o in found]}, arrays

    def watched(self, method: str, function: Callable[[Arrays], dict[str, Any]], given: Arrays) -> dict[str, Any]:
        """Call the submission twice, on copies, and note what it does to them, and whether the second result is the first."""
        results = []
        for _ in range(2):
            copies = {name: a.copy(order="K") for name, a in given.items()}
            results.append({name: plain(value) for name, value in function(dict(copies)).items()})
            for name, a in copies.items():
                if a.shape != given[name].shape or not np.array_equal(a, given[name], equal_nan=True):
                    self.conduct.append((method, f"changes {name}, which is its caller's"))
        first, again = results
        if any(not np.array_equal(a, again.get(name, np.nan), equal_nan=True) for name, a in first.items()):
            self.conduct.append((method, "gives another result when it is called again"))
        return first

    def told(self, error: BaseException) -> str:
        """What an exception says, in one line, and in which line of the file it arose."""
        return _line(self._told(error))

    def _told(self, error: BaseException) -> str:
        if isinstance(error, SystemExit):
            return f"called sys.exit({error.code!r})"
        if isinstance(error, MemoryError):
            return f"asked for more than {GIB} GiB of memory"
        if isinstance(error, Wrong):
            return str(error)
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if Path(f.filename) == self.path]
        line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
        message = error.msg if isinstance(error, SyntaxError) else str(error)
        where = f" in line {line}" if line else ""
        return f"{type(error).__name__}{where}{f': {message}' if message else ''}"


def plain(value: Any) -> Any:
    """An array of numbers.

    Raises:
        Wrong: it is something else.
    """
    try:
        array = np.asarray(value)
    except ValueError:  # a ragged list
        array = np.empty((), dtype=object)
    if array.dtype.kind not in "fiub":
        got = f"{array.dtype} numbers" if array.dtype.kind == "c" else type(value).__name__
        raise Wrong(f"expected an array of numbers, got {got}")
    if array.nbytes > LARGEST:
        raise Wrong(f"expected an array of at most {LARGEST >> 20} MiB, got one of shape {array.shape}")
    return array


def _named(kind: str, given: Arrays) -> Arrays:
    """The arrays that are named "kind:…"."""
    return {name.removeprefix(f"{kind}:"): a.copy() for name, a in given.items() if name.startswith(f"{kind}:")}


def _line(text: str) -> str:
    """A text in one line of characters that can be printed, and not too long for a table."""
    text = "".join(c if c.isprintable() else "�" for c in " ".join(text.split()))
    return text if len(text) <= 200 else f"{text[:199]}…"


def main() -> None:
    """Answer until the other side is gone."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    with suppress(ImportError):  # not on Windows
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (GIB << 30, GIB << 30))
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    server = Server(Path(sys.argv[1]))
    with suppress(EOFError):
        while True:
            try:
                answer = server.answer(*receive(requests))
            except Fault as fault:
                answer = {"fault": str(fault)}, {}
            send(answers, *answer)


if __name__ == "__main__":
    main()
