"""The process that runs a submission: `python -m experiments.grade.process.child FILE`; without a FILE, one from which
such are forked.

It answers requests on its standard input and output, which the submission does not see. Whatever the submission
raises is an answer too. It loads torch only where a request needs it, so that it starts in a third of a second.
"""

import os
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from functools import singledispatchmethod
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from experiments.grade.errors import Fault, Unclear
from experiments.grade.forms.definitions import load
from experiments.grade.forms.own_examples import drawn
from experiments.grade.forms.piece import Arrays, Example, Ran
from experiments.grade.forms.recognition import Offered, constants
from experiments.grade.process import answers, requests
from experiments.grade.process.conduct import WatchedPass, begin_chance, one_line, seed_new_generators
from experiments.grade.process.forks import arguments_of_a_fork
from experiments.grade.process.guardian import guard
from experiments.grade.process.limits import all_numbers, limit_memory
from experiments.grade.process.number_types import HAND_IN
from experiments.grade.process.observation import Observer
from experiments.grade.process.protocol import encode, receive, write
from experiments.grade.repairs.served import Repairs
from manual import Layer, Linear
from manual.numbers.number_types import Array

TOLD = (answers.Pieces, answers.Observation, answers.ObservedFunction, answers.LookAlikes)
"""The answers on which a verdict rests that is not made of plain outputs and gradients alone."""
NOT_ASKED = ("NaN", "infinities", "near overflow", "times 1e4", "empty")
"""Trials of check_backward that are no part of a student's task."""


class Server(Observer):
    """The pieces of one file, which answer requests."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.pieces: dict[str, Any] = {}
        self.passes: list[WatchedPass] = []
        self.examples: list[Example] = []
        self.imports_torch = self.torch_is_ours = False
        self.repairs = Repairs(self)

    def reply(self, request: requests.Request[Any]) -> tuple[Any, answers.Noticed]:
        """The answer to a request, or why there is none; and what was noticed on the way.

        Raises:
            Fault: there is no such request.
        """
        self.conduct, self.lookout.seen = [], []
        begin_chance()
        self.lookout.remember()
        try:
            answer = self.answer(request)
            if isinstance(answer, TOLD) and (changed := self.lookout.changed()):
                raise Unclear(f"it changes {changed}, which the checker uses")
        except Fault:
            raise
        except Unclear as error:
            answer = answers.NoAnswer(one_line(str(error)), wrong=False)
        except BaseException as error:
            answer = answers.NoAnswer(self.told(error), self.is_its_own(error))
        if self.lookout.seen:
            answer = answers.NoAnswer(one_line(self.lookout.seen[0]), wrong=False)
        self.imports_torch |= "torch" in sys.modules and not self.torch_is_ours
        return answer, answers.Noticed([*dict.fromkeys(self.conduct)], self.imports_torch)

    @singledispatchmethod
    def answer(self, request: Any) -> Any:
        """The answer to a request, by its class: that says what is asked.

        Raises:
            Fault: there is no such request.
        """
        raise Fault(f"there is no request {type(request).__name__}")

    @answer.register
    def _(self, request: requests.Describe) -> answers.Pieces:
        found = load(self.path, self.told)
        self.decisions = found.decisions
        if request.adapter:
            sys.modules[HAND_IN] = found.module
            found = load(Path(request.adapter), self.told, "the adapter")
        found.told, self.says, self.tree = request.told, request.told, found.tree
        self.offered, self.pieces = (offered := Offered(found)), offered.pieces
        described = attrgetter(*(field.name for field in fields(answers.Description)))
        return answers.Pieces([answers.Description(*described(p)) for p in self.pieces.values()], offered.left_out)

    @answer.register
    def _(self, _: requests.Overlooked) -> answers.LookAlikes:
        offered, never_run = self.offered, [*self.decisions.never_run(), *self.offered.never_called(self.ran)]
        return answers.LookAlikes(offered.overlooked(self.ran), never_run, offered.unused())

    @answer.register
    def _(self, _: requests.Constants) -> answers.Numbers:
        return answers.Numbers(sorted(constants(self.offered.module)))

    @answer.register
    def _(self, request: requests.Forward) -> answers.Output:
        run = self.pieces[request.piece].run
        self.passes.append(self.passed(request.inputs, lambda arrays: run(arrays, request.options)))
        return answers.Output(len(self.passes) - 1, self.passes[-1].ran.y)

    @answer.register
    def _(self, request: requests.Backward) -> answers.Gradients:
        return answers.Gradients(self.backed(self.passes[request.number], request.delta))

    @answer.register
    def _(self, request: requests.ParametersBackward) -> answers.Gradients:
        with self.watching():
            found = self.passes[request.number].ran.gradient(request.delta)  # pyright: ignore[reportOptionalCall]
        return answers.Gradients(all_numbers(found))

    @answer.register
    def _(self, request: requests.NetworkBackward) -> answers.Gradients:
        run = self.pieces[request.piece].run
        return answers.Gradients(self.backed(self.passed(request.inputs, lambda arrays: run(arrays, {}), True), None))

    @answer.register
    def _(self, request: requests.Step) -> answers.Stepped:
        shell = Linear(1, 1, rng=np.random.default_rng(0))
        layer, gradient = shell.like(**_copies(request.params)), shell.like(**_copies(request.gradient))
        state = {name: _copies(arrays) for name, arrays in request.state.items()}
        with self.watching():
            state = self.pieces[request.piece].step(layer, gradient, state, request.options)
        if any(not np.array_equal(g, request.gradient[name]) for name, g in gradient.params.items()):
            self.conduct.append(answers.Note("step", "changes the gradient, which is its caller's", True))
        return answers.Stepped(all_numbers(layer.params), {str(n): all_numbers(values) for n, values in state.items()})

    @answer.register
    def _(self, request: requests.DescribeRule) -> answers.RuleDescription:
        piece = self.pieces[request.piece]
        return answers.RuleDescription([answers.NamedRule(*rule) for rule in piece.rules()], [*piece.untried])

    @answer.register
    def _(self, request: requests.Steps) -> answers.Trajectory:
        with self.watching():
            found = self.steps(request, np.copy)
        return answers.Trajectory([all_numbers(params) for params in found])

    @answer.register
    def _(self, request: requests.StepErrors) -> answers.Trajectory:
        from torch_ref.tolerance.bounds import exact

        found = self.steps(request, exact)
        return answers.Trajectory([all_numbers({name: p.error for name, p in params.items()}) for params in found])

    def steps(
        self, request: requests.Steps | requests.StepErrors, number: Callable[[Array], Any]
    ) -> list[dict[str, Any]]:
        """The parameters after each step, on numbers of some type."""
        shell = Linear(1, 1, rng=np.random.default_rng(0))
        layer: Layer = shell.like(**{n: number(p) for n, p in request.params.items()})
        step, found = self.pieces[request.piece].steps(request.options), []
        for gradient in request.gradients:
            step(layer, layer.like(**{n: number(g) for n, g in gradient.items()}))
            found.append({name: p.copy() for name, p in layer.params.items()})
        return found

    @answer.register
    def _(self, request: requests.DrawExamples) -> answers.DrawnExamples:
        piece = self.pieces[request.piece]
        with self.in_stage(f"{piece.name}, on an input from examples(rng) or a guess,"):
            self.examples = drawn(piece, self.pieces.values(), request.seed)
        choices = {e.choice for e in self.examples if e.choice}
        self.examples = [e for e in self.examples if not e.choice or self.says.allows(e.choice)]
        if not self.examples:
            raise Unclear(f"the file says loss={self.says.loss}, and there is {' or '.join(sorted(choices))}")
        return answers.DrawnExamples(
            [answers.Drawn(e.place, e.choice, e.known, e.options, e.settings, e.convention) for e in self.examples]
        )

    @answer.register
    def _(self, request: requests.OwnTargets) -> answers.Targets:
        with self.in_stage("examples(rng)"):
            targets = [np.asarray(e[2]) for e in self.pieces[request.piece].own_examples(np.random.default_rng(0))]
        return answers.Targets([answers.Target([*target.shape], target.dtype.kind) for target in targets])

    @answer.register
    def _(self, request: requests.OwnExamples) -> answers.Count:
        with self.in_stage("examples(rng)"):
            return answers.Count(len(self.pieces[request.piece].own_examples(np.random.default_rng(0))))

    @answer.register
    def _(self, request: requests.OwnSettings) -> answers.Settings:
        with self.in_stage("examples(rng)"):
            return answers.Settings(self.pieces[request.piece].own_settings())

    @answer.register
    def _(self, request: requests.ObserveExample) -> answers.Observation:
        example = self.examples[request.number]
        if request.moved:
            example = example.moved(request.moved)
        elif request.factor != 1:
            example = example.scaled(request.factor)
        return self.observed_within(self.pieces[request.piece].module, example, request.moved > 0)

    @answer.register
    def _(self, request: requests.ObserveInputs) -> answers.Observation:
        piece = self.pieces[request.piece]
        example = piece.example(request.inputs)
        return self.observed(piece.module, example.moved(request.moved) if request.moved else example)

    @answer.register
    def _(self, request: requests.ObserveOptions) -> answers.Observation:
        piece, inputs = self.pieces[request.piece], request.inputs
        fixed = {n: a for n, a in inputs.items() if a.dtype.kind != "f" or n == "target"}

        def run(arrays: Arrays) -> Ran:
            every = {n: arrays[n] if n in arrays else fixed[n].copy() for n in inputs}
            return piece.run(every, request.options)

        floats = {n: a for n, a in inputs.items() if n not in fixed}
        return self.observed(piece.module, Example(floats, run, request.delta))

    @answer.register
    def _(self, request: requests.FindRepairs) -> answers.Repairs:
        kept, others = ([self.kept[n] for n in some] for some in (request.observations, request.others))
        return self.repairs.find(self.pieces[request.piece], kept, request.steps, others)

    @answer.register
    def _(self, request: requests.Repaired) -> answers.Gradients:
        return answers.Gradients(self.repairs.by(request))

    @answer.register
    def _(self, request: requests.ObserveFunction) -> answers.ObservedFunction:
        import_module("torch.fx.experimental.symbolic_shapes")  # as torch does at the first gradient: watched, slowly
        from torch_ref.comparison.check_backward import observe
        from torch_ref.comparison.functions.options import Options
        from torch_ref.devices import prepare

        self.torch_is_ours = True
        if request.device == "cuda":
            prepare(request.device)
        with self.watching("torch"):
            compared = self.pieces[request.piece].compared(np.random.default_rng(0), request.device)
        found = observe(compared.function, compared.reference, compared.inputs, Options(skip=NOT_ASKED))
        told = [
            answers.ObservedQuantity(
                o.place, o.quantity, one_line(o.trouble), all_numbers(o.arrays), one_line(o.why_measured), o.offered,
                o.only_where, o.wrong,
            )
            for o in found
        ]  # fmt: skip
        return answers.ObservedFunction(compared.against, told)


def _copies(arrays: Arrays) -> Arrays:
    return {name: a.copy() for name, a in arrays.items()}


def _reply(server: Server, incoming: Any) -> list[bytes]:
    try:
        return [encode(message) for message in server.reply(receive(incoming, *requests.REQUESTS))]
    except Fault as fault:
        return [encode(answers.NotUnderstood(str(fault))), encode(answers.Noticed([], False))]


def main() -> None:
    """Answer until the other side is gone."""
    path, *paths = sys.argv[1:] or arguments_of_a_fork()
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    guard(incoming.fileno())
    limit_memory()
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    seed_new_generators()
    server = Server(Path(path))
    server.lookout.begin()
    sys.path += paths
    with suppress(EOFError):
        while True:
            for content in _reply(server, incoming):
                write(outgoing, content)


if __name__ == "__main__":
    main()
