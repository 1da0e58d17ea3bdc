"""The process that runs a submission: `python -m experiments.grade.process.child FILE`.

It answers requests on its standard input and output, which the submission does not see. Whatever the submission
raises is an answer too. It loads torch only where a request needs it, so that it starts in a third of a second.
"""

import inspect
import os
import sys
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from experiments.grade.forms import submission
from experiments.grade.forms.piece import Arrays, Case, Fields, Ran, Unclear
from experiments.grade.process.conduct import GIB, Pass, Watched, one_line, plain, seeded
from experiments.grade.process.number_types import any_numbers, hint
from experiments.grade.process.protocol import Fault, receive, send
from manual import Layer, Linear, Undecided
from manual.number_types import Array


class Server(Watched):
    """The pieces of one file, which answer requests."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.pieces: dict[str, Any] = {}
        self.passes: list[Pass] = []
        self.of_truth: list[Case] = []
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
            header, arrays = {"unclear": one_line(str(error))}, {}
        except BaseException as error:
            header, arrays = {"error" if self.is_its_own(error) else "unclear": self.told(error)}, {}
        self.imports_torch |= "torch" in sys.modules and not self.torch_is_ours
        return {**header, "conduct": [*dict.fromkeys(self.conduct)], "imports_torch": self.imports_torch}, arrays

    def offers(self, _: Arrays) -> tuple[Fields, Arrays]:
        """Run the file."""
        self.offered = submission.load(self.path)
        self.pieces = self.offered.pieces
        return {"pieces": [piece.about() for piece in self.pieces.values()]}, {}

    def overlooked(self, _: Arrays) -> tuple[Fields, Arrays]:
        """What looks like a piece, was not recognised as one, and did not run."""
        return {"overlooked": self.offered.overlooked(self.ran)}, {}

    def forward(self, given: Arrays, piece: str, options: Fields) -> tuple[Fields, dict[str, Any]]:
        """One forward pass; `backward` refers to it by its number."""
        self.passes.append(self.passed(given, lambda arrays: self.pieces[piece].run(arrays, options)))
        return {"pass": len(self.passes) - 1}, {"y": self.passes[-1].ran.y}

    def backward(self, given: Arrays, piece: str, number: int) -> tuple[Fields, dict[str, Any]]:  # noqa: ARG002
        """The backward of a forward pass."""
        return {}, self.backed(self.passes[number], given.get("delta"))

    def gradient(self, given: Arrays, piece: str, number: int) -> tuple[Fields, dict[str, Any]]:  # noqa: ARG002
        """The same by `gradient`, which computes the parameters' half alone."""
        with self.watching():
            return {}, self.passes[number].ran.gradient(given["delta"])  # pyright: ignore[reportOptionalCall]

    def network(self, given: Arrays, piece: str) -> tuple[Fields, dict[str, Any]]:
        """The gradient of a whole network."""
        return {}, self.backed(self.passed(given, lambda arrays: self.pieces[piece].run(arrays, {})), None)

    def step(self, given: Arrays, piece: str, options: Fields) -> tuple[Fields, dict[str, Any]]:
        """One step of an optimizer on a linear layer; arrays are named "p:weight", "g:weight", "s:weight:exp_avg"."""
        shell, state = Linear(1, 1, rng=np.random.default_rng(0)), {}
        for name, a in _named("s", given).items():
            parameter, key = name.split(":")
            state.setdefault(parameter, {})[key] = a
        layer: Layer = shell.like(**_named("p", given))
        gradient = shell.like(**_named("g", given))
        with self.watching():
            state = self.pieces[piece].step(layer, gradient, state, options)
        if any(not np.array_equal(g, given[f"g:{name}"]) for name, g in gradient.params.items()):
            self.conduct.append(("step", "changes the gradient, which is its caller's", True))
        kept = {f"s:{name}:{key}": value for name, values in state.items() for key, value in values.items()}
        return {}, {**{f"p:{name}": p for name, p in layer.params.items()}, **kept}

    def steps(self, given: Arrays, piece: str, options: Fields, count: int) -> tuple[Fields, dict[str, Any]]:
        """The parameters after each of the first steps, "p0:weight", …, given "p:weight" and the gradients
        "g0:weight", …"""
        with self.watching():
            found = self._steps(given, piece, options, count, np.copy)
        return {}, found

    def bounded_steps(self, given: Arrays, piece: str, options: Fields, count: int) -> tuple[Fields, dict[str, Any]]:
        """How far rounding may take the same steps: "p0:weight", … are errors."""
        from torch_ref.tolerance.bounds import exact

        found = self._steps(given, piece, options, count, exact)
        return {}, {name: number.error for name, number in found.items()}

    def _steps(self, given: Arrays, piece: str, options: Fields, count: int, number: Callable[[Array], Any]) -> Fields:
        shell, found = Linear(1, 1, rng=np.random.default_rng(0)), {}
        layer: Layer = shell.like(**{n: number(p) for n, p in _named("p", given).items()})
        step = self.pieces[piece].steps(options)
        for k in range(count):
            step(layer, layer.like(**{n: number(g) for n, g in _named(f"g{k}", given).items()}))
            found |= {f"p{k}:{name}": p.copy() for name, p in layer.params.items()}
        return found

    def cases(self, _: Arrays, piece: str, seed: int) -> tuple[Fields, Arrays]:
        """How many cases the truth can be taken of."""
        with self.in_stage("examples(rng), or the forward on what it yields,"):
            self.of_truth = [*self.pieces[piece].cases(np.random.default_rng(seed))]
        if not self.of_truth:
            raise Unclear("examples(rng) yields nothing")
        return {"cases": len(self.of_truth)}, {}

    def targets(self, _: Arrays, piece: str) -> tuple[Fields, Arrays]:
        """The shape and the kind of numbers of each target that a file's examples of a loss have."""
        with self.in_stage("examples(rng)"):
            found = [np.asarray(e[2]) for e in self.pieces[piece].own_examples(np.random.default_rng(0))]
        return {"targets": [[a.shape, a.dtype.kind] for a in found]}, {}

    def own_examples(self, _: Arrays, piece: str) -> tuple[Fields, Arrays]:
        """How many examples of a class the file has."""
        with self.in_stage("examples(rng)"):
            return {"count": len(self.pieces[piece].own_examples(np.random.default_rng(0)))}, {}

    def constants(self, _: Arrays) -> tuple[Fields, Arrays]:
        """The numbers between 0 and 1 that the file has: what its author chose for an ε or a slope."""
        return {"constants": sorted(submission.constants(self.offered.module))}, {}

    def against_truth(
        self, given: Arrays, piece: str, number: int, moved: int = 0, factor: float = 1
    ) -> tuple[Fields, dict[str, Any]]:
        """Of one case, or with the number −1 of these arrays; moved a little, where that is not 0. See `observed`."""
        case = self.of_truth[number] if number >= 0 else self.pieces[piece].case(given)
        return self.observed(piece, case.moved(moved) if moved else case.scaled(factor) if factor != 1 else case)

    def trial(
        self, given: Arrays, piece: str, options: Fields, delta: Array | None = None
    ) -> tuple[Fields, dict[str, Any]]:
        """Of one pass with these hyperparameters. See `observed`."""
        delta = given.pop("delta", None)
        fixed = {n: a for n, a in given.items() if a.dtype.kind != "f" or n == "target"}
        names = [*given]

        def run(arrays: Arrays) -> Ran:
            every = {n: arrays[n] if n in arrays else fixed[n].copy() for n in names}
            return self.pieces[piece].run(every, options)

        return self.observed(piece, Case({n: a for n, a in given.items() if n not in fixed}, run, delta))

    def observed(self, piece: str, case: Case) -> tuple[Fields, dict[str, Any]]:
        """The submission's output and derivatives, "ours:…", and from arrays that are not contiguous, "strided:…";
        the true ones, "true:…", what is allowed, "allowed:…", and what they were computed from, "given:…" and "delta".
        """
        found: dict[str, Any] = {}
        lay: dict[str, Callable[[Array], Array]] = {"ours": np.ascontiguousarray, "strided": np.asfortranarray}
        for name, laid in lay.items():
            arrays = {n: laid(a).reshape(a.shape) for n, a in case.arrays.items()}
            passed = self.passed(arrays, case.run)
            found |= {f"{name}:y": passed.ran.y, **_under(name, self.backed(passed, case.delta))}
        header, truth = self.certified(piece, case)
        about = _under("given", case.arrays) | ({} if case.delta is None else {"delta": case.delta})
        return header, {**found, **truth, **about}

    def certified(self, piece: str, case: Case) -> tuple[Fields, dict[str, Any]]:
        """The true output and derivatives of one case, and what is allowed. The header says what was decided on the
        way."""
        from torch_ref.tolerance.bounded import Bounded
        from torch_ref.truth.dual import Dual
        from torch_ref.truth.slopes import Slopes

        floats = {name: a for name, a in case.arrays.items() if a.dtype.kind == "f"}
        fixed = {name: a for name, a in case.arrays.items() if name not in floats}
        if not floats:
            raise Unclear("examples(rng) yields no array of floats, to differentiate by")
        try:
            with any_numbers(self.pieces[piece].module):
                truth = Slopes.of(lambda **numbers: seeded(case.run, {**fixed, **numbers}).y, floats, case.delta)
        except Undecided as error:
            return {"undecided": str(error)}, {}
        except Exception as error:
            why = f"{self.told(error)[:100]}{hint(error, Dual, Bounded)}"
            raise Unclear(f"the forward does not run on exact numbers: {why}") from None
        return {"decided": truth.decided}, {
            "true:y": truth.output.value,
            "allowed:y": truth.output.allowed,
            **{f"true:d{name}": slope.value for name, slope in truth.by.items()},
            **{f"allowed:d{name}": slope.allowed for name, slope in truth.by.items()},
        }

    def observe(self, _: Arrays, piece: str, device: str) -> tuple[Fields, dict[str, Any]]:
        """What check_backward.py looks at: of a torch.autograd.Function and its reference."""
        from torch_ref.comparison.check_backward import observe
        from torch_ref.devices import prepare
        from torch_ref.twins import to_torch

        self.torch_is_ours = True
        if device == "cuda":
            prepare(device)
        own = self.pieces[piece]
        inputs = [to_torch(a, device) for a in own.inputs(np.random.default_rng(0))]
        with self.watching():
            found = [*observe(own.function.apply, own.reference, inputs)]
        arrays = {f"{i}:{key}": value for i, o in enumerate(found) for key, value in o.arrays.items()}
        return {"observed": [[o.place, o.quantity, one_line(o.trouble)] for o in found]}, arrays


def _under(prefix: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{prefix}:{name}": a for name, a in arrays.items()}


def _named(kind: str, given: Arrays) -> Arrays:
    """The arrays that are named "kind:…"."""
    return {name.removeprefix(f"{kind}:"): a.copy() for name, a in given.items() if name.startswith(f"{kind}:")}


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
