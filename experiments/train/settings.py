"""What a config may say of the network and the trainer, apart from what Lightning makes of it: the parser reads these,
and need not wait for Lightning to refuse a word."""

from dataclasses import dataclass
from typing import Any, Literal

from experiments.shared.spec import Spec
from manual import Loss, Optimizer, Penalty, Schedule

CLASSES = {"loss": Loss, "optimizer": Optimizer, "penalty": Penalty, "schedule": Schedule}
"""What of a model is one class, by name, and of what kind."""


@dataclass
class ModelSettings:
    """A network, its loss and its optimizer, trained by one of the two implementations.

    Args:
        network: the layers in order, each a name or one name: {arguments}.
        loss: the loss, by name; --model.loss.ARGUMENT sets an argument of it.
        optimizer: the optimizer, by name; --model.optimizer.lr sets the learning rate, and so on.
        schedule: the schedule, by name; it changes the optimizer's learning rate from step to step.
        implementation: the implementation that computes: manual or torch.
        dtype: the numbers' type, of parameters and data.
        seed: the seed that the parameters are drawn from.
        start: parameters by name, in place of drawn ones.
        threshold: a distance; training is done when ‖θ_new − θ_old‖ < threshold.
        penalty: the penalty, by name; its cost is added to the batch's.
    """

    network: list[Spec]
    loss: Spec
    optimizer: Spec
    implementation: Literal["manual", "torch"] = "manual"
    dtype: Literal["float64", "float32"] = "float64"
    seed: int = 0
    start: dict[str, Any] | None = None
    threshold: float = 0
    penalty: Spec | None = None
    schedule: Spec | None = None


@dataclass
class TrainerSettings:
    """Lightning's trainer.

    Args:
        max_epochs: passes over the training part, 1 or more; with model.threshold, the most passes.
        min_epochs: training passes through the data, at least.
        max_steps: training steps at most, 1 or more; -1 is no limit.
        min_steps: training steps, at least.
        max_time: a time after which training ends, DD:HH:MM:SS.
        limit_train_batches: batches of an epoch, or a share of them.
        limit_val_batches: batches of 512 examples to validate by, or a share of them; 0 leaves validation out.
        limit_test_batches: the same to test by.
        limit_predict_batches: the same to predict.
        overfit_batches: batches that every epoch trains on, the same ones, or a share of them.
        val_check_interval: batches between validations, or a share of an epoch.
        check_val_every_n_epoch: epochs between validations.
        fast_dev_run: a run of one batch of each part, or so many, to see that all works; it leaves nothing behind.
        accelerator: the hardware: cpu, or, with the torch implementation, gpu, or auto: a gpu where torch sees one.
        devices: the number on each machine, or auto; with the torch implementation. Each is a process, on the CPU too.
        num_nodes: the number of machines.
        strategy: what processes have a share of: by ddp of every batch, by fsdp of the weights too; auto is ddp.
        precision: the arithmetic of torch: bf16-mixed, or, on a GPU, 16-mixed; else model.dtype.
        deterministic: whether torch refuses what does not give the same bits twice.
        gradient_clip_val: the largest gradient, by the algorithm that follows.
        gradient_clip_algorithm: the measure of a gradient: norm, or value, of each number.
        accumulate_grad_batches: batches whose mean gradient makes a step.
        logger: loggers besides metrics.csv, which is always written: a name, a list of them, or false.
        callbacks: names of Lightning's callbacks, or dotted paths of your own; callbacks+ adds one.
        profiler: what measures the time of each part, as simple, or advanced; it writes to the run's folder.
        detect_anomaly: whether torch says which operation gave a NaN.
        enable_progress_bar: whether a terminal shows progress.
        enable_model_summary: whether a table of the parameters is shown.
    """

    max_epochs: int
    min_epochs: int | None = None
    max_steps: int = -1
    min_steps: int | None = None
    max_time: str | None = None
    limit_train_batches: int | float | None = None
    limit_val_batches: int | float | None = None
    limit_test_batches: int | float | None = None
    limit_predict_batches: int | float | None = None
    overfit_batches: int | float = 0
    val_check_interval: int | float | None = None
    check_val_every_n_epoch: int = 1
    fast_dev_run: bool | int = False
    accelerator: Literal["cpu", "gpu", "auto"] = "cpu"
    devices: int | Literal["auto"] = 1
    num_nodes: int = 1
    strategy: Literal["auto", "ddp", "fsdp"] = "auto"
    precision: Literal["bf16-mixed", "16-mixed"] | None = None
    deterministic: bool = False
    gradient_clip_val: float | None = None
    gradient_clip_algorithm: Literal["norm", "value"] = "norm"
    accumulate_grad_batches: int = 1
    logger: dict[str, Any] | list[dict[str, Any]] | bool | None = None
    callbacks: list[dict[str, Any]] | dict[str, Any] | None = None
    profiler: dict[str, Any] | None = None
    detect_anomaly: bool = False
    enable_progress_bar: bool = True
    enable_model_summary: bool = False


NO_STRATEGY = {"deepspeed": "it is a library of its own; fsdp shards weights likewise"}
"""Lightning's strategies that are asked for, and why they are not offered."""
REFUSED = {
    "barebones": "it switches off what this script is for",
    "benchmark": "it chooses kernels by their speed, so that two runs differ",
    "default_root_dir": "the runs' folder is --out",
    "enable_autolog_hparams": "the config is in the run's config.yaml",
    "enable_checkpointing": "a run always saves, and goes on where it was cut off",
    "inference_mode": "evaluation never records a graph",
    "log_every_n_steps": "every step is logged",
    "model_registry": "a run leaves model.safetensors",
    "num_sanity_val_steps": "network, data and loss are tried on one example before training",
    "plugins": "checkpoints are written by this script, so that a killed run leaves a whole one",
    "reload_dataloaders_every_n_epochs": "the data are read once",
    "sync_batchnorm": "no layer here normalises over a batch that processes share",
    "use_distributed_sampler": "the data share out every batch themselves",
}
"""Options of Lightning's trainer that are not offered, and why."""

ELSEWHERE = {
    **dict.fromkeys(("lr", "learning_rate", "model.lr", "optimizer.lr"), "model.optimizer.lr"),
    **dict.fromkeys(("epochs", "trainer.epochs"), "trainer.max_epochs"),
    "lr_scheduler": "model.schedule",
    "seed_everything": "model.seed",
    "trainer.gpus": "trainer.devices",
    "trainer.resume_from_checkpoint": "ckpt_path",
}
"""What other scripts, and Lightning's before, call an option."""
