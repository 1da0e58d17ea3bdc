"""How people lay out the arrays of `backward(W1, b1, …, x, y)`, and the network of document A's kind to hold it against."""

from collections.abc import Callable
from typing import Any, NamedTuple

from manual import HalfMSELoss, Network
from manual.number_types import Array
from torch_ref import to_numpy, to_torch, twin
from torch_ref.bounds import Bounded
from torch_ref.diagnosis import Case, Compared, of_layer


class Layout(NamedTuple):
    """How a submission's arrays lie: ours as its own, and its gradient as ours."""

    there: Callable[[dict[str, Array]], dict[str, Array]]
    back: Callable[[str, Array], Array]


def _turned(name: str, a: Array) -> Array:
    return a.T.copy() if name.startswith("W") else a


def _as_column(name: str, a: Array) -> Array:
    return a.T.copy() if name in ("x", "y") else a[:, None] if name.startswith("b") else a


def _from_column(name: str, g: Array) -> Array:
    return g[:, 0] if name.startswith("b") and g.shape[1:] == (1,) else g


def _first(name: str, a: Array) -> Array:
    return a[0] if name in ("x", "y") else a


def _each(change: Callable[[str, Array], Array]) -> Callable[[dict[str, Array]], dict[str, Array]]:
    return lambda given: {name: change(name, a) for name, a in given.items()}


ONE_EXAMPLE = "one example at a time"
LAYOUTS = {
    "examples are rows, W is (out, in)": Layout(lambda given: given, lambda _, g: g),
    "examples are rows, W is (in, out)": Layout(_each(_turned), _turned),
    "examples are columns, W is (out, in), b is (out, 1)": Layout(_each(_as_column), _from_column),
    ONE_EXAMPLE: Layout(_each(_first), lambda _, g: g),
}


def arrays_of(network: Network, names: list[str], x: Array, y: Array) -> dict[str, Array]:
    """Everything that the function takes."""
    return {**dict(zip(names, network.params.values(), strict=True)), "x": x, "y": y}


def network_case(network: Network, x: Array, y: Array, device: str) -> Case:
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
