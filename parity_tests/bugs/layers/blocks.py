"""Mistakes in the wiring of a block."""

from manual import Residual
from parity_tests.bugs.registry import bug


@bug("dx", "the path past the inner layer is missing")
class _(Residual):
    """Backward forgets that x also went past the inner layer."""

    def backward(self, delta, tape):
        back, gradient = self.backs(tape)
        return back("inner", delta), gradient()


@bug("dx", "the path through the inner layer is missing")
class _(Residual):
    """δ goes past the inner layer alone."""

    def backward(self, delta, tape):
        return delta, super().backward(delta, tape)[1]


@bug("y", "the input is not added")
class _(Residual):
    """The input is not added."""

    def forward(self, x):
        run, tape = self.runs()
        return run("inner", x), tape


@bug("dx")
class _(Residual):
    """Of the two paths the one past the inner layer is taken off."""

    def backward(self, delta, tape):
        back, gradient = self.backs(tape)
        return back("inner", delta) - delta, gradient()


@bug("dx", "times ½")
class _(Residual):
    """δ is shared out between the two paths, as if it were split."""

    def backward(self, delta, tape):
        return super().backward(delta / 2, tape)


@bug("a changed x")
class _(Residual):
    """The input is added in place, to the memory of the layer before."""

    def forward(self, x):
        run, tape = self.runs()
        y = run("inner", x)
        x += y
        return x, tape
