"""One training script for both implementations."""

from collections.abc import Callable
from math import inf, isfinite
from typing import Any, NamedTuple

import lightning as L
import numpy as np
import torch
from lightning.pytorch.overrides.distributed import prepare_for_backward
from torch.nn.parallel import DistributedDataParallel

from experiments.shared.spec import build, build_network, counted
from experiments.train.backends import ByHand, ByTorch, Scheduled
from experiments.train.csv_log import CSVLog
from experiments.train.processes import shares
from experiments.train.settings import ModelSettings
from manual import Diverged, InputError, Loss, Network, Optimizer, Penalty, Schedule
from manual.numbers.checks import at_least
from manual.numbers.number_types import Array
from manual.train import culprit, distance
from torch_ref import params_of, to_numpy

SMALL = 32
"""Networks of at most so many numbers have them all in the log."""


class Found(NamedTuple):
    """What a batch of a part that is evaluated comes to, in all processes together.

    Attributes:
        met: targets, where they are classes, that were predicted, of so many `targets`.
    """

    rows: int
    cost: float
    met: int
    targets: int


class Training(L.LightningModule):
    """A network, its loss and its optimizer, trained by one of the two implementations.

    It logs the batch's cost and ‖θ_new − θ_old‖ at every step, and cost (and accuracy, for classes) on the other parts.

    Args:
        chosen: what the config says.
        classes: what the data's classes are called, if they are; an argument "classes" of a layer is their number.

    Raises:
        InputError: a part of it cannot be built.
        Diverged: a cost that is not finite; while training, the parameters are still those before that step.
    """

    def __init__(self, chosen: ModelSettings, classes: list[str] | None = None) -> None:
        super().__init__()
        self.moved, self._costs = inf, list[float]()
        self._evaluated = list[Found]()
        at_least(self, "seed", chosen.seed, 0)
        at_least(self, "threshold", chosen.threshold, 0)
        network, penalty = counted(chosen.network, classes), chosen.penalty
        self.settings: dict[str, Any] = vars(chosen) | {"network": network}
        make = {"manual": ByHand, "torch": ByTorch}[chosen.implementation]
        self.loss = build(Loss, chosen.loss)
        if getattr(self.loss, "reduction", "mean") == "none":
            raise InputError("model.loss: reduction none: expected mean or sum, one number to train on")
        by_hand, rule = (
            build_network(network, chosen.seed, chosen.start, chosen.dtype),
            build(Optimizer, chosen.optimizer),
        )
        if not by_hand.params:
            raise InputError("model.network: expected a layer with parameters, got none: there is nothing to train")
        self.schedule, self._own = build(Schedule, chosen.schedule) if chosen.schedule else None, rule.hyper
        self.side = make(by_hand, self.loss, rule, build(Penalty, penalty) if penalty else None)

    @property
    def network(self) -> Network:
        """The manual network with the present weights."""
        return self.side.network

    @property
    def columns(self) -> list[str]:
        """What it logs."""
        evaluated = [f"{part}_{what}" for part in ("val", "test") for what in ("cost", "accuracy")]
        return ["train_cost", "moved", *evaluated, *numbers(self.network.params)]

    def check(self, x: Array, y: Array) -> None:
        """Raise InputError where layers, data and loss do not fit each other, by one example."""
        prediction, _ = self.network.evaluated().forward(x[:1])
        self.loss.forward(prediction, y[:1])

    @property
    def lr(self) -> float:
        """The learning rate that the optimizer begins with."""
        return self._own["lr"]

    @lr.setter
    def lr(self, lr: float) -> None:
        self._own["lr"] = self.side.rule.lr = lr  # pyright: ignore[reportAttributeAccessIssue]

    def configure_optimizers(self) -> Any:
        optimizer = self.side.optimizer()
        if self.schedule is None:
            return optimizer
        schedule = Scheduled(optimizer, self.schedule, self._own)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_train_start(self) -> None:
        """A backward that changes nothing. After its first one torch's engine lays the gradients out anew, which
        changes the order in which three processes or more add them up: a run that goes on would differ in the last bit.
        """
        engine = self.trainer.model
        if isinstance(engine, DistributedDataParallel):
            nothing = torch.stack([p.sum() for p in self.side.module.parameters()]).sum() * 0
            prepare_for_backward(engine, nothing)
            nothing.backward()

    def training_step(self, batch: list[torch.Tensor]) -> torch.Tensor:
        x, y = batch
        share = shares.share(len(x), self.global_rank, self.device)
        cost = self.side.cost(x, y, share)
        self._note(x, cost)  # pyright: ignore[reportCallIssue]
        return self._summed(cost)

    def optimizer_step(
        self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Callable[[], Any] | None = None
    ) -> None:
        step, old = self.global_step, params_of(self.side.module)
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        costs, self._costs = self._costs, []
        self.moved = distance(params_of(self.side.module), old)
        values = {"train_cost": sum(costs) / len(costs), "moved": self.moved, **numbers(old)}
        self._record(step, values)
        for logger in self.loggers:
            logger.log_metrics({"epoch": self.current_epoch, **values}, step)
        if self.moved < self.settings["threshold"]:
            self.trainer.should_stop = True

    def validation_step(self, batch: list[torch.Tensor], batch_idx: int = 0) -> None:
        self._evaluate("val", batch_idx, *batch)

    def test_step(self, batch: list[torch.Tensor], batch_idx: int = 0) -> None:
        self._evaluate("test", batch_idx, *batch)

    def on_validation_epoch_end(self) -> None:
        self._sum_up("val")

    def on_test_epoch_end(self) -> None:
        self._sum_up("test")

    def predict_step(self, batch: list[torch.Tensor]) -> tuple[Array, Array]:
        """(prediction, target) of all processes; where targets are classes the prediction is one, too."""
        x, y = batch
        prediction = self.side.predict(x)
        own = to_numpy(prediction if y.is_floating_point() else prediction.argmax(dim=1)), to_numpy(y)
        predictions, targets = zip(*shares.objects(own), strict=True)
        return np.concatenate(predictions), np.concatenate(targets)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        data = getattr(self.trainer, "datamodule", None)
        checkpoint["config"] = {"model": self.settings, "data": getattr(data, "settings", {})}
        checkpoint["moved"] = self.moved

    @torch.compiler.disable
    def _note(self, x: torch.Tensor, cost: torch.Tensor) -> None:
        where = f"epoch {self.current_epoch}, step {self.global_step}"
        self._costs.append(self._whole_cost(f"{where}: the cost", x, cost.item()))
        self.log("train_cost", self._costs[-1], prog_bar=True, logger=False)

    def _summed(self, cost: torch.Tensor) -> torch.Tensor:
        """Of the processes' gradients torch's engine takes the mean, and the whole batch's is their sum."""
        return cost * self.trainer.world_size

    def _whole_cost(self, what: str, x: torch.Tensor, own: float) -> float:
        """The sum of all processes' costs; this is this one's, of its input."""
        cost = sum(shares.numbers(own, self.device))
        if not isfinite(cost):
            wrong = len(x) and not isfinite(own)
            network = self.network  # of which every process may hold a share
            found = shares.objects(culprit(network, to_numpy(x)) if wrong else None)
            raise Diverged(f"{what} is {cost}; {next(filter(None, found), 'no part of it, it is their sum')}")
        return cost

    @torch.compiler.disable(recursive=False)
    def _evaluate(self, part: str, number: int, x: torch.Tensor, y: torch.Tensor) -> None:
        """Note what a batch of the part costs, and how many of its targets are met."""
        where = f"epoch {self.current_epoch}, step {self.global_step - 1}: " if self.logger else ""
        share = shares.share(len(x), self.global_rank, self.device)
        cost = self._whole_cost(f"{where}{part}_cost", x, self.side.cost(x, y, share).item())
        counts = 0, 0
        if not y.is_floating_point():
            met = self.side.predict(x).argmax(dim=1) == y
            counts = (int(sum(shares.numbers(count, self.device))) for count in (met.sum().item(), met.numel()))
        self._evaluated = [*(self._evaluated if number else ()), Found(share.whole, cost, *counts)]

    def _sum_up(self, part: str) -> None:
        """Log what the part's batches come to."""
        whole = shares.Share(0, sum(found.rows for found in self._evaluated))
        values = {f"{part}_cost": sum(found.cost * whole.weight(self.loss, found.rows) for found in self._evaluated)}
        if targets := sum(found.targets for found in self._evaluated):
            values[f"{part}_accuracy"] = sum(found.met for found in self._evaluated) / targets
        exact = {name: torch.tensor(value, dtype=torch.float64) for name, value in values.items()}
        self.log_dict(exact, prog_bar=True)
        self._record(self.global_step - 1, values)

    def _record(self, step: int, values: dict[str, float]) -> None:
        """Add a row to the run's log. Lightning counts epoch and step differently when a finished run goes on."""
        for log in self.loggers:
            if isinstance(log, CSVLog):
                epoch = step // steps(self.trainer, int(self.trainer.num_training_batches))
                log.add({"epoch": epoch, "step": step, **values})


def steps(trainer: L.Trainer, batches: int) -> int:
    """Training steps in so many batches."""
    return -(-batches // trainer.accumulate_grad_batches)


def numbers(params: dict[str, Array]) -> dict[str, float]:
    """Every number of a small network's parameters by name and index; of a larger network none."""
    if sum(p.size for p in params.values()) > SMALL:
        return {}
    found = {}
    for name, p in params.items():
        for index, value in np.ndenumerate(p):
            found[f"param/{name}[{','.join(map(str, index))}]"] = float(value)
    return found
