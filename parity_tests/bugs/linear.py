"""Mistakes in a fully connected layer."""

import numpy as np

from manual import Linear
from parity_tests.bugs.registry import bug


@bug("dx", "the weight is transposed")
class _(Linear):
    """The weight that carries δ back is not transposed."""

    def backward(self, delta, a):
        return delta @ self.weight.T, self.gradient(delta, a)


@bug("dweight", "transposed")
class _(Linear):
    """The weight gradient is transposed."""

    def gradient(self, delta, a):
        return self.like(weight=a.T @ delta, bias=self.bias if self.bias is None else delta.sum(axis=0))


@bug("dweight", "the output stands where the input belongs")
class _(Linear):
    """The weight gradient is built from the layer's output, not from its input."""

    def forward(self, a):
        z, _ = super().forward(a)
        return z, z


@bug("dweight", "times 1/N")
class _(Linear):
    """The weight gradient is averaged over the batch, which the cost has done already."""

    def gradient(self, delta, a):
        return self.like(weight=delta.T @ a / len(a), bias=self.bias if self.bias is None else delta.sum(axis=0))


@bug("dweight", "times −1")
class _(Linear):
    """The weight gradient has the wrong sign."""

    def gradient(self, delta, a):
        return self.like(weight=-delta.T @ a, bias=self.bias if self.bias is None else delta.sum(axis=0))


@bug("dbias", "not summed over the batch")
class _(Linear):
    """The bias gradient is not summed over the batch."""

    def gradient(self, delta, a):
        return self.like(weight=delta.T @ a, bias=self.bias if self.bias is None else delta)


@bug("dbias", "the first example alone")
class _(Linear):
    """The bias gradient is that of the first example alone."""

    def gradient(self, delta, a):
        return self.like(weight=delta.T @ a, bias=self.bias if self.bias is None else delta[0])


@bug("dbias", "the parameter itself")
class _(Linear):
    """The bias is returned as its own gradient."""

    def gradient(self, delta, a):
        return self.like(weight=delta.T @ a, bias=self.bias)


@bug("dx", "updated before")
class _(Linear):
    """The weight is updated before it carries δ back."""

    def backward(self, delta, a):
        gradient = self.gradient(delta, a)
        self.weight -= self.weight.dtype.type(0.1) * gradient.weight
        return delta @ self.weight, gradient


@bug("dbias", "times 1/N")
class _(Linear):
    """The bias gradient is averaged over the batch."""

    def gradient(self, delta, a):
        return self.like(weight=delta.T @ a, bias=self.bias if self.bias is None else delta.mean(axis=0))


@bug("dbias", "over the wrong axis")
class _(Linear):
    """The bias gradient is one number, summed over the outputs too."""

    def gradient(self, delta, a):
        return self.like(weight=delta.T @ a, bias=self.bias if self.bias is None else delta.sum())


@bug("dbias", "in shape (1, 4)")
class _(Linear):
    """The bias gradient keeps the axis that was summed away."""

    def gradient(self, delta, a):
        return self.like(weight=delta.T @ a, bias=self.bias if self.bias is None else delta.sum(axis=0, keepdims=True))


@bug("dweight", "the last example alone")
class _(Linear):
    """In a loop over the examples, = stands where += belongs."""

    def gradient(self, delta, a):
        weight = self.weight
        for d, x in zip(delta, a, strict=True):
            weight = np.outer(d, x)
        return self.like(weight=weight, bias=self.bias if self.bias is None else delta.sum(axis=0))


@bug("dweight", "permuted")
class _(Linear):
    """The weight gradient comes out as (in, out) and is reshaped where it should be transposed."""

    def gradient(self, delta, a):
        weight = (a.T @ delta).reshape(self.weight.shape)
        return self.like(weight=weight, bias=self.bias if self.bias is None else delta.sum(axis=0))


@bug("dweight", "only in the last column")
class _(Linear):
    """The loop over the inputs stops one short."""

    def gradient(self, delta, a):
        weight = np.zeros_like(self.weight)
        for i in range(self.in_features - 1):
            weight[:, i] = (delta * a[:, i : i + 1]).sum(axis=0)
        return self.like(weight=weight, bias=self.bias if self.bias is None else delta.sum(axis=0))


@bug("dweight, by gradient()", "times 2")
class _(Linear):
    """Gradients are added to those of the pass before, which nobody has set to zero."""

    def gradient(self, delta, a):
        new = super().gradient(delta, a)
        self.kept = new.weight = new.weight + getattr(self, "kept", 0)
        return new


@bug("dweight", "the parameter itself is added")
class _(Linear):
    """Weight decay is in the gradient already, and the optimizer adds it again."""

    def gradient(self, delta, a):
        new = super().gradient(delta, a)
        new.weight += self.weight / 100
        return new


@bug("dbias", "δ is summed over the wrong axis")
class _(Linear):
    """The bias gradient has a number for each example."""

    def gradient(self, delta, a):
        return self.like(weight=delta.T @ a, bias=self.bias if self.bias is None else delta.sum(axis=1))
