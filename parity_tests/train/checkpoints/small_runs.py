"""Runs of three steps, by each optimizer and implementation, and what they leave."""

from pathlib import Path
from typing import Any

import torch
from safetensors.numpy import load_file

from experiments.train import command as train

DROPOUT = (
    "[{Linear: {in_features: 2, out_features: 2}}, {Dropout: {p: 0.5}}, {Linear: {in_features: 2, out_features: 1}}]"
)
OPTIMIZERS = {
    "Adagrad": "Adagrad", "Adadelta": "Adadelta", "Adam": "Adam", "AdamW": "AdamW", "NAdam": "NAdam", "RAdam": "RAdam",
    "amsgrad": "{Adam: {amsgrad: true}}", "RMSprop": "{RMSprop: {momentum: 0.9, centered: true}}", "SGD": "SGD",
    "momentum": "{SGD: {momentum: 0.9}}",
}  # fmt: skip
SIDES = ("manual", "torch")


def fit(out: Path, optimizer: str, side: str, *options: str) -> Path:
    """Three epochs of a step each."""
    model = [f"--model.network={DROPOUT}", "--model.start=null", f"--model.optimizer={OPTIMIZERS[optimizer]}"]
    arguments = [*model, f"--model.implementation={side}", "--trainer.max_epochs=3", *options]
    return train.run(["fit", "--config=two_two_one", f"--out={out}", *arguments])


def weights(run: Path) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in load_file(run / "model.safetensors").items()}


def rewrite(path: Path, **said: Any) -> None:
    torch.save(torch.load(path, weights_only=True) | said, path)
