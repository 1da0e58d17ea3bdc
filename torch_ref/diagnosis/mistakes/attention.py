"""Wrong formulas of attention: within a head, and around the heads.

S = q kᵀ / √d,  A = softmax(S),  o = A v          ∂C/∂A = g vᵀ = G,  ∂C/∂S = A (G − Σ G A),  g = ∂C/∂o
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch_ref.diagnosis.mistakes.formula import changed
from torch_ref.diagnosis.mistakes.passes import Backward, Forward, output, plain

Triple = tuple[Any, Any, Any]


def _slope(da: Any, a: Any, axis: int = 3) -> Any:
    """∂C/∂S, with the sum along an axis."""
    return a * (da - (da * a).sum(axis=axis, keepdims=True))


def _by(back: Callable[..., Triple]) -> Backward:
    """Another way back within the heads: `back(g, q, k, v, a)` is (∂C/∂q, ∂C/∂k, ∂C/∂v)."""
    return lambda f, x, d: plain(changed(f, _back=back), x, d)


def _softmax(slope: Callable[[Any, Any], Any], root: Callable[[Any], float] = lambda q: q.shape[3] ** 0.5) -> Backward:
    """Another derivative of the softmax, or another number than √d."""

    def back(g: Any, q: Any, k: Any, v: Any, a: Any) -> Triple:
        ds = slope(g @ v.swapaxes(2, 3), a) / root(q)
        return ds @ k, ds.swapaxes(2, 3) @ q, a.swapaxes(2, 3) @ g

    return _by(back)


def _exchanged(f: Any, x: Any, d: Any) -> tuple[Any, Any]:
    def back(*given: Any) -> Triple:
        dq, dk, dv = f._back(*given)
        return dk, dq, dv

    return plain(changed(f, _back=back), x, d)


def _values_through_a(f: Any, x: Any, d: Any) -> tuple[Any, Any]:
    def back(g: Any, q: Any, k: Any, v: Any, a: Any) -> Triple:
        dq, dk, _ = f._back(g, q, k, v, a)
        return dq, dk, a @ g

    return plain(changed(f, _back=back), x, d)


def _alone(place: int) -> Backward:
    """The δ of the query, the key or the value alone, where x is all three."""

    def backward(f: Any, x: Any, d: Any) -> tuple[Any, Any]:
        cache = f.forward(x)[1]
        dx, gradient = f.backward(d, cache._replace(given=replace(cache.given, inputs=3)))
        return dx[place], gradient

    return backward


def _one_after_the_other(f: Any, x: Any) -> Any:
    """The heads, as a reshape without an exchange of axes splits them."""

    def apart(x: Any) -> Any:
        x = x if f.batch_first else x.swapaxes(0, 1)
        return x.reshape(len(x), f.num_heads, x.shape[1], -1)

    return output(changed(f, _apart=apart), x)


def _unscaled(f: Any, x: Any) -> Any:
    """S = q kᵀ: the queries are √d times as large."""
    e, root = f.embed_dim, (f.embed_dim / f.num_heads) ** 0.5
    larger = {name: p.copy() for name, p in f.params.items() if name.startswith("in_proj")}
    for p in larger.values():
        p[:e] = p[:e] * root
    return output(changed(f, **larger), x)


ATTENTION: list[tuple[str, Backward]] = [
    ("the sum over the other keys is left out in the softmax's derivative", _softmax(lambda da, a: da * a)),
    ("a(1 − a) is used, the diagonal alone of the softmax's derivative", _softmax(lambda da, a: da * a * (1 - a))),
    ("the softmax's sum runs over the queries", _softmax(lambda da, a: _slope(da, a, axis=2))),
    ("the scale 1/√d is left out on the way back", _softmax(_slope, lambda _: 1)),
    ("the way back is scaled by the whole width, not a head's",
     _softmax(_slope, lambda q: (q.shape[1] * q.shape[3]) ** 0.5)),
    ("q and k have each other's gradient", _exchanged),
    ("v's gradient goes through A, not through Aᵀ", _values_through_a),
    *((f"the input has the δ of the {name} alone", _alone(i)) for i, name in enumerate(("query", "key", "value"))),
]  # fmt: skip

ATTENDED: list[tuple[str, Forward]] = [
    ("the scale 1/√d is left out", _unscaled),
    ("the mask is not applied: a place looks at what comes later", lambda f, x: output(changed(f, causal=False), x)),
    ("the heads are split as if they lay one after the other", _one_after_the_other),
]
