"""Wrong formulas that people write, evaluated by the project's own code.

    ACTIVATIONS, PARAMETERS, CONVOLUTION, POOLING, …    (layer, x, δ) → (dx, gradient)        in place of `backward`
    OUTPUTS                                             (layer, x) → y                        in place of `forward`
    LOSSES                                              (loss, prediction, target) → delta
    UPDATES                                             (optimizer, p, g, state)              in place of `update`

Each list grows by one line: what is wrong, and the formula. It runs on every number type, as the right ones do: on floats to
see whether it comes near, and on `Bounded` to prove it. One that cannot be evaluated for a piece (there is no weight, the
shapes do not fit) raises, and does not apply to it.
"""

from collections.abc import Callable, Iterator
from copy import copy
from itertools import product
from typing import Any

import numpy as np

import manual
from manual import Layer, Loss, Network, Optimizer
from manual.correlation import correlate
from manual.number_types import Array
from manual.windows import Pair, pixels

Values = dict[str, Any]  # by the quantity's name: "dx", "dweight", "delta", "weight", "weight, exp_avg", …
Number = Callable[[Array], Any]  # an array of floats as one of another number type, which may be changed in place
Mistake = tuple[str, Callable[[Number], Values]]  # what is wrong, and what it leads to
FOREVER = 10**9  # steps, after which 1 − βᵗ is 1: no bias correction


def _with(piece: Any, **attributes: Any) -> Any:
    piece = copy(piece)
    piece.__dict__ |= attributes
    return piece


# ---------------------------------------------------------------- layers

Backward = Callable[[Any, Any, Any], tuple[Any, Any]]


def _right(layer: Layer, x: Any, delta: Any) -> tuple[Any, Any]:
    return layer.backward(delta, layer.forward(x)[1])


def _out(layer: Layer, x: Any) -> Any:
    return layer.forward(x)[0]


def _of_rows(layer: Layer, x: Any, delta: Any, rows: slice) -> tuple[Any, Any]:
    return _right(layer, x, delta)[0], _right(layer, x[rows], delta[rows])[1]


def _bias(layer: Any, x: Any, delta: Any, bias: Any) -> tuple[Any, Any]:
    dx, gradient = _right(layer, x, delta)
    return dx, gradient.like(weight=gradient.weight, bias=bias)


WITHOUT_DELTA: list[tuple[str, Backward]] = [("δ is left out", lambda f, x, d: _right(f, x, d * 0 + 1))]
ACTIVATIONS: list[tuple[str, Backward]] = [
    *WITHOUT_DELTA,
    ("σ' is taken at a instead of at z", lambda f, x, d: f.backward(d, f.forward(_out(f, x))[1])),
    ("the input stands where the output belongs in σ'", lambda f, x, d: f.backward(d, x)),
    ("σ' is left out", lambda f, _, d: (d, f)),
    ("σ' is applied twice", lambda f, x, d: _right(f, x, _right(f, x, d)[0])),
    ("the mask is taken from δ", lambda f, _, d: f.backward(d, f.forward(d)[1])),
    ("a(1 − a) is used: the derivative of Sigmoid, the diagonal alone of Softmax's",
     lambda f, x, d: manual.Sigmoid().backward(d, _out(f, x))),
    ("1 − a² is used: the derivative of Tanh", lambda f, x, d: manual.Tanh().backward(d, _out(f, x))),
]  # fmt: skip
SOFTMAX: list[tuple[str, Backward]] = [
    ("the sum over the other outputs is left out", lambda f, x, d: (d * _out(f, x), f)),
    ("the sum runs over the wrong axis", lambda f, x, d: _with(f, dim=0).backward(d, _out(f, x))),
]
PARAMETERS: list[tuple[str, Backward]] = [
    ("the weight is transposed", lambda f, x, d: _right(f.like(weight=f.weight.T, bias=f.bias), x, d)),
    ("the output stands where the input belongs", lambda f, x, d: f.backward(d, _out(f, x))),
    ("the gradient is that of the first example alone", lambda f, x, d: _of_rows(f, x, d, slice(1))),
    ("the gradient is that of the last example alone", lambda f, x, d: _of_rows(f, x, d, slice(-1, None))),
    ("δ is summed over the wrong axis", lambda f, x, d: _bias(f, x, d, d.sum(axis=1))),
    ("δ is summed over the wrong axis: over the outputs too", lambda f, x, d: _bias(f, x, d, d.sum())),
]

# ---------------------------------------------------------------- pictures


def _turned(kernel: Any) -> Any:
    return kernel[:, :, ::-1, ::-1]


def _weight(layer: Any, x: Any, delta: Any, move: Callable[[Any], Any]) -> tuple[Any, Any]:
    dx, gradient = _right(layer, x, delta)
    return dx, gradient.like(weight=move(gradient.weight), bias=gradient.bias)


def _padded(layer: Any, by: int) -> Any:
    return _with(layer, _padding=tuple(p + by for p in layer._padding))


def _correlated(layer: Any, x: Any, by: int) -> Any:
    y = correlate(x, layer.weight, _out(layer, x).shape[2:], layer._stride, _padded(layer, by)._padding)
    return y if layer.bias is None else y + layer.bias[:, None, None]


def _on_a_field(layer: Any, x: Any, delta: Any, stride: Pair, corner: Pair) -> tuple[Any, Any]:
    """δ as it is dealt out to windows that lie `stride` apart; the picture is cut out at `corner`."""
    cache, room = layer.forward(x)[1], max(stride) * max(delta.shape[2:]) + max(layer._kernel)
    field = np.pad(x, ((0, 0), (0, 0), (0, room), (0, room)), "constant")
    plain = _with(layer, _stride=stride, _padding=(0, 0))
    dx, _ = plain.backward(delta, (field.shape, cache[1]) if isinstance(layer, manual.MaxPool2d) else field)
    return dx[:, :, corner[0] : corner[0] + x.shape[2], corner[1] : corner[1] + x.shape[3]], layer


def _zero_padded(layer: Any, x: Any) -> tuple[Any, Any]:
    """The layer without padding, and the picture with a margin of 0 in its place."""
    p, q = layer._padding
    return _with(layer, _padding=(0, 0)), np.pad(x, ((0, 0), (0, 0), (p, p), (q, q)), "constant")


def _cropped(layer: Any, field: Any, x: Any) -> Any:
    p, q = layer._padding
    return field[:, :, p : p + x.shape[2], q : q + x.shape[3]]


def _dealt(layer: Any, x: Any, delta: Any, some: slice) -> tuple[Any, Any]:
    """Undivided to these pixels of every window, in reading order."""
    field = _zero_padded(layer, np.zeros_like(x))[1]
    for window in pixels(layer._kernel, layer._stride, delta.shape[2:])[some]:
        field[window] += delta
    return _cropped(layer, field, x), layer


def _among_ties(layer: Any, x: Any, delta: Any, divided: bool) -> tuple[Any, Any]:
    """To every pixel of a window that is as large as the largest: an equal part, or the whole."""
    (p, q), y, field = layer._padding, _out(layer, x), layer._pad(x)
    inside = np.pad(np.ones(x.shape[2:], bool), ((p, p), (q, q)))
    windows = pixels(layer._kernel, layer._stride, delta.shape[2:])
    tied = [(field[window] == y) & inside[window[2:]] for window in windows]
    part, dx = delta / np.sum(tied, axis=0) if divided else delta, layer._pad(np.zeros_like(x))
    for window, on in zip(windows, tied, strict=True):
        dx[window] += part * on
    return layer._fold(dx), layer


def _without_last(layer: Layer, x: Any, delta: Any, axis: int) -> tuple[Any, Any]:
    on = np.ones(delta.shape, bool)
    np.moveaxis(on, axis, 0)[-1] = False
    return _right(layer, x, delta * on)


def _overwritten(layer: Any, x: Any, delta: Any, zeros_too: bool) -> tuple[Any, Any]:
    """What a pixel has from the last window that it lies in, or from the last that gave it anything but 0.

    Windows i, i + m, i + 2m, … do not overlap if m is large enough: what each gave is read off one backward pass.
    """
    cache, dx, given = layer.forward(x)[1], np.zeros_like(x), {}
    m, n = (-(-k // s) for k, s in zip(layer._kernel, layer._stride, strict=True))
    for r, c in product(range(m), range(n)):
        on = np.zeros(delta.shape, bool)
        on[:, :, r::m, c::n] = True
        given[r, c] = layer.backward(delta * on, cache)[0]
    axes = zip(layer._kernel, layer._stride, layer._padding, x.shape[2:], delta.shape[2:], strict=True)
    for i, j in product(*(_windows_over(*axis) for axis in axes)):
        for (r, c), part in given.items():
            here = np.broadcast_to(((i >= 0) & (i % m == r))[:, None] & (j >= 0) & (j % n == c), x.shape)
            here = here if zeros_too else here & (part != 0)
            dx = dx * ~here + part * here
    return dx, layer


def _windows_over(kernel: int, stride: int, padding: int, pixels: int, windows: int) -> list[Array]:
    """Along one axis, the numbers of the windows over each pixel, the first ones first; negative for none."""
    place = np.arange(pixels) + padding
    before = [place // stride - back for back in reversed(range(-(-kernel // stride)))]
    return [np.where(i < windows, i, -1) for i in before]


def _in_window(layer: Any) -> int:
    return layer._kernel[0] * layer._kernel[1]


def _inside(layer: Any, x: Any) -> Array:
    """How many pixels of the picture each window has."""
    return np.rint(_out(layer, np.ones(x.shape)) * _in_window(layer))


WINDOWS: list[tuple[str, Backward]] = [
    ("the last row of windows is left out", lambda f, x, d: _without_last(f, x, d, 2)),
    ("the last column of windows is left out", lambda f, x, d: _without_last(f, x, d, 3)),
    ("where windows overlap, the last one overwrites the others", lambda f, x, d: _overwritten(f, x, d, zeros_too=True)),
]
CONVOLUTION: list[tuple[str, Backward]] = [
    *PARAMETERS,
    ("the kernel is turned by 180°", lambda f, x, d: _right(f.like(weight=_turned(f.weight), bias=f.bias), x, d)),
    ("the kernel is turned upside down", lambda f, x, d: _right(f.like(weight=f.weight[:, :, ::-1], bias=f.bias), x, d)),
    ("the kernel is turned left to right", lambda f, x, d: _right(f.like(weight=f.weight[..., ::-1], bias=f.bias), x, d)),
    ("the kernel is turned by 180°", lambda f, x, d: _weight(f, x, d, _turned)),
    ("the channels are exchanged, in and out", lambda f, x, d: _weight(f, x, d, lambda w: w.transpose(1, 0, 2, 3))),
    ("δ is not summed over the pixels", lambda f, x, d: _bias(f, x, d, d.sum(axis=0))),
    ("the stride is left out", lambda f, x, d: _with(f, _stride=(1, 1)).backward(d, x)),
    ("the padding is left out", lambda f, x, d: _with(f, _padding=(0, 0)).backward(d, x)),
    ("the padding is off by one: one less", lambda f, x, d: _padded(f, -1).backward(d, x)),
    ("the padding is off by one: one more", lambda f, x, d: _padded(f, 1).backward(d, x)),
    *WINDOWS,
]
POOLING: list[tuple[str, Backward]] = [
    *WITHOUT_DELTA,
    ("δ goes to the first pixel of its window", lambda f, x, d: _dealt(f, x, d, slice(1))),
    ("the stride is left out: the windows lie side by side", lambda f, x, d: _on_a_field(f, x, d, f._kernel, f._padding)),
    ("the stride is left out", lambda f, x, d: _on_a_field(f, x, d, (1, 1), f._padding)),
    ("the padding is left out", lambda f, x, d: _on_a_field(f, x, d, f._stride, (0, 0))),
    *WINDOWS,
]
MAX_POOLING: list[tuple[str, Backward]] = [
    *POOLING,
    ("a convention: a tie is split equally", lambda f, x, d: _among_ties(f, x, d, divided=True)),
    ("a convention: in a tie every pixel has the whole δ", lambda f, x, d: _among_ties(f, x, d, divided=False)),
    ("δ goes to every pixel of its window", lambda f, x, d: _dealt(f, x, d, slice(None))),
    ("where windows overlap, the last one overwrites the others", lambda f, x, d: _overwritten(f, x, d, zeros_too=False)),
    ("the padding counts as 0, which is more than a negative pixel",
     lambda f, x, d: (_cropped(f, _right(*_zero_padded(f, x), d)[0], x), f)),
]  # fmt: skip
AVG_POOLING: list[tuple[str, Backward]] = [
    *POOLING,
    ("δ is not divided by the size of the window", lambda f, x, d: _right(f, x, d * _in_window(f))),
    ("δ is divided twice by the size of the window", lambda f, x, d: _right(f, x, d / _in_window(f))),
    ("a convention: only pixels of the picture count", lambda f, x, d: _right(f, x, d * _in_window(f) / _inside(f, x))),
]
DROPOUT: list[tuple[str, Backward]] = [
    ("the scale 1/(1 − p) is left out", lambda f, x, d: (d * f.forward(x)[1], f)),
    ("the scale is 1/p", lambda f, x, d: (d * f.forward(x)[1] / f.p, f)),
    ("the mask is left out", lambda f, _, d: (d / (1 - f.p), f)),
]

Forward = Callable[[Any, Any], Any]

OUTPUTS: dict[type[Layer], list[tuple[str, Forward]]] = {
    manual.Conv2d: [
        ("the kernel is turned by 180°: a convolution, not a correlation",
         lambda f, x: _out(f.like(weight=_turned(f.weight), bias=f.bias), x)),
        ("the padding is off by one: one less", lambda f, x: _correlated(f, x, -1)),
        ("the padding is off by one: one more", lambda f, x: _correlated(f, x, 1)),
    ],
    manual.MaxPool2d: [
        ("the padding counts as 0, which is more than a negative pixel", lambda f, x: _out(*_zero_padded(f, x))),
    ],
    manual.AvgPool2d: [
        ("it is not divided by the size of the window", lambda f, x: _out(f, x) * _in_window(f)),
        ("a convention: only pixels of the picture count", lambda f, x: _out(f, x) * _in_window(f) / _inside(f, x)),
    ],
    manual.Dropout: [
        ("the scale 1/(1 − p) is left out", lambda f, x: x * f.forward(x)[1]),
        ("the scale is 1/p", lambda f, x: x * f.forward(x)[1] / f.p),
        ("the mask is left out", lambda f, x: x / (1 - f.p)),
    ],
}  # fmt: skip
BACKWARDS: dict[type[Layer], list[tuple[str, Backward]]] = {
    manual.Softmax: ACTIVATIONS + SOFTMAX,
    manual.Conv2d: CONVOLUTION,
    manual.MaxPool2d: MAX_POOLING,
    manual.AvgPool2d: AVG_POOLING,
    manual.Flatten: WITHOUT_DELTA,
    manual.Dropout: DROPOUT,
}


def layer_mistakes(layer: Layer, x: Array, delta: Array) -> Iterator[Mistake]:
    """The mistakes of a layer, given x and δ: the "y", or the "dx" and "dp", they lead to. In a network each is made
    everywhere, or in one layer alone, and then the place is named.
    """
    for cause, out in OUTPUTS.get(type(layer), []):
        yield cause, lambda number, out=out: {"y": out(layer.like(**_as(number, layer.params)), number(x))}
    lists = {place: _of(piece) for place, piece in _leaves(layer)}
    for cause, wrong in dict.fromkeys(entry for entries in lists.values() for entry in entries):
        places = [place for place, entries in lists.items() if (cause, wrong) in entries]
        for where in [places, *([place] for place in places if len(places) > 1)]:

            def backward(piece: Layer, x: Any, delta: Any, place: str, wrong: Backward = wrong, where: Any = where) -> Any:
                return (wrong if place in where else _right)(piece, x, delta)

            yield (cause if where is places else f"{cause}, in layer {where[0]}"), _passed(layer, x, delta, backward)


def _passed(layer: Layer, x: Array, delta: Array, backward: Callable[..., Any]) -> Callable[[Number], Values]:
    def formula(number: Number) -> Values:
        return _pass(layer.like(**_as(number, layer.params)), number(x), number(delta), backward)

    return formula


def _as(number: Number, values: Values) -> Values:
    """Arrays of floats as another number type; other values as they are."""
    return {name: number(v) if getattr(v, "dtype", None) in (np.float32, np.float64) else v for name, v in values.items()}


def updated_first(layer: Layer, x: Array, delta: Array, quantity: str, ours: Array) -> Iterator[Mistake]:
    """The parameters are moved by −rate · gradient before δ goes back through them. The rate is the one that brings the
    quantity nearest to ours, to three digits: found by the secant method, from 0.
    """

    def moved_by(rate: float) -> Callable[..., Any]:
        def backward(piece: Layer, x: Any, delta: Any, _: str) -> Any:
            cache = piece.forward(x)[1]
            gradient = piece.gradient(delta, cache)
            moved = piece.like(**{name: p - rate * gradient.params[name] for name, p in piece.params.items()})
            return moved.backward(delta, cache)[0], gradient

        return backward

    right = _pass(layer, x, delta, moved_by(0)).get(quantity)
    if right is None or right.shape != np.shape(ours):
        return

    def gap(rate: float) -> float:
        return float(((_pass(layer, x, delta, moved_by(rate))[quantity] - ours) * (right - ours)).sum())

    rates, gaps = [0.0, 1e-3], [gap(0), gap(1e-3)]
    while len(rates) < 12 and gaps[-1] != gaps[-2]:
        rates.append(rates[-1] - gaps[-1] * (rates[-1] - rates[-2]) / (gaps[-1] - gaps[-2]))
        gaps.append(gap(rates[-1]))
    rate = float(f"{rates[-1]:.3g}")
    cause = f"the parameters are updated before δ goes back through them, with a learning rate of {rate:g}"
    yield cause, _passed(layer, x, delta, moved_by(rate))


def another_mask(layer: Layer, x: Array, delta: Array, quantity: str, ours: Array) -> Iterator[Mistake]:
    """A dropout whose mask is not the one it should be; it is read off ours."""
    given = {"y": x, "dx": delta}.get(quantity)
    if isinstance(layer, manual.Dropout) and given is not None and np.shape(ours) == given.shape and not np.all(ours):
        yield "it is another mask", lambda number: {quantity: number(given) * (ours != 0) / (1 - layer.p)}


def _pass(layer: Layer, x: Any, delta: Any, backward: Callable[..., Any]) -> Values:
    """A backward pass, with `backward(layer, x, δ, place)` in place of every layer's own."""
    inputs, gradients = [x], {}
    pieces = [*_leaves(layer)]
    for _, piece in pieces[:-1]:
        inputs.append(_out(piece, inputs[-1]))
    for (place, piece), a in zip(reversed(pieces), reversed(inputs), strict=True):
        delta, gradient = backward(piece, a, delta, place)
        gradients |= {f"d{place}.{name}".replace("d.", "d"): g for name, g in gradient.params.items()}
    return {"dx": delta, **gradients}


def _leaves(layer: Layer, place: str = "") -> Iterator[tuple[str, Layer]]:
    """The layers of a network that are not networks themselves, each with its place; a layer alone has the place ""."""
    if not isinstance(layer, Network):
        yield place, layer
        return
    for i, piece in enumerate(layer.layers):
        yield from _leaves(piece, f"{place}.{i}" if place else str(i))


def _of(layer: Layer) -> list[tuple[str, Backward]]:
    return BACKWARDS.get(type(layer), PARAMETERS if layer.params else ACTIVATIONS)


# ---------------------------------------------------------------- losses


def _delta(loss: Loss, prediction: Any, target: Any) -> Any:
    return loss.backward(loss.forward(prediction, target)[1])


def _n(loss: Any, z: Any) -> int:
    return len(z) if loss.reduction == "mean" else 1


def _onehot(z: Any, y: Array) -> Array:
    return np.arange(z.shape[1]) == y[:, None]


LOSSES: list[tuple[str, Callable[[Any, Any, Any], Any]]] = [
    ("the derivative of Softmax is applied again", lambda f, z, y: _right(manual.Softmax(), z, _delta(f, z, y))[0]),
    ("the derivative of Sigmoid is applied again", lambda f, z, y: _right(manual.Sigmoid(), z, _delta(f, z, y))[0]),
    ("it is the gradient by the probabilities, not by the logits",
     lambda f, z, y: -(_onehot(z, y) / _out(manual.Softmax(), z)) / _n(f, z)),
    ("it is the gradient by the probabilities, not by the logits",
     lambda f, z, y: _delta(f, z, y) / _right(manual.Sigmoid(), z, z * 0 + 1)[0]),
    ("the one-hot target stands at the class before",
     lambda f, z, y: (_out(manual.Softmax(), z) - _onehot(z, y - 1)) / _n(f, z)),
    ("the target is left out", lambda f, z, _: _out(manual.Softmax(), z) / _n(f, z)),
    ("the target is left out", lambda f, z, y: _delta(f, z, y * 0.0)),
]  # fmt: skip


def loss_mistakes(loss: Loss, prediction: Array, target: Array) -> Iterator[Mistake]:
    """The mistakes of a loss, given prediction and target: the "delta" they lead to."""
    for cause, wrong in LOSSES:

        def formula(number: Number, wrong: Callable[..., Any] = wrong) -> Values:
            return {"delta": wrong(loss, *_as(number, {"prediction": prediction, "target": target}).values())}

        yield cause, formula


# ---------------------------------------------------------------- optimizers

Update = Callable[[Any, Any, Any, dict[str, Any]], Any]


def _without(name: str) -> Update:
    return lambda o, p, g, s: _with(o, **{name: 1 if name == "lr" else 0}).update(p, g, s)


def _started(o: Optimizer, p: Any, g: Any, s: dict[str, Any]) -> None:
    s.setdefault("momentum_buffer", g * 0)
    o.update(p, g, s)


def _at_step(t: int) -> Update:
    """The rule at another count of steps, where the rule depends on it: in the bias correction by the betas."""

    def update(o: Any, p: Any, g: Any, s: dict[str, Any]) -> None:
        s["step"] = t - 1
        _with(o, betas=o.betas).update(p, g, s)

    return update


def _adam(denominator: Callable[[Any, Any, Any], Any]) -> Update:
    """Adam's or AdamW's rule with another denominator of the step: of v, 1 − β₂ᵗ and ε."""

    def update(o: Any, p: Any, g: Any, s: dict[str, Any]) -> None:
        o.update(p.copy(), g, s)
        c1, c2 = (1 - beta ** s["step"] for beta in o.betas)
        if isinstance(o, manual.AdamW):
            p *= 1 - o.lr * o.weight_decay
        p -= o.lr / c1 * s["exp_avg"] / denominator(s["exp_avg_sq"], c2, o.eps)

    return update


def _rmsprop_root(o: Any, p: Any, g: Any, s: dict[str, Any]) -> None:
    """v grows by ε before the root is taken: α(v + ε/α) + (1 − α)g²."""
    s["square_avg"] = s.get("square_avg", g * 0) + o.eps / o.alpha
    _with(o, eps=0).update(p, g, s)


def _decayed_first(o: Any, p: Any, g: Any, s: dict[str, Any]) -> None:
    p *= 1 - o.weight_decay
    _with(o, weight_decay=0).update(p, g, s)


UPDATES: list[tuple[str, Update]] = [
    ("the parameter is not moved", lambda o, p, g, s: o.update(p.copy(), g, s)),
    ("the step goes up the gradient", lambda o, p, g, s: o.update(p, -g, s)),
    ("the sign of weight_decay is wrong", lambda o, p, g, s: _with(o, weight_decay=-o.weight_decay).update(p, g, s)),
    *((f"it is computed without {name}", _without(name)) for name in ("lr", "momentum", "dampening", "nesterov", "centered")),
    ("the first gradient is dampened", _started),
    ("the new gradient is weighted by 1 − μ", lambda o, p, g, s: _started(_with(o, dampening=o.momentum), p, g, s)),
    ("lr is inside the buffer", lambda o, p, g, s: _with(o, lr=1).update(p, o.lr * g, s)),
    ("there is no bias correction", _at_step(FOREVER)),
    ("the mean of the squares is not corrected", _adam(lambda v, _, eps: np.sqrt(v) + eps)),
    ("the root is left out", _adam(lambda v, c, eps: v / c + eps)),
    ("a convention: ε is inside the root", _adam(lambda v, c, eps: np.sqrt(v / c + eps))),
    ("a convention: ε is inside the root", _rmsprop_root),
    ("a convention: ε is added before the bias correction", _adam(lambda v, c, eps: (np.sqrt(v) + eps) / c**0.5)),
    ("the betas are exchanged", lambda o, p, g, s: _with(o, betas=o.betas[::-1]).update(p, g, s)),
    ("α and 1 − α are exchanged", lambda o, p, g, s: _with(o, alpha=1 - o.alpha).update(p, g, s)),
    ("weight decay through the gradient, as in Adam", lambda o, p, g, s: manual.Adam.update(o, p, g, s)),
    ("weight decay on the parameter itself, as in AdamW", lambda o, p, g, s: manual.AdamW.update(o, p, g, s)),
    ("weight decay without lr", _decayed_first),
    *((f"the count of steps is {t}", _at_step(t)) for t in range(1, 11)),
]


def update_mistakes(optimizer: Optimizer, name: str, p: Array, g: Array, state: Values) -> Iterator[Mistake]:
    """The mistakes of a step, given the parameter `name`, its gradient and the state before it: what they lead to."""
    for cause, wrong in [*UPDATES, *_decay(p)]:

        def formula(number: Number, wrong: Update = wrong) -> Values:
            after = _as(number, {key: int(v) if key == "step" else v for key, v in state.items()})
            moved = number(p)
            wrong(optimizer, moved, number(g), after)
            return {name: moved, **{f"{name}, {key}": value for key, value in after.items()}}

        yield cause, formula


def _decay(p: Array) -> list[tuple[str, Update]]:
    """That a parameter is spared by the decay is a convention where it is a bias."""
    cause = "it is computed without weight_decay" if p.ndim > 1 else "a convention: biases are spared by weight_decay"
    return [(cause, _without("weight_decay"))]
