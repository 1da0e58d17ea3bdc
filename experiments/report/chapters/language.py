"""A language model by hand: what a letter becomes, what looks at what, what was learned, and who is to blame."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from markupsafe import Markup
from matplotlib.axes import Axes

from experiments.data.module import AT_ONCE
from experiments.data.text import LONGEST, Text
from experiments.report.draw.figures import both, decades, dots, named
from experiments.report.draw.letters import grid, scattered, visible
from experiments.report.draw.svg import ACCENT, INK, MUTED, stack
from experiments.report.record import language_runs
from experiments.report.record.language_runs import SIDES, Stage
from experiments.shared.model_file import load
from experiments.write.writer import Writer
from manual import CrossEntropyLoss, GPTBlock, Network
from manual.numbers.number_types import Array
from torch_ref import to_numpy, to_torch, twin

POINTS = 60
"""A curve has about so many points: each is the mean of the steps between."""
VOWELS = "aeiou"
LENGTH, TEMPERATURE = 160, 0.7
"""Of a sample."""
SENTENCE = re.compile(r"(?<=[.\n] )[A-Z][a-z ,]{26,38}(?= [a-z])|[A-Z][a-z ,\n]{26,38}(?=\s)")


def chapter(out: Path, full: bool, made: str, commit: str) -> dict[str, Any]:
    """Train, and what the page shows: of the longest training that this folder has of this config."""
    own = language_runs.train_stages(out, full, made, commit)
    stages = language_runs.longest(out, own)
    last = stages[-1]
    data = language_runs.learned(last.folders["manual"])["data"]
    text = Text(Path(data["file"]) if data["file"] else None, data["context"], data["merges"] or 0)
    network, sentence = load(last.model("manual")).network, found_sentence(text)
    shown = [own[0], *(stage for stage in stages if stage.steps > own[0].steps)]
    return {
        "before": f"{last.made.made}, commit {last.made.commit}" if last.made != own[0].made else "",
        "steps": last.steps,
        "own_steps": own[-1].steps,
        "parameters": sum(p.size for p in network.params.values()),
        "source": text.source,
        "characters": len(text.characters),
        "bits": {side: reached(last, side, text) for side in SIDES},
        "grams": dict(enumerate(text.baselines, start=1)),
        "learning": learning(stages, text.baselines),
        "letters": len(text.tokenizer.tokens),
        "embedding": embedding(network.params["0.weight"], text.tokenizer.tokens),
        "attention": attention(network, text, sentence),
        "sentence": " ".join(sentence.split()),
        "traced": traced(network, text, sentence),
        "samples": [sample for stage in shown for sample in samples(stage)],
    }


def reached(stage: Stage, side: str, text: Text) -> dict[str, float]:
    """Bits a character of the trained model on the validation and the test part, by the implementation that trained
    it."""
    network, found, loss = load(stage.model(side)).network.evaluated(), {}, CrossEntropyLoss()
    module, theirs = twin(network), torch.nn.functional.cross_entropy
    _, *parts = text.windows()
    for number, (name, (x, y)) in enumerate(zip(("val", "test"), parts, strict=True), start=1):
        total = 0.0
        for rows in np.array_split(np.arange(len(x)), -(-len(x) // AT_ONCE)):
            if side == "manual":
                cost = float(loss.forward(network.forward(x[rows])[0], y[rows])[0])
            else:
                with torch.no_grad():
                    cost = theirs(module(to_torch(x[rows])), to_torch(y[rows])).item()
            total += cost * len(rows)
        found[name] = text.bits(number, total / len(x))
    return found


def found_sentence(text: Text) -> str:
    """The beginning of a sentence of the validation part, which no training has seen."""
    found = SENTENCE.search(text.parts[1])
    return found[0] if found else text.parts[1][:32]


def learning(stages: list[Stage], baselines: list[float]) -> dict[str, Any]:
    """Bits by step, of both, with the n-grams' lines; below it how far apart the two are."""
    steps, ours = language_runs.bits(stages, "manual", "train_cost")
    _, theirs = language_runs.bits(stages, "torch", "train_cost")
    at, read = language_runs.bits(stages, "manual", "val_cost")
    cuts = np.unique(np.linspace(0, len(steps), POINTS + 1).astype(int))[:-1]
    means = [np.add.reduceat(curve, cuts) / np.diff([*cuts, len(steps)]) for curve in (ours, theirs)]
    apart = np.maximum.reduceat(np.abs(ours - theirs), cuts)

    def costs(axes: Axes) -> None:
        both(axes, steps[cuts], *means)
        dots(axes, at, read, INK, 3)
        for n in (3, 4, 5):
            axes.axhline(baselines[n - 1], color=MUTED, linewidth=0.8, linestyle=":")
            named(axes, f"{n}-gram", axes.get_xlim()[1], baselines[n - 1], "top" if n == LONGEST else "bottom")
        axes.set_ylabel("bits a character")
        axes.legend(handles=axes.lines[:2], loc="upper right")

    def parted(axes: Axes) -> None:
        if apart.any():
            dots(axes, steps[cuts][apart > 0], apart[apart > 0], ACCENT, 2)
            decades(axes, apart)
        axes.set_ylabel("distance")
        axes.set_xlabel("step")

    caption = (
        f"On the training part the bits a character fall from {means[0][0]:.2f} to {means[0][-1]:.2f} in "
        f"{steps[-1]:,} steps. The dots are the validation part, after each epoch."
    )
    drawn = stack("language-cost", "Learning to read", caption, [costs, parted], [2, 1], (4.6, 3.2))
    return {"drawn": drawn, "caption": caption, "first": float(apart[0]), "apart": float(apart.max())}


def embedding(weight: Array, tokens: list[str]) -> Markup:
    """The vectors of the letters, seen from where they spread the most."""
    centred = (weight - weight.mean(axis=0)).astype(float)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    places = centred @ axes[:2].T
    places = (places - places.min(axis=0)) / np.ptp(places, axis=0)
    groups: dict[str, list[int]] = {}
    for i, token in enumerate(tokens):
        groups.setdefault(kind(token), []).append(i)
    caption = f"The {len(tokens)} tokens at the two largest principal components of their vectors."
    lettered = {name: ("".join(tokens[i][0] for i in rows), places[rows]) for name, rows in groups.items()}
    return scattered("embedding", "Letters as points", caption, lettered)


def kind(token: str) -> str:
    """What it is drawn as."""
    return "capital" if token.isupper() else "vowel" if token in VOWELS else "small" if token.isalpha() else "sign"


def attention(network: Network, text: Text, sentence: str) -> list[dict[str, Any]]:
    """Of each block the head that looks most sharply, on a sentence."""
    _, tape = network.forward(text.tokenizer.encode(sentence)[None])
    found = []
    for layer, cache in zip(network.layers, tape, strict=True):
        if not isinstance(layer, GPTBlock):
            continue
        heads = dict(cache)["attn"].a[0]
        head = int(heads[:, 1:].max(axis=2).mean(axis=1).argmax())
        number, a = len(found) + 1, heads[head]
        far = float((a * (np.arange(len(a))[:, None] - np.arange(len(a)))).sum(axis=1)[len(a) // 2 :].mean())
        caption = f"Block {number}, head {head + 1}: on average it looks {far:.1f} characters back."
        found.append(
            {
                "drawn": grid(f"attention-{number}", f"Attention in block {number}", caption, sentence, a),
                "caption": caption,
            }
        )
    return found


def traced(network: Network, text: Text, sentence: str) -> dict[str, Any]:
    """How much the loss of one prediction, the sentence's last letter, changes with the vector of each letter before
    it: ‖∂C/∂e‖, by the hand-written backward; and how far torch's is from it."""
    ids = text.tokenizer.encode(sentence)[None]
    x, target = ids[:, :-1], ids[:, -1]
    body = Network(*network.layers[1:])
    vectors = network.layers[0].forward(x)[0]
    z, tape = body.forward(vectors)
    loss = CrossEntropyLoss()
    cost, cache = loss.forward(z[:, :, -1], target)
    delta = np.zeros_like(z)
    delta[:, :, -1] = loss.backward(cache)
    by_hand, _ = body.backward(delta, tape)
    given = to_torch(vectors).requires_grad_()
    their_cost = torch.nn.functional.cross_entropy(twin(body)(given)[:, :, -1], to_torch(target))
    (theirs,) = torch.autograd.grad(their_cost, given)
    size = np.linalg.norm(by_hand[0], axis=1)
    return {
        "letters": [(visible(c), round(100 * float(s / size.max()))) for c, s in zip(sentence, size, strict=False)],
        "last": visible(sentence[-1]),
        "probability": float(np.exp(-cost)),
        "most": visible(sentence[int(size.argmax())]),
        "apart": float(np.abs(by_hand - to_numpy(theirs)).max() / np.abs(by_hand).max()),
    }


def samples(stage: Stage) -> list[dict[str, Any]]:
    """What the model writes after so many steps; of two that write the same, once."""
    written = {}
    for side in SIDES:
        writer = Writer(stage.model(side), side)
        pieces = writer.write(writer.tokenizer.tokens[0], LENGTH, TEMPERATURE, None, 0)
        written.setdefault("".join(pieces).strip(), []).append(side)
    return [{"steps": stage.steps, "sides": sides, "text": text} for text, sides in written.items()]
