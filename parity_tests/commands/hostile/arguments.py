"""Arguments of every layer, loss, optimizer, penalty and start."""

from inspect import Parameter, signature
from typing import Any

import numpy as np
from hypothesis import strategies as st

import manual
from manual import Block, InputError, Layer, Loss, Network, Optimizer, Penalty, init
from manual.numbers.number_types import Undecided
from parity_tests.commands.hostile.broken import Refused, names, numbers, values

PUBLIC = [
    public
    for name, public in sorted(vars(manual).items())
    if isinstance(public, type)
    and issubclass(public, Layer | Loss | Optimizer | Penalty)
    and public not in (Layer, Block, Loss, Optimizer, Penalty, Network)
]
STARTS = [init.constant, init.xavier_uniform, init.xavier_normal, init.kaiming_uniform, init.kaiming_normal]
sizes = st.integers(-1, 6) | st.tuples(st.integers(0, 4), st.integers(0, 4))
fitting = {
    **dict.fromkeys(["in_features", "out_features"], st.integers(0, 6)),
    **dict.fromkeys(["in_channels", "out_channels"], st.integers(0, 3)),
    **dict.fromkeys(["kernel_size", "stride", "padding"], sizes),
    "bias": st.booleans(), "reduction": st.sampled_from(["mean", "sum"]),
    "betas": st.tuples(st.floats(0, 1), st.floats(0, 1)),
}  # fmt: skip
shapes = st.lists(st.integers(0, 6), max_size=4).map(tuple)
fills = st.sampled_from([0, 1, -2.5, 1e38, 1e308, np.inf, np.nan])
arrays = st.tuples(shapes, st.sampled_from(["f8", "f4", "f2", "i8", "u1", "?"]), fills)


def array(drawn: tuple[tuple[int, ...], str, float]) -> Any:
    shape, dtype, number = drawn
    with np.errstate(all="ignore"):
        return np.full(shape, number).astype(dtype)


def arguments(public: Any) -> st.SearchStrategy[dict[str, Any]]:
    """For each argument what may fit, more often than not, or anything."""
    odd = st.one_of(numbers, names, values, arrays.map(array))
    required, optional = {}, {}
    for name, parameter in signature(public).parameters.items():
        if name not in ("rng", "network"):
            kind = required if parameter.default is Parameter.empty else optional
            kind[name] = fitting.get(name, st.floats(0, 1)) | odd
    return st.fixed_dictionaries(required, optional=optional)


def try_arguments(case: tuple[Any, dict[str, Any], Any, Any], _: object) -> None:
    """Make it with these arguments, and take it one step forward and back."""
    public, given, x, y = case
    rng = np.random.default_rng(0)
    given = given | ({"rng": rng} if "rng" in signature(public).parameters else {})
    try:
        with np.errstate(all="ignore"):
            _step(public, given, array(x), array(y), rng)
    except (InputError, Undecided, MemoryError) as error:
        said = str(error)
    except ValueError as error:  # so NumPy refuses an array that no address could reach, where another has no memory
        if "too big" not in (said := str(error)):
            raise
    else:
        return
    assert "\n" not in said
    raise Refused


def _step(public: Any, given: dict[str, Any], x: Any, y: Any, rng: np.random.Generator) -> None:
    network = Network(manual.Linear(2, 3, rng=rng))
    if public in STARTS:
        public(network, **given)
        return
    made = public(**given)
    repr(made)
    if isinstance(made, Layer):
        network = Network(made)
        out, tape = network.forward(x)
        network.backward(out, tape)
        network.commit(tape)
    elif isinstance(made, Loss):
        _, cache = made.forward(x, y)
        made.backward(cache)
    elif isinstance(made, Penalty):
        _, cache = made.forward(network)
        made.backward(cache)
    else:
        for _ in range(2):
            made.step(network, network.like(**network.params))


steps = st.sampled_from([*PUBLIC, *STARTS]).flatmap(
    lambda public: st.tuples(st.just(public), arguments(public), arrays, arrays)
)
