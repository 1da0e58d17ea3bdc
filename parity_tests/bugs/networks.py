"""Mistakes in how a network hands δ and the gradients from layer to layer."""

from manual import SGD, Network
from parity_tests.bugs.registry import bug


@bug("dx", "σ' is left out")
class _(Network):
    """δ passes by the activations: σ' is forgotten."""

    def gradient(self, delta, tape):
        return self.backward(delta, tape)[1]

    def backward(self, delta, tape):
        gradients = []
        for layer, cache in zip(reversed(self.layers), reversed(tape), strict=True):
            below, gradient = layer.backward(delta, cache)
            delta = below if layer.params else delta
            gradients.append(gradient)
        return delta, self._of(gradients[::-1])


@bug("dx", "updated before")
class _(Network):
    """Each layer is updated before the error of the layer below is computed."""

    def gradient(self, delta, tape):
        return self.backward(delta, tape)[1]

    def backward(self, delta, tape):
        gradients = []
        for layer, cache in zip(reversed(self.layers), reversed(tape), strict=True):
            gradients.append(layer.gradient(delta, cache))
            SGD(lr=0.1).step(layer, gradients[-1])
            delta, _ = layer.backward(delta, cache)
        return delta, self._of(gradients[::-1])


@bug("d0.weight", "'s place")
class _(Network):
    """The gradients come in the order of the backward pass, last layer first."""

    def gradient(self, delta, tape):
        return self.backward(delta, tape)[1]

    def backward(self, delta, tape):
        dx, gradient = super().backward(delta, tape)
        return dx, self._of(gradient.layers[::-1])


@bug("dx", "σ' is left out")
class _(Network):
    """σ' reaches the gradients of the layer before, but δ goes on without it."""

    def gradient(self, delta, tape):
        return self.backward(delta, tape)[1]

    def backward(self, delta, tape):
        gradients, carried = [], delta
        for layer, cache in zip(reversed(self.layers), reversed(tape), strict=True):
            below, gradient = layer.backward(delta, cache)
            if layer.params:
                carried, _ = layer.backward(carried, cache)
                delta = carried
            else:
                delta = below
            gradients.append(gradient)
        return delta, self._of(gradients[::-1])
