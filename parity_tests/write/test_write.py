"""A language model's own text: by both implementations the same, as the options have it."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.shared.model_file import WORDS, Model, load, save
from experiments.shared.spec import Spec, build_network
from experiments.write import command as write
from experiments.write.writer import Writer, drawn
from manual import InputError

LETTERS = "abc \n"
LAYERS: list[Spec] = [
    {"Embedding": {"num_embeddings": 5, "embedding_dim": 4}},
    {"EveryStep": {"inner": {"LSTM": {"input_size": 4, "hidden_size": 6, "batch_first": True}}}},
    {"Linear": {"in_features": 6, "out_features": 5}},
    {"Transpose": {"dim0": 1, "dim1": 2}},
]


def saved(path: Path, **changed: Any) -> Path:
    """A model of five letters, which has learned nothing."""
    model = Model(build_network(LAYERS, 0, None, "float32"), LAYERS, "float32", (8,), [*LETTERS], None)
    save(path, model._replace(**changed))
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return saved(tmp_path / "model.safetensors")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command: exit status, output, errors."""

    def typed(*arguments: object) -> tuple[int, str, str]:
        try:
            status = write.main([str(argument) for argument in arguments])
        except SystemExit as stop:
            status = int(stop.code or 0)
        out, err = capsys.readouterr()
        return status, out, err

    return typed


@pytest.mark.parametrize("options", [(), ("--temperature", 0.5, "--top-k", 3), ("--temperature", 0)])
def test_both_implementations_write_the_same_text_and_another_seed_another(options, model, run):
    given = ("--model", model, "--prompt", "ab", "--length", 60, *options)
    status, text, _ = run(*given)
    assert status == 0
    assert text.startswith("ab")
    assert len(text) == 2 + 60 + 1
    assert run(*given, "--implementation", "torch") == (0, text, "")
    assert (run(*given, "--seed", 1)[1] == text) == ("--temperature" in options and options[1] == 0)


def test_a_model_looks_at_no_more_than_its_context(model):
    writer, seen = Writer(model, "manual"), []
    logits = writer.logits
    writer.logits = lambda x: seen.append(x.tolist()) or logits(x)  # pyright: ignore[reportAttributeAccessIssue]
    assert len([*writer.write("abcabcabc", 3, 1, None, 0)]) == 3
    assert [len(x[0]) for x in seen] == [8, 8, 8]
    assert seen[0] == [[1, 2, 0, 1, 2, 0, 1, 2]]


def test_a_token_is_drawn_as_often_as_it_is_probable():
    z, n = np.log([0.1, 0.5, 0.4]), 1000
    draws = {
        (t, k): Counter(drawn(z, t, k, (i + 0.5) / n) for i in range(n))
        for t, k in [(1, None), (0.5, None), (1, 2), (0, 3)]
    }
    assert draws[1, None] == {0: 100, 1: 500, 2: 400}
    assert draws[1, 2] == {1: 556, 2: 444}  # 5/9 and 4/9
    assert draws[0, 3] == {1: n}
    assert [draws[0.5, None][i] for i in range(3)] == [24, 595, 381]  # as 1 : 25 : 16, of 42


@pytest.mark.parametrize(("options", "said"), [
    (("--prompt", "abd"), "'d' is not among the 5 characters of the model's text"),
    (("--prompt", ""), "write: expected a prompt of at least one character"),
    (("--length", -1), "write: length must be an integer >= 0, got -1"),
    (("--temperature", -1), "write: temperature must be a finite number >= 0, got -1.0"),
    (("--temperature", "nan"), "write: temperature must be a finite number >= 0, got nan"),
    (("--top-k", 0), "write: top_k must be an integer >= 1, got 0"),
    (("--seed", -1), "write: seed must be an integer >= 0, got -1"),
    (("--implementation", "jax"), "expected one of manual, torch, got 'jax'"),
])  # fmt: skip
def test_what_cannot_be_written_is_refused_in_one_line(options, said, model, run):
    status, out, err = run("--model", model, *options)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert said in err


def test_a_model_of_pictures_is_refused(tmp_path, run):
    layers: list[Spec] = [{"Linear": {"in_features": 2, "out_features": 2}}]
    network = build_network(layers, 0, None, "float32")
    path = tmp_path / "other.safetensors"
    save(path, Model(network, layers, "float32", (2,), ["a", "b"], None))
    status, _, err = run("--model", path)
    assert (status, err.count("\n")) == (2, 1)
    assert "expected a model of a text, got one whose input is of shape (2,)" in err


@pytest.mark.parametrize(("changed", "said"), [
    ({"input": (WORDS + 1,)}, "expected at most 1,024 words"),
    ({"classes": ["a", "b"]}, r"2 classes, and outputs of shape \(1, 5, 8\)"),
])  # fmt: skip
def test_a_model_that_does_not_fit_together_is_refused(changed, said, tmp_path):
    with pytest.raises(InputError, match=said):
        load(saved(tmp_path / "wrong.safetensors", **changed))


def test_what_a_stranger_s_vocabulary_holds_does_nothing_to_a_terminal(tmp_path, run):
    path = saved(tmp_path / "model.safetensors", classes=["a", "\x1b", "\u202e", "\r", "\n"])
    status, text, _ = run("--model", path, "--prompt", "a", "--length", 50)
    assert status == 0
    assert not {"\x1b", "\u202e", "\r"} & {*text}
    assert r"\x1b" in text
