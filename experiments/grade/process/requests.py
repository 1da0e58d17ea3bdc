"""What the grader asks of the process that runs a student's file: one class for each question, which names the class of
its answer.
"""

from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, get_args

from experiments.grade.forms.told import Told
from experiments.grade.process.answers import (
    Arrays,
    Count,
    DrawnExamples,
    Gradients,
    LookAlikes,
    Numbers,
    Observation,
    ObservedFunction,
    Output,
    Pieces,
    Repairs,
    RuleDescription,
    Settings,
    Stepped,
    Targets,
    Trajectory,
    TrueValue,
)
from manual.numbers.number_types import Array

Answer = TypeVar("Answer")
Options = dict[str, Any]
"""Hyperparameters by name: numbers, words, lists of them, None, or {"array": […]}."""


@dataclass(frozen=True)
class Request(Generic[Answer]):
    """A question, whose class names the class of the answer."""

    @classmethod
    def answer(cls) -> type[Answer]:
        """The class of the answer."""
        return get_args(cls.__orig_bases__[0])[0]  # pyright: ignore[reportAttributeAccessIssue]


@dataclass(frozen=True)
class Describe(Request[Pieces]):
    """Run the file: which pieces does it have, by what it says of itself? Of one with an adapter, that has them."""

    told: Told = field(default_factory=Told)
    adapter: str = ""


@dataclass(frozen=True)
class Overlooked(Request[LookAlikes]):
    """What looks like a piece, was not recognised as one, and did not run? Which examples of the file were not used?"""


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
class DescribeRule(Request[RuleDescription]):
    """Which update rules is it, and with which settings?"""

    piece: str


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
class DrawExamples(Request[DrawnExamples]):
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
class OwnSettings(Request[Settings]):
    """With which settings do a file's examples have an optimizer?"""

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


@dataclass(frozen=True)
class WantedSteps:
    """Steps of an optimizer, and all parameters after each, in one array, as any one of some rules has them."""

    asked: Steps
    wanted: list[TrueValue]


@dataclass(frozen=True)
class FindRepairs(Request[Repairs]):
    """Which single changes of the file make these observations of a piece, or steps of a rule, agree with their truth,
    and leave `others`, which do?"""

    piece: str
    observations: list[int]
    steps: list[WantedSteps]
    others: list[int]


@dataclass(frozen=True)
class Repaired(Request[Gradients]):
    """What was observed under this number, or these steps, by the file with one of the changes that were found last."""

    repair: int
    observation: int
    steps: Steps | None


REQUESTS: list[type[Request[Any]]] = Request.__subclasses__()
