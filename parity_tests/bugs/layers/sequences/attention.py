"""Mistakes in attention."""

from dataclasses import replace

import numpy as np

from manual import MultiheadAttention
from parity_tests.bugs.registry import bug

# ---------------------------------------------------------------- MultiheadAttention


def given(softmax_back, scale=lambda q: q.shape[3] ** 0.5):
    """A way back that has another derivative of the softmax, or of what is under it."""

    def back(self, g, q, k, v, a):
        ds = softmax_back(g @ v.swapaxes(2, 3), a) / scale(q)
        return ds @ k, ds.swapaxes(2, 3) @ q, a.swapaxes(2, 3) @ g

    return back


def right(da, a):
    return a * (da - (da * a).sum(axis=3, keepdims=True))


@bug("dx", "a(1 − a) is used")
class _(MultiheadAttention):
    """The softmax has the derivative of one output by its own input alone, A(1 − A)."""

    _back = given(lambda da, a: da * a * (1 - a))


@bug("dx", "the sum over the other keys is left out")
class _(MultiheadAttention):
    """The sum over the other keys is left out."""

    _back = given(lambda da, a: da * a)


@bug("dx", "runs over the queries")
class _(MultiheadAttention):
    """The softmax's sum runs over the queries."""

    _back = given(lambda da, a: a * (da - (da * a).sum(axis=2, keepdims=True)))


@bug("dx", "the scale 1/√d is left out on the way back")
class _(MultiheadAttention):
    """The way back is not divided by √d."""

    _back = given(right, lambda q: 1)


@bug("dx", "scaled by the whole width")
class _(MultiheadAttention):
    """The way back is divided by the root of the whole width, not of a head's."""

    _back = given(right, lambda q: (q.shape[1] * q.shape[3]) ** 0.5)


@bug("dx", "each other's gradient")
class _(MultiheadAttention):
    """q and k get each other's gradient."""

    def _back(self, g, q, k, v, a):
        dq, dk, dv = super()._back(g, q, k, v, a)
        return (dk, dq, dv) if dq.shape == dk.shape else (dq, dk, dv)


@bug("dx", "through A, not through Aᵀ")
class _(MultiheadAttention):
    """v gets its gradient through A, not through Aᵀ."""

    def _back(self, g, q, k, v, a):
        dq, dk, dv = super()._back(g, q, k, v, a)
        return dq, dk, a @ g if dq.shape == dk.shape else dv


@bug("dx", "the δ of the query alone")
class _(MultiheadAttention):
    """x goes in three ways, and the δ of one comes back."""

    def backward(self, delta, cache):
        dx, gradient = super().backward(delta, cache)
        masks = cache.given.masks
        if cache.given.inputs > 1 + masks:
            return dx, gradient
        apart, _ = super().backward(delta, cache._replace(given=replace(cache.given, inputs=3 + masks)))
        return (apart[0], *[None] * masks) if masks else apart[0], gradient


@bug("y")
class _(MultiheadAttention):
    """A place may not look at itself."""

    def _allowed(self, inputs):
        seen = super()._allowed(inputs)
        return np.tri(seen.shape[-2], seen.shape[-1], -1, dtype=bool) & seen if self.causal else seen


@bug("y", "the scale 1/√d is left out")
class _(MultiheadAttention):
    """S is not divided by √d."""

    def forward(self, *inputs):
        e, root = self.embed_dim, (self.embed_dim / self.num_heads) ** 0.5
        larger = {name: p.copy() for name, p in self.params.items()}
        for name in larger.keys() & {"in_proj_weight", "in_proj_bias"}:
            larger[name][:e] *= larger[name].dtype.type(root)
        return MultiheadAttention.forward(self.like(**larger), *inputs)


@bug("y", "the mask is not applied")
class _(MultiheadAttention):
    """A place looks at what comes later."""

    def _allowed(self, inputs):
        other = self.like()
        other.causal = False
        return super(type(self), other)._allowed(inputs)


@bug("y")
class _(MultiheadAttention):
    """The mask says which keys there are, not which there are not."""

    def _allowed(self, inputs):
        given = inputs if inputs.padding is None else replace(inputs, padding=~inputs.padding)
        return super()._allowed(given)


@bug("y")
class _(MultiheadAttention):
    """The mask is ignored."""

    def _allowed(self, inputs):
        return super()._allowed(replace(inputs, padding=None))


@bug("y", "one after the other")
class _(MultiheadAttention):
    """The heads are split as if they lay one after the other in memory."""

    def _apart(self, x):
        x = x if self.batch_first else x.swapaxes(0, 1)
        return x.reshape(len(x), self.num_heads, x.shape[1], -1)


@bug("din_proj_weight", "permuted")
class _(MultiheadAttention):
    """The gradients of W stand in the order k, q, v."""

    def backward(self, delta, cache):
        dx, gradient = super().backward(delta, cache)
        q, k, v = np.split(gradient.in_proj_weight, 3)
        return dx, self.like(**gradient.params | {"in_proj_weight": np.concatenate([k, q, v])})


@bug("din_proj_bias", "times")
class _(MultiheadAttention):
    """The gradient of the bias is averaged over the places."""

    def backward(self, delta, cache):
        dx, gradient = super().backward(delta, cache)
        if gradient.in_proj_bias is None:
            return dx, gradient
        places = delta.shape[1 if self.batch_first else 0]
        return dx, self.like(**gradient.params | {"in_proj_bias": gradient.in_proj_bias / places})
