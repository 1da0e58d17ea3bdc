"""Document B's task: three networks look for the Bluebird in drawn pictures, each trained by both implementations."""

from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from PIL import Image

from experiments.data.folder import pictures
from experiments.data.splits import Part
from experiments.find.contact_sheet import Thumbnails
from experiments.find.search import search
from experiments.report.chapters.acceptance import requirements
from experiments.report.chapters.predictions import Pair, Predictions, Trained
from experiments.report.draw.figures import both, named
from experiments.report.draw.svg import stack
from experiments.report.record.previous_runs import previous_runs
from experiments.report.record.runs import Run
from experiments.shared.png import as_png, data_uri
from experiments.shared.scale import Scale
from experiments.train.checkpoints import restore
from experiments.train.checkpoints.run_folder import MODEL
from manual.numbers.number_types import Array
from torch_ref import to_torch

POSITIVE = "bluebird"
NETWORKS = {
    "bluebird_softmax": "softmax regression",
    "bluebird_mlp": "one hidden layer",
    "bluebird_cnn": "convolutions",
}
TITLES = {name: f"Bluebird, {title}: four kinds of drawn birds" for name, title in NETWORKS.items()}
SAMPLES, SHOWN = 3, 3


def chapter(trained: dict[str, dict[str, list[Run]]]) -> dict[str, Any]:
    """What the page shows, from the runs by network and implementation."""
    (ours, *_), (theirs, *_) = trained["bluebird_cnn"].values()
    data = ours.config["data"]
    parts, classes, _, scale, _ = pictures(Path(data["folder"]), data["size"])
    positive = classes.index(POSITIVE)

    def pair(before: str, *runs: Run) -> Pair:
        return Pair(
            runs[0].seed,
            before,
            *(Predictions(parts.test.y, predictions(run, parts.test, scale), positive) for run in runs),
        )

    networks = {}
    for name, title in NETWORKS.items():
        manual, torch = trained[name].values()
        pairs = [pair("", *runs) for runs in zip(manual, torch, strict=True)]
        pairs += [pair(f"{about.made}, commit {about.commit}", *runs) for about, *runs in previous_runs(manual, torch)]
        networks[name] = Trained(title, *curves(name, title, manual[0], torch[0]), pairs)
    convolutional = networks["bluebird_cnn"].pairs[0]
    kernels, torchs = (first_weight(run) for run in (ours, theirs))
    return {
        "classes": [plain(name) for name in classes],
        "parts": {name: len(part.x) for name, part in parts._asdict().items()},
        "samples": {
            plain(name): [png(x) for x in parts.train.x[np.flatnonzero(parts.train.y == i)[:SAMPLES]]]
            for i, name in enumerate(classes)
        },
        "networks": [*networks.values()],
        "requirements": requirements(*networks.values()),
        "previous": any(pair.before for network in networks.values() for pair in network.pairs),
        "cnn": convolutional,
        "templates": templates(first_weight(trained["bluebird_softmax"]["manual"][0]), classes, data["size"]),
        "kernels": png(tiled(np.stack([coloured(kernel) for kernel in kernels]))),
        "kernels_shape": kernels.shape,
        "kernels_apart": float(np.abs(kernels - torchs).max()),
        **looked(ours, parts.test, convolutional.manual, classes),
    }


def predictions(run: Run, test: Part, scale: Scale) -> Array:
    """The class that a trained network takes each picture for, computed by the implementation that trained it."""
    training = restore.load(run.checkpoint)
    predicted, _ = training.predict_step([to_torch(scale(test.x[:], run.dtype)), to_torch(test.y)])
    return predicted


def curves(name: str, title: str, manual: Run, torch: Run) -> tuple[Markup, str]:
    """The cost by epoch on the training and the validation part, and below it the validation accuracy, by both; and
    its caption."""
    pair = manual.curves, torch.curves
    epochs = np.arange(1, len(manual.curves["val_cost"]) + 1)
    training = [run["train_cost"].reshape(len(epochs), -1).mean(axis=1) for run in pair]
    validation = [run["val_cost"] for run in pair]
    accuracy = [100 * run["val_accuracy"] for run in pair]

    def costs(axes: Axes) -> None:
        above = validation[0][-1] > training[0][-1]
        for part, lines, va in (("training", training, above), ("validation", validation, not above)):
            both(axes, epochs, *lines)
            named(axes, part, epochs[-1], lines[0][-1], "top" if va else "bottom")
        axes.set_ylim(bottom=0)
        axes.set_ylabel("cost")
        axes.legend(handles=axes.lines[:2], loc="upper right")

    def accuracies(axes: Axes) -> None:
        both(axes, epochs, *accuracy)
        axes.set_ylabel("accuracy, %")
        axes.set_xlabel("epoch")

    caption = (
        f"In {len(epochs)} epochs the cost on the training part falls to {training[0][-1]:.2g}, on the validation "
        f"part to {validation[0][-1]:.2g}; there {accuracy[0][-1]:.1f} % are right in the end."
    )
    short = title.capitalize()
    return stack(f"{name}-curves", short, caption, [costs, accuracies], [3, 2], (3.1, 3.5)), f"{short}. {caption}"


def first_weight(run: Run) -> Array:
    """The weight of a trained network's first layer that has one."""
    params = restore.load(run.checkpoint).network.params
    return next(p for name, p in params.items() if name.endswith(".weight"))


def templates(weight: Array, classes: list[str], size: int) -> dict[str, str]:
    """For each class the weights that softmax regression gives the pixels, as a picture."""
    return {plain(name): png(coloured(row.reshape(3, size, size))) for name, row in zip(classes, weight, strict=True)}


def coloured(weights: Array) -> Array:
    """(3, H, W) weights as levels of red, green and blue: 0 is the middle grey, the largest is at full."""
    return np.rint(127.5 * (1 + weights / np.abs(weights).max())).astype(np.uint8)


def tiled(kernels: Array) -> Array:
    """(N, 3, H, W) as one picture, eight in a row, with a transparent line between them: (4, rows, columns)."""
    n, _, h, w = kernels.shape
    picture = np.zeros((4, -(-n // 8) * (h + 1) - 1, 8 * (w + 1) - 1), np.uint8)
    for i, kernel in enumerate(kernels):
        top, left = i // 8 * (h + 1), i % 8 * (w + 1)
        picture[:3, top : top + h, left : left + w] = kernel
        picture[3, top : top + h, left : left + w] = 255
    return picture


def looked(run: Run, test: Part, predictions: Predictions, classes: list[str]) -> dict[str, Any]:
    """Some that were found and some that were missed, each with where the network looked; and how many there are of
    either."""
    seeking = search(run.folder / MODEL, POSITIVE, None)
    positive = predictions.y == predictions.positive
    shown: dict[str, Any] = {"positives": int(positive.sum())}
    with Thumbnails() as small:
        for what, right in (("found", True), ("missed", False)):
            rows = np.flatnonzero(positive & ((predictions.predicted == predictions.positive) == right))
            shown[what] = {"count": len(rows), "shown": []}
            for i in rows[:SHOWN]:
                picture = Image.fromarray(test.x[i].transpose(1, 2, 0))
                small.add(f"{i}", picture, seeking.looked(picture))
                p, _ = seeking.network.forward(seeking.input(picture))
                original, where = small.uris(f"{i}")
                shown[what]["shown"].append(
                    {
                        "number": i + 1,
                        "picture": original,
                        "looked": where,
                        "predicted": plain(classes[predictions.predicted[i]]),
                        "probability": float(p[0, predictions.predicted[i]]),
                    }
                )
    return shown


def png(levels: Array) -> str:
    """(channels, H, W) levels of 0 to 255 as a PNG file in a data URI."""
    return data_uri(as_png(Image.fromarray(levels.transpose(1, 2, 0))))


def plain(name: str) -> str:
    """A class as words."""
    return name.replace("_", " ")
