"""What the process that runs a student's file answers: one class for each answer.

The arrays of a piece are by the names of its arguments; its output is "y", its gradients are "dx", "dW" and the like.
"""

from dataclasses import dataclass, field
from typing import Any

from experiments.grade.forms.branches import NeverRun
from manual.numbers.number_types import Array

Arrays = dict[str, Array]


@dataclass(frozen=True)
class Description:
    """A piece: its form, how it is judged, what its forward cannot do without, and what may be set besides."""

    name: str
    form: str
    judging: str
    arguments: list[str]
    accepts: list[str]
    has_cost: bool
    has_gradient: bool


@dataclass(frozen=True)
class Pieces:
    """The pieces of a file, and which of its statements were not run, or failed."""

    pieces: list[Description]
    left_out: list[str]


@dataclass(frozen=True)
class LookAlikes:
    """What looks like a piece and is none, the form that it may be, by its name; the branches that never ran; and the
    functions of examples that were for no piece, and how many of them."""

    forms: dict[str, str]
    never_run: list[NeverRun]
    unused: dict[str, str]


@dataclass(frozen=True)
class Count:
    """How many there are."""

    count: int


@dataclass(frozen=True)
class Drawn:
    """One of the examples that were drawn: what the form says of it (Example in forms/piece.py)."""

    place: str
    choice: str
    known: str
    options: dict[str, Any]
    settings: list[str]
    convention: str = ""


@dataclass(frozen=True)
class DrawnExamples:
    """All of them."""

    examples: list[Drawn]


@dataclass(frozen=True)
class Target:
    """The shape of a loss's target, and the kind of its numbers as NumPy has it."""

    shape: list[int]
    kind: str


@dataclass(frozen=True)
class Targets:
    """The targets of a file's examples of a loss."""

    targets: list[Target]


@dataclass(frozen=True)
class Settings:
    """The settings of each of a file's examples of an optimizer."""

    settings: list[dict[str, Any]]


@dataclass(frozen=True)
class Numbers:
    """Some numbers."""

    numbers: list[float]


@dataclass(frozen=True)
class Output:
    """The output of a forward pass, and the number by which its backward is asked for."""

    number: int
    y: Array


@dataclass(frozen=True)
class Gradients:
    """Derivatives by name."""

    by: Arrays


@dataclass(frozen=True)
class Stepped:
    """The parameters after an optimizer's step, and its state."""

    params: Arrays
    state: dict[str, Arrays]


@dataclass(frozen=True)
class NamedRule:
    """A rule, and the settings that it is run with."""

    kind: str
    options: dict[str, Any]


@dataclass(frozen=True)
class RuleDescription:
    """The rules that an update is by its name, and the arguments that are not tried."""

    rules: list[NamedRule]
    untried: list[str]


@dataclass(frozen=True)
class Trajectory:
    """The parameters after each of several steps, or how far rounding may take them."""

    steps: list[Arrays]


@dataclass(frozen=True)
class TrueValue:
    """A certified value, and how far a right one may lie from it."""

    value: Array
    allowed: Array


@dataclass(frozen=True)
class Observation:
    """One pass of a submission and its truth.

    `ours` are its outputs and derivatives, `non_contiguous` the same from arrays that are not contiguous. `decided` are
    the answers that the forward's comparisons gave. Where it decides exactly on an edge, `undecided` says so, and there
    is no truth. `measured` says why the truth is none that is certified, and its tolerance none that is derived.
    `number` is by which a search for a repair refers to it.
    """

    ours: Arrays
    non_contiguous: Arrays
    inputs: Arrays
    delta: Arrays
    outputs: list[str]
    truth: dict[str, TrueValue] = field(default_factory=dict)
    decided: list[bool] = field(default_factory=list)
    undecided: str = ""
    measured: str = ""
    number: int = -1


@dataclass(frozen=True)
class ObservedQuantity:
    """A quantity of a torch.autograd.Function in one trial, as check_backward observes it."""

    place: str
    quantity: str
    trouble: str
    arrays: Arrays
    why_measured: str
    offered: bool
    only_where: str
    wrong: bool


@dataclass(frozen=True)
class ObservedFunction:
    """All of them, and what they were held against."""

    against: str
    quantities: list[ObservedQuantity]


@dataclass(frozen=True)
class Repair:
    """A change of the file's text: in which line, of which kind, what stands there before, and whether that is only a
    name, and after."""

    line: int
    is_name: bool
    kind: str
    was: str
    now: str


@dataclass(frozen=True)
class Repairs:
    """Those with which all that was asked about agrees."""

    found: list[Repair]


@dataclass(frozen=True)
class NoAnswer:
    """In place of an answer: why there is none. `wrong` if the submission's own arithmetic raised."""

    said: str
    wrong: bool


@dataclass(frozen=True)
class NotUnderstood:
    """In place of an answer: the request is none that is known."""

    said: str


@dataclass(frozen=True)
class Note:
    """What a method did besides its answer; a remark if it may."""

    method: str
    said: str
    is_remark: bool


@dataclass(frozen=True)
class Noticed:
    """What follows every answer: what was noticed on the way."""

    conduct: list[Note]
    imports_torch: bool
