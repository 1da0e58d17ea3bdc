"""Every public name says what it is; every layer, loss, optimizer and penalty its equation, shapes, errors, source
and twin.

What a docstring says is held against what the code does: the shapes against the arrays of the examples, the errors
against those that bad input provokes, torch's name against the twin.
"""

import ast
import builtins
import importlib
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Callable, Iterator
from math import nan
from operator import attrgetter
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

import experiments
import manual.layers
import manual.losses
import manual.optimizers
import manual.penalties
import torch_ref
from manual import InputError, Linear, ReLU
from manual.layer import Layer
from manual.loss import Loss, check_alike
from manual.optimizer import Optimizer
from manual.penalty import Penalty
from torch_ref import twin, twin_optimizer
from torch_ref.examples import examples

PIECES = (manual.layers, manual.losses, manual.optimizers, manual.penalties)
IN_THE_EQUATION = {
    "prediction": "ŷ", "target": "y", "weight": "W", "bias": "b",
    "lr": "η", "momentum": "μ", "dampening": "τ", "weight_decay": "λ", "betas": "β", "eps": "ε", "alpha": "α",
}  # fmt: skip
BAD = (None, -1, 1.5, nan, "no", (2, 2))
Piece = Layer | Loss | Optimizer | Penalty


# ---------------------------------------------------------------- that there is a docstring


def public(package: ModuleType) -> Iterator[tuple[str, Any]]:
    """Every class, function and method of a package that is defined under its public name, with its full name.

    `examples(rng)` of a layer's file is left out: every file has it, and the package says what it is.
    """
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(found.name)
        for name, value in vars(module).items():
            if getattr(value, "__module__", "") != module.__name__ or not (
                inspect.isclass(value) or inspect.isfunction(value)
            ):
                continue
            if value.__name__ != name or name.startswith("_"):
                continue
            if name != "examples" or not any(module.__name__.startswith(f"{piece.__name__}.") for piece in PIECES):
                yield f"{module.__name__}.{name}", value
            for part, method in vars(value).items() if inspect.isclass(value) else ():
                function = getattr(method, "func", getattr(method, "fget", getattr(method, "__func__", method)))
                if inspect.isfunction(function) and function.__name__ == part and not part.startswith("_"):
                    yield f"{module.__name__}.{name}.{part}", function


def documented(value: Any) -> bool:
    """Whether it has a docstring: a method may have it from the class that it overrides it from, a class has its own.

    The one that a dataclass or a named tuple gives itself, its signature, says nothing.
    """
    if inspect.isclass(value):
        return bool(value.__doc__) and not value.__doc__.startswith(f"{value.__name__}(")
    return bool(inspect.getdoc(value))


@pytest.mark.parametrize("package", [manual, torch_ref], ids=lambda package: package.__name__)
def test_every_public_name_says_what_it_is(package):
    assert not [name for name, value in public(package) if not documented(value)]


def test_every_public_class_and_function_of_the_experiments_says_what_it_is():
    named = [(name, value) for name, value in public(experiments) if "." not in value.__qualname__]
    assert not [name for name, value in named if not documented(value)]


@pytest.mark.parametrize("package", [manual, torch_ref, experiments], ids=lambda package: package.__name__)
def test_every_module_says_what_it_is_but_those_of_one_layer_loss_or_optimizer(package):
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(found.name)
        if not any(found.name.startswith(f"{piece.__name__}.") for piece in PIECES):
            assert module.__doc__, found.name


@pytest.mark.parametrize("package", PIECES, ids=lambda package: package.__name__)
def test_the_package_says_what_the_examples_of_its_files_are(package):
    assert "`examples(rng)`" in (package.__doc__ or "")


def test_a_signature_an_inherited_text_and_nothing_are_no_docstring_of_a_class():
    class Bare(ReLU): ...

    assert not documented(Bare)
    assert documented(ReLU)
    assert documented(ReLU.forward)
    assert not documented(lambda: None)


# ---------------------------------------------------------------- that it says which errors


def raised(function: Callable[..., Any]) -> set[str]:
    """The names of the exceptions that a function's own code raises, but for the one of what is to be overridden."""
    names = set()
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
        if isinstance(node, ast.Raise) and isinstance(made := getattr(node.exc, "func", node.exc), ast.Name):
            error = function.__globals__.get(made.id, getattr(builtins, made.id, None))
            if inspect.isfunction(error):
                error = error.__annotations__["return"]
            if error is not None:
                names.add(error.__name__)
    return names - {"NotImplementedError"}


def silent(package: ModuleType) -> Iterator[str]:
    """Every public function that raises an error which its docstring does not name, nor its class's."""
    for name, value in public(package):
        if inspect.isclass(value):
            for method in ("__init__", "__post_init__"):
                function = vars(value).get(method)
                if (
                    inspect.isfunction(function) and "<string>" not in function.__code__.co_filename
                ):  # which dataclass() made
                    yield from (f"{name}: {error}" for error in raised(function) if error not in (value.__doc__ or ""))
        else:
            owner = getattr(inspect.getmodule(value), value.__qualname__.split(".")[0])
            said = f"{inspect.getdoc(value)} {owner.__doc__}"
            yield from (f"{name}: {error}" for error in raised(value) if error not in said)


@pytest.mark.parametrize("package", [manual, torch_ref], ids=lambda package: package.__name__)
def test_every_function_that_raises_an_error_names_it(package):
    assert not [*silent(package)]


def test_what_a_function_raises_is_read_from_its_code():
    assert raised(check_alike) == {"InputError"}
    assert raised(Layer.like) == {"TypeError"}
    assert raised(Layer.forward) == set()


# ---------------------------------------------------------------- that a layer, loss or optimizer says all that is
# asked of it


def letter(name: str) -> str:
    """How equations write an argument, a parameter or a hyperparameter."""
    return IN_THE_EQUATION.get(name, name)


def arguments(piece: Layer | Loss) -> list[str]:
    """The names of what `forward` takes."""
    return [*inspect.signature(piece.forward).parameters]


def equation(doc: str) -> str:
    """The indented lines above "Raises:" and "Source:"."""
    return "\n".join(re.findall(r"^    .*", re.split(r"^(?:Raises|Source):", doc, flags=re.MULTILINE)[0], re.MULTILINE))


def section(doc: str, name: str) -> str:
    """The text under "Raises:" or behind "Source:"; empty where there is none."""
    found = re.search(rf"^{name}:(.*\n?(?:(?!Source:|Raises:).+\n?)*)", doc, re.MULTILINE)
    return found[1].strip() if found else ""


def lacking(example: Any, doc: str) -> Iterator[str]:
    """What a docstring lacks, for an example as the file's `examples(rng)` yields it."""
    piece, *data = example if isinstance(example, tuple) else (example,)
    if not re.match(r"\S.*[.:](?:\n|$)", doc):
        yield "a first line that is a sentence"
    if isinstance(piece, Optimizer):
        if "θ ← " not in equation(doc):
            yield "the update of θ"
        numbers = [name for name, value in piece.hyper.items() if not isinstance(value, bool)]
        yield from (f"{letter(name)}, {name}, in the equation" for name in numbers if letter(name) not in equation(doc))
    elif isinstance(piece, Penalty):
        if "∂C/∂w" not in equation(doc):
            yield "∂C/∂w"
    else:
        differentiated = [arguments(piece)[0], *(piece.params if isinstance(piece, Layer) else ())]
        yield from (f"∂C/∂{letter(name)}" for name in differentiated if f"∂C/∂{letter(name)}" not in equation(doc))
        yield from wrong_shapes(piece, data, equation(doc))
    yield from wrong_errors(piece, data, section(doc, "Raises"))
    if not re.search(r"[Dd]ocument [AB], |\".+\".*\b(?:19|20)\d\d\b", section(doc, "Source"), re.DOTALL):
        yield "a source: a part of a document, or a paper and its year"
    yield from wrong_name_in_torch(piece, section(doc, "Source"))


def wrong_shapes(piece: Layer | Loss, data: list[Any], text: str) -> Iterator[str]:
    """Shapes that are not said, or are not those of the example."""
    names = arguments(piece)
    if re.search(r"\bany (?:one )?shape", text):
        for shape in [data[0].shape, (2, *data[0].shape)]:
            given = [np.full(shape, 0.5) for _ in names]
            y, cache = piece.forward(*given)
            dx = piece.backward(np.ones(shape), cache)[0] if isinstance(piece, Layer) else piece.backward(cache)
            if dx.shape != shape or np.shape(y) != (shape if isinstance(piece, Layer) else ()):
                yield f"the right shapes: {shape} is not kept"
        return
    arrays = dict(zip(map(letter, names), data, strict=True))
    if isinstance(piece, Layer):
        output = re.match(r"\s*(\w)", text)
        arrays |= {letter(name): p for name, p in piece.params.items()}
        if output and not ("by default" in text and piece.hyper != type(piece)().hyper):
            arrays[output[1]] = piece.forward(*data)[0]
    sizes: dict[str, int] = {}
    said = {
        name: [*filter(None, dims.replace(" ", "").split(","))]
        for names, dims in re.findall(r"(\w(?:, \w)*) \(([\w…]+,[\w…, ]*)\)", text)
        for name in names.split(", ")
    }
    for name, array in arrays.items():
        if name not in said:
            yield f"the shape of {name}"
            continue
        dims, shape = said[name], array.shape
        if dims[-1] == "…":
            dims, shape = dims[:-1], shape[: len(dims) - 1]
        for dim, n in zip(dims, shape, strict=False):
            sizes.setdefault(dim, n)
        if [*shape] != [sizes.get(dim) for dim in dims]:
            yield f"the right shape of {name}: {array.shape} is not ({', '.join(said[name])}) with {sizes}"


def refused(function: Callable[[], Any]) -> bool:
    """Whether it raises an InputError, and not the error of whatever meets the bad input next, or none."""
    try:
        function()
    except InputError:
        return True
    except Exception:
        return False
    return False


def wrong_errors(piece: Piece, data: list[Any], text: str) -> Iterator[str]:
    """Bad input that is refused and not said to be, and the reverse."""
    generator = {"rng": np.random.default_rng(0)} if "rng" in inspect.signature(type(piece)).parameters else {}
    bad = [
        name for name in piece.hyper
        if any(refused(lambda name=name, v=v: type(piece)(**piece.hyper | generator | {name: v})) for v in BAD)
    ]  # fmt: skip
    yield from (f"that {name} may be refused" for name in bad if not re.search(rf"\b{name}\b", text))
    taken = False
    if isinstance(piece, Layer | Loss):
        first, *others = data
        wrong = [first[..., :-1], first[0, 0], first.astype(np.float32), first.astype(int)]
        forward = piece.forward
        taken = any(refused(lambda x=x: forward(x, *others)) for x in wrong)
        if taken and not re.search(rf"\b(?:the input|prediction|{letter(arguments(piece)[0])} is)\b", text):
            yield "which input is refused"
    if not bad and not taken and text:
        yield "errors that are there: it says some, and nothing bad was refused"


def wrong_name_in_torch(piece: Piece, text: str) -> Iterator[str]:
    """Whether what torch calls it is said, and is what it is compared with."""
    made = None
    if isinstance(piece, Layer | Loss):
        made = twin(piece)
    elif isinstance(piece, Optimizer):
        made = twin_optimizer(piece, torch.nn.Linear(1, 1))
    said = re.search(r"Same as\s+(torch(?:\.\w+)+)", text)
    if said is None:
        if not re.search(r"Torch\s+has\s+no", text) or type(made).__module__.startswith("torch."):
            yield "torch's name for it, or that torch has none"
    elif not isinstance(made, attrgetter(said[1].removeprefix("torch."))(torch)):
        yield f"torch's right name: {said[1]} is not what it is compared with"


CASES = [pytest.param(make(), id=name) for package in PIECES for name, make in examples(package)]


def doc_of(example: Any) -> str:
    return inspect.cleandoc(type(example[0] if isinstance(example, tuple) else example).__doc__ or "")


@pytest.mark.parametrize("example", CASES)
def test_a_layer_loss_or_optimizer_says_its_equation_shapes_errors_source_and_twin(example):
    assert not [*lacking(example, doc_of(example))]


def maimed() -> Iterator[Any]:
    """Every docstring without each of its parts in turn."""
    for case in CASES:
        doc = doc_of(case.values[0])
        without = {
            "source": doc.split("Source:")[0],
            "errors": re.sub(r"Raises:\n(    .*\n)+", "", doc),
            "equation": re.sub(r"^    .*\n", "", doc, flags=re.MULTILINE),
            "derivative": doc.replace("∂C/∂", ""),
            "update": doc.replace("θ ← ", ""),
            "shapes": re.sub(r"\bany (one )?shape|\(\w+,[^)]*\)", "", doc),
            "torch": re.sub(r"Same as\s+torch|Torch\s+has\s+no", "", doc),
        }
        for part, rest in without.items():
            if rest != doc and not (part == "shapes" and isinstance(case.values[0], Optimizer | Penalty)):
                yield pytest.param(case.values[0], rest, id=f"{case.id}, {part}")


@pytest.mark.parametrize(("example", "doc"), [*maimed()])
def test_a_docstring_without_one_of_its_parts_is_found_lacking(example, doc):
    assert [*lacking(example, doc)]


@pytest.mark.parametrize(
    ("said", "instead", "complaint"),
    [
        ("W (out, in)", "W (in, out)", "the right shape of W"),
        ("Same as torch.nn.Linear", "Same as torch.nn.Bilinear", "torch's right name"),
        ("out_features", "rows", "that out_features may be refused"),
        ("the input is not", "it is not", "which input is refused"),
    ],
)
def test_a_docstring_that_says_another_thing_than_the_code_does_is_found_out(rng, said, instead, complaint):
    layer, x = Linear(3, 4, rng=rng), rng.standard_normal((5, 3))
    doc = inspect.cleandoc(Linear.__doc__ or "")
    assert said in doc
    assert any(what.startswith(complaint) for what in lacking((layer, x), doc.replace(said, instead)))


def test_an_error_that_nothing_provokes_is_not_to_be_said(rng):
    class Takes(Layer):
        def forward(self, x, /):
            return x, None

    data = [rng.standard_normal((5, 3))]
    assert [*wrong_errors(Takes(), data, "InputError: the input is negative.")]
    assert not [*wrong_errors(Takes(), data, "")]
