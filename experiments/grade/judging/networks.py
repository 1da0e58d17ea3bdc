"""The whole backward of a network, `backward(W1, b1, …, x, y)`: in the layout that it is written for, against the
truth of its cost, or else against the network of document A's kind in torch.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from experiments.grade.errors import Failed, Unclear
from experiments.grade.judging.against_truth import compare_example
from experiments.grade.judging.checked_piece import CheckedPiece
from experiments.grade.judging.factor_convention import Measured
from experiments.grade.judging.proxies import NONE
from experiments.grade.judging.zeros import settle_zeros
from experiments.grade.process.answers import Arrays, Observation
from experiments.grade.process.requests import NetworkBackward, ObserveInputs
from experiments.grade.task.expected import held
from manual import HalfMSELoss, Linear, Network, ReLU
from manual.documents import hand_computation
from manual.numbers.number_types import Array
from torch_ref import compare, to_numpy, to_torch, twin
from torch_ref.diagnosis import Case, Compared, diagnose, of_layer
from torch_ref.tolerance.bounded import Bounded


class Layout(NamedTuple):
    """How a submission's arrays lie: ours as its own, and its gradient as ours."""

    there: Callable[[Arrays], Arrays]
    back: Callable[[str, Array], Array]


def _turned(name: str, a: Array) -> Array:
    return a.T.copy() if name.startswith("W") else a


def _as_column(name: str, a: Array) -> Array:
    return a.T.copy() if name in ("x", "y") else a[:, None] if name.startswith("b") else a


def _from_column(name: str, g: Array) -> Array:
    return g[:, 0] if name.startswith("b") and g.shape[1:] == (1,) else g


def _first(name: str, a: Array) -> Array:
    return a[0] if name in ("x", "y") else a


def _each(change: Callable[[str, Array], Array]) -> Callable[[Arrays], Arrays]:
    return lambda arrays: {name: change(name, a) for name, a in arrays.items()}


ONE_EXAMPLE = "one example at a time"
LAYOUTS = {
    "examples are rows, W is (out, in)": Layout(lambda arrays: arrays, lambda _, g: g),
    "examples are rows, W is (in, out)": Layout(_each(_turned), _turned),
    "examples are columns, W is (out, in), b is (out, 1)": Layout(_each(_as_column), _from_column),
    ONE_EXAMPLE: Layout(_each(_first), lambda _, g: g),
}


def network(checked: CheckedPiece) -> None:
    """One function: against its own cost's truth, else the network of document A in torch.

    Raises:
        Unclear: it gives no cost, and is the gradient of another than that network's.
    """
    rng, names = np.random.default_rng(0), checked.arguments[:-2]
    if checked.has_cost:
        checked.finding.against = "the truth of its cost"
    else:
        checked.finding.against = "torch's network with ReLU, no activation at the end, ½ Σ (ŷ − y)² / N"
    sizes = [3, *range(4, 3 + len(names) // 2), 2]
    linear = [layer for i, o in pairwise(sizes) for layer in (Linear(i, o, rng=rng), ReLU())][:-1]
    network = Network(*linear)
    many, one = ((rng.standard_normal((n, 3)), rng.standard_normal((n, 2))) for n in (5, 1))
    layout = _layout(checked, network, names, many, one)
    checked.finding.form += f", {layout}"
    for x, y in [one] if layout == ONE_EXAMPLE else [many, one]:
        _compare(checked, network, x, y, names, LAYOUTS[layout])
    if len(names) == 4:
        example = hand_computation()
        _compare(checked, example.network, example.x, example.y, names, LAYOUTS[layout])
    unlike = all(c.differs and not c.cause and not c.reason for c in checked.comparisons)
    if unlike and not checked.has_cost and not checked.expected and _has_a_cost(checked, network, *many, names, layout):
        checked.comparisons.clear()
        raise Unclear("it is another network than that: put its cost, of the same arguments, into the file")
    if checked.has_cost:
        settle_zeros(checked, lambda seed: _redrawn(checked, network, names, LAYOUTS[layout], seed))


def _has_a_cost(checked: CheckedPiece, network: Network, x: Array, y: Array, names: list[str], layout: str) -> bool:
    """Whether there is a cost that it may be the gradient of: second derivatives are the same in either order.

    Along two directions u and v, u·∂g/∂v = v·∂g/∂u, here by central differences; of a wrong gradient they are two
    numbers that have nothing to do with each other.
    """
    rng = np.random.default_rng(1)

    def slope(along: Network) -> dict[str, Array]:
        """How each gradient changes along this direction."""
        ends = []
        for sign in (1, -1):
            moved = {n: p + sign * 1e-5 * along.params[n] for n, p in network.params.items()}
            inputs = LAYOUTS[layout].there(_arrays_of(network.like(**moved), names, x, y))
            found = checked.child.ask(NetworkBackward(checked.name, inputs)).by
            ends.append({n: LAYOUTS[layout].back(n, found[f"d{n}"]) for n in names})
        return {n: (ends[0][n] - ends[1][n]) / 2e-5 for n in names}

    def direction() -> Network:
        return network.like(**{n: rng.standard_normal(p.shape) for n, p in network.params.items()})

    def dot(slopes: dict[str, Array], along: Network) -> float:
        return sum(float((slopes[n] * d).sum()) for n, d in zip(names, along.params.values(), strict=True))

    u, v = direction(), direction()
    one, other = dot(slope(u), v), dot(slope(v), u)
    return one != 0 and abs(one - other) <= 1e-6 * abs(one)


def _redrawn(checked: CheckedPiece, network: Network, names: list[str], layout: Layout, seed: int) -> list[Observation]:
    rng = np.random.default_rng(seed)
    drawn = network.like(**{name: rng.standard_normal(p.shape) for name, p in network.params.items()})
    inputs = _arrays_of(drawn, names, rng.standard_normal((5, 3)), rng.standard_normal((5, 2)))
    if layout is LAYOUTS[ONE_EXAMPLE]:
        inputs |= {"x": inputs["x"][0], "y": inputs["y"][0]}
    else:
        inputs = layout.there(inputs)
    return [checked.child.ask(ObserveInputs(checked.name, inputs))]


def _layout(
    checked: CheckedPiece, network: Network, names: list[str], many: tuple[Array, Array], one: tuple[Array, Array]
) -> str:
    """The first layout of the arrays in which the gradients have the parameters' shapes, or else one that runs.

    Raises:
        Failed: there is none; what the first one ran into.
    """
    why: list[Failed] = []
    runs: list[str] = []
    for name, layout in ((n, one) for n, one in LAYOUTS.items() if checked.child.told.fits(n)):
        inputs = layout.there(_arrays_of(network, names, *(one if name == ONE_EXAMPLE else many)))
        try:
            found = checked.child.ask(NetworkBackward(checked.name, inputs)).by
        except Failed as error:
            why.append(error)
            continue
        if all(f"d{n}" in found and found[f"d{n}"].shape == inputs[n].shape for n in names):
            return name
        runs.append(name)
    if not runs:
        raise why[0]
    return runs[0]


def _compare(checked: CheckedPiece, network: Network, x: Array, y: Array, names: list[str], layout: Layout) -> None:
    inputs = layout.there(_arrays_of(network, names, x, y))
    if checked.has_cost:
        compare_example(
            checked, lambda moved: checked.child.ask(ObserveInputs(checked.name, inputs, moved)), fixed=inputs
        )
        return
    if checked.expected and checked.expected.reference:
        ours = checked.child.ask(NetworkBackward(checked.name, inputs)).by
        checked.finding.against = "the task's reference"
        checked.comparisons += held(checked, inputs, ours, None, names)
        return
    for place in checked.in_every_order():
        case = _case(network, x, y, checked.device)
        gradients = checked.proxies.network(inputs)
        if gradients is None:
            checked.fail("backward", checked.proxies.troubles.pop("network"))
        else:
            _compare_gradients(checked, place, case, gradients, names, layout)


def _compare_gradients(
    checked: CheckedPiece, place: str, case: Case, gradients: Arrays, names: list[str], layout: Layout
) -> None:
    quantities = dict(zip(names, case.compared, strict=True))
    expected = layout.there({n: case.compared[q].reference for n, q in quantities.items()})
    allowed = layout.there({n: case.compared[q].allowed for n, q in quantities.items()})
    sizes = case.sizes.get("N", 1), case.sizes.get("the number of outputs", 1)
    for name, quantity in quantities.items():  # all of them are in the case before the first is diagnosed
        ours = gradients.get(f"d{name}")
        if ours is not None:
            case.compared[quantity] = case.compared[quantity]._replace(ours=layout.back(name, ours))
            checked.proxies.measured.append(Measured(*case.compared[quantity], *sizes))
    for name, quantity in quantities.items():
        ours = gradients.get(f"d{name}")
        if ours is None:
            checked.fail(f"d{name}", NONE)
            continue
        c = compare(place, f"d{name}", ours, expected[name], allowed[name])
        checked.comparisons.append(replace(c, cause=diagnose(case, quantity)) if c.ratio > 1 else c)


def _arrays_of(network: Network, names: list[str], x: Array, y: Array) -> Arrays:
    """Everything that the function takes."""
    return {**dict(zip(names, network.params.values(), strict=True)), "x": x, "y": y}


def _case(network: Network, x: Array, y: Array, device: str) -> Case:
    """Torch's gradient, how far a right one may be from it, and what a wrong one may come from."""
    loss, module = HalfMSELoss(), twin(network, device)
    prediction, _ = network.forward(x)
    delta = loss.backward(loss.forward(prediction, y)[1])
    twin(loss, device)(module(to_torch(x, device)), to_torch(y, device)).backward()
    number: Any = network.like(**{name: Bounded(p, p.dtype) for name, p in network.params.items()})  # pyright: ignore[reportArgumentType]
    output, tape = number.forward(Bounded(x, x.dtype))
    gradient = number.gradient(loss.backward(loss.forward(output, Bounded(y, y.dtype))[1]), tape)  # pyright: ignore[reportArgumentType]
    compared = {
        f"d{name}": Compared(None, to_numpy(p.grad), 2 * gradient.params[name].error)  # pyright: ignore[reportArgumentType]
        for name, p in module.named_parameters()
    }
    return of_layer(network, x, delta, compared)
