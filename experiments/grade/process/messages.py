"""What the grader asks of the process that runs a student's file, and what that answers: one class for each.

The arrays of a piece are by the names of its arguments; its output is "y", its gradients are "dx", "dW" and the like.
"""

from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, get_args

from manual.number_types import Array

Answer = TypeVar("Answer")
Arrays = dict[str, Array]
Options = dict[str, Any]
"""Hyperparameters by name: numbers, words, lists of them, None, or {"array": […]}."""


@dataclass(frozen=True)
class Request(Generic[Answer]):
    """A question, whose class names the class of the answer."""

    @classmethod
    def answer(cls) -> type[Answer]:
        """The class of the answer."""
        return get_args(cls.__orig_bases__[0])[0]  # pyright: ignore[reportAttributeAccessIssue]


# ---------------------------------------------------------------- what comes back


@dataclass(frozen=True)
class Description:
    """A piece: its form, what its forward cannot do without, and what may be set besides."""

    name: str
    form: str
    arguments: list[str]
    accepts: list[str]
    has_cost: bool
    has_gradient: bool


@dataclass(frozen=True)
class Pieces:
    """The pieces of a file."""

    pieces: list[Description]


@dataclass(frozen=True)
class LookAlikes:
    """What looks like a piece and is none: the form that it may be, by its name."""

    forms: dict[str, str]


@dataclass(frozen=True)
class Count:
    """How many there are."""

    count: int


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

    `ours` are its output and derivatives, `non_contiguous` the same from arrays that are not contiguous. `decided` are
    the answers that the forward's comparisons gave. Where it decides exactly on an edge, `undecided` says so, and there
    is no truth.
    """

    ours: Arrays
    non_contiguous: Arrays
    inputs: Arrays
    delta: Array | None
    truth: dict[str, TrueValue] = field(default_factory=dict)
    decided: list[bool] = field(default_factory=list)
    undecided: str = ""


@dataclass(frozen=True)
class ObservedQuantity:
    """A quantity of a torch.autograd.Function in one trial, as check_backward observes it."""

    place: str
    quantity: str
    trouble: str
    arrays: Arrays


@dataclass(frozen=True)
class ObservedFunction:
    """All of them."""

    quantities: list[ObservedQuantity]


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


# ---------------------------------------------------------------- what is asked


@dataclass(frozen=True)
class Describe(Request[Pieces]):
    """Run the file: which pieces does it have?"""


@dataclass(frozen=True)
class Overlooked(Request[LookAlikes]):
    """What looks like a piece, was not recognised as one, and did not run?"""


@dataclass(frozen=True)
class Constants(Request[Numbers]):
    """Which numbers between 0 and 1 does the file have: what its author chose for an ε or a slope?"""


@dataclass(frozen=True)
class Forward(Request[Output]):
    """One forward pass."""

    piece: str
    inputs: Arrays
    options: Options


@dataclass(frozen=True)
class Backward(Request[Gradients]):
    """The backward of a forward pass; of a loss, without δ."""

    number: int
    delta: Array | None = None


@dataclass(frozen=True)
class ParametersBackward(Request[Gradients]):
    """The same by `gradient`, which computes the parameters' half alone."""

    number: int
    delta: Array


@dataclass(frozen=True)
class NetworkBackward(Request[Gradients]):
    """The gradient of a whole network."""

    piece: str
    inputs: Arrays


@dataclass(frozen=True)
class Step(Request[Stepped]):
    """One step of an optimizer."""

    piece: str
    options: Options
    params: Arrays
    gradient: Arrays
    state: dict[str, Arrays]


@dataclass(frozen=True)
class Steps(Request[Trajectory]):
    """Several steps of one optimizer that keeps its state to itself."""

    piece: str
    options: Options
    params: Arrays
    gradients: list[Arrays]


@dataclass(frozen=True)
class StepErrors(Request[Trajectory]):
    """How far may rounding take the same steps?"""

    piece: str
    options: Options
    params: Arrays
    gradients: list[Arrays]


@dataclass(frozen=True)
class DrawExamples(Request[Count]):
    """Draw the inputs that the truth can be taken of, by this seed; `ObserveExample` refers to them by number."""

    piece: str
    seed: int


@dataclass(frozen=True)
class OwnExamples(Request[Count]):
    """How many examples of a class does the file have?"""

    piece: str


@dataclass(frozen=True)
class OwnTargets(Request[Targets]):
    """Which targets do a file's examples of a loss have?"""

    piece: str


@dataclass(frozen=True)
class ObserveExample(Request[Observation]):
    """Observe one of the examples that were drawn: moved a little by this seed, where it is not 0, or with a larger
    input."""

    piece: str
    number: int
    moved: int = 0
    factor: float = 1


@dataclass(frozen=True)
class ObserveInputs(Request[Observation]):
    """Observe a network from these arrays, moved a little by this seed, where it is not 0."""

    piece: str
    inputs: Arrays
    moved: int = 0


@dataclass(frozen=True)
class ObserveOptions(Request[Observation]):
    """Observe a class with these hyperparameters."""

    piece: str
    inputs: Arrays
    delta: Array | None
    options: Options


@dataclass(frozen=True)
class ObserveFunction(Request[ObservedFunction]):
    """Observe a torch.autograd.Function and its reference, as check_backward does."""

    piece: str
    device: str


REQUESTS: list[type[Request[Any]]] = Request.__subclasses__()
