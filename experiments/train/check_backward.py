"""Judge Functions of one's own on the batches that a training run really sees."""

from collections.abc import Callable, Mapping
from typing import Any

import lightning as L
import torch
from lightning.pytorch.utilities import rank_zero_warn

from torch_ref import check_backward

Function = type[torch.autograd.Function]


class CheckBackward(L.Callback):
    """Every so many steps, what a Function is first given is kept, and after the step tried against its reference: the
    numbers of that batch, in float64 and in their own dtype. Training goes on in the same bits as without it.

        Trainer(callbacks=[CheckBackward({Swish: torch.nn.functional.silu}, every=100)])

    Args:
        functions: a torch.autograd.Function -> the same function written in torch.
        every: the number of steps from one that is checked to the next, from the first one on.
        options: keyword arguments of `check_backward`; quick=True unless they say otherwise.

    Raises:
        AssertionError: one differs from its reference; the message names the Function and the step.
    """

    def __init__(self, functions: Mapping[Function, Callable[..., Any]], *, every: int = 100, **options: Any) -> None:
        if every < 1:
            raise ValueError(f"CheckBackward: expected every as a number of steps, 1 or more, got {every!r}")
        self.functions, self.every, self.options = dict(functions), every, {"quick": True, **options}
        self.steps: dict[str, list[int]] = {function.__name__: [] for function in functions}
        self._given: dict[Function, list[Any]] = {}
        self._own: dict[Function, Any] = {}

    def on_train_batch_start(self, trainer: L.Trainer, *_: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Begin to keep what the Functions are given."""
        if trainer.global_step % self.every == 0:
            for function in self.functions:
                self._own[function] = function.__dict__.get("forward")
                function.forward = staticmethod(self._keeping(function))  # pyright: ignore[reportAttributeAccessIssue]

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Judge what was kept."""
        step = trainer.global_step - 1
        self._let_go()
        given, self._given = self._given, {}
        for function, inputs in given.items():
            try:
                with torch.enable_grad():
                    check_backward(function.apply, self.functions[function], inputs, **self.options)
            except AssertionError as error:
                raise AssertionError(f"step {step}: {function.__name__}: {error}") from None
            self.steps[function.__name__].append(step)

    def on_exception(self, *_: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Leave the Functions as they were."""
        self._let_go()

    def on_train_end(self, *_: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Say which Functions no checked step called: they are not judged."""
        for name, steps in self.steps.items():
            if not steps:
                rank_zero_warn(f"CheckBackward: {name} is not judged: no step that was checked called it")

    def _keeping(self, function: Function) -> Callable[..., Any]:
        """Its forward, which keeps what it is given for the first time. (`apply` may have another name by now.)"""
        forward = function.forward
        skipped = int(function.setup_context is torch.autograd.Function.setup_context)  # ctx

        def keeping(*args: Any) -> Any:
            if function not in self._given:
                self._given[function] = [_copy(a) for a in args[skipped:]]
            return forward(*args)

        return keeping

    def _let_go(self) -> None:
        for function, own in self._own.items():
            if own is None:
                del function.forward
            else:
                function.forward = own
        self._own = {}


def _copy(value: Any) -> Any:
    return value.detach().clone().requires_grad_(value.requires_grad) if torch.is_tensor(value) else value
