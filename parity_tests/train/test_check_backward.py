"""The callback that judges Functions on the batches of a training run."""

import re
import warnings

import lightning as L
import pytest
import torch
from torch.nn import functional as F

from experiments.train.check_backward import CheckBackward


class Swish(torch.autograd.Function):
    """Right, unless `off` says by how much it is not."""

    off = 0.0

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx, delta):  # pyright: ignore[reportIncompatibleMethodOverride]
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        return delta * s * (1 + x * (1 - s)) * (1 + Swish.off * (x > 1.5).to(x))


class Square(torch.autograd.Function):
    """With setup_context, and without ctx in its forward."""

    @staticmethod
    def forward(x):
        return x * x

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, delta):  # pyright: ignore[reportIncompatibleMethodOverride]
        return 2 * delta * ctx.saved_tensors[0]


swish, square = Swish.apply, Square.apply  # as they are often called: by another name
REFERENCES = {Swish: F.silu, Square: torch.square}


class Model(L.LightningModule):
    def __init__(self, squares=True):
        super().__init__()
        self.layer, self.squares = torch.nn.Linear(3, 4), squares

    def training_step(self, batch):  # pyright: ignore[reportIncompatibleMethodOverride]
        y = swish(self.layer(batch) + 0.1 * torch.randn(()))
        return (square(y) if self.squares else y).mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def trained(*callbacks, squares=True, scale=1.0):
    torch.manual_seed(0)
    model = Model(squares)
    rows = scale * torch.randn(5, 3)
    trainer = L.Trainer(
        max_epochs=1, callbacks=[*callbacks], logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, accelerator="cpu",
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's own
        warnings.filterwarnings("always", "CheckBackward")
        trainer.fit(model, torch.utils.data.DataLoader(rows, batch_size=1))  # pyright: ignore[reportArgumentType]
    return model.layer.weight.detach()


def test_right_functions_are_judged_every_so_many_steps_and_training_is_the_same():
    forwards = Swish.forward, Square.forward
    callback = CheckBackward(REFERENCES, every=2)
    assert torch.equal(trained(callback), trained())
    assert callback.steps == {"Swish": [0, 2, 4], "Square": [0, 2, 4]}
    assert (Swish.forward, Square.forward) == forwards


def test_a_function_that_is_wrong_on_the_batch_ends_the_run(monkeypatch):
    monkeypatch.setattr(Swish, "off", 1e-9)
    forward = Swish.forward
    with pytest.raises(AssertionError, match=r"^step \d: Swish: (.|\n)*differs"):
        trained(CheckBackward(REFERENCES, every=1), scale=20.0)
    assert Swish.forward is forward


def test_a_function_that_was_not_called_is_not_judged():
    with pytest.warns(UserWarning, match="Square is not judged"):
        trained(CheckBackward(REFERENCES), squares=False)


def test_steps_are_one_or_more():
    with pytest.raises(ValueError, match=re.escape("got 0")):
        CheckBackward(REFERENCES, every=0)
