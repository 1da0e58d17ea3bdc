"""The twelve exercises: blank they are not judged, solved they agree, and a common mistake differs where it is made."""

import json
import re

import pytest

from experiments.grade import command as check

SOLVED: dict[str, str] = {
    "relu_backward": "return delta * (z > 0)",
    "sigmoid_backward": "return delta * y * (1 - y)",
    "linear_backward": "return delta @ W, delta.T @ x, delta.sum(axis=0)",
    "squared_loss": "return cost, (x - y) / len(x)",
    "backward": """
    z1 = x @ W1.T + b1
    a1 = np.maximum(z1, 0)
    delta2 = (a1 @ W2.T + b2 - y) / len(x)
    delta1 = delta2 @ W2 * (z1 > 0)
    return delta1.T @ x, delta1.sum(axis=0), delta2.T @ a1, delta2.sum(axis=0)""",
    "softmax_backward": "return y * (delta - (delta * y).sum(axis=1, keepdims=True))",
    "softmax_loss": "return cost, (np.exp(log_p) - np.eye(x.shape[1])[y]) / len(x)",
    "embedding_backward": """
    dE = np.zeros(E.shape)
    np.add.at(dE, words, delta)
    return dE""",
    "rms_norm_backward": """
    r = np.sqrt((x * x).mean(axis=1, keepdims=True) + 1e-5)
    g = delta * gain
    return g / r - x * (g * x).mean(axis=1, keepdims=True) / r**3, (delta * x / r).sum(axis=0)""",
    "layer_norm_backward": """
    centred = x - x.mean(axis=1, keepdims=True)
    s = np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
    n, g = centred / s, delta * gain
    dx = (g - g.mean(axis=1, keepdims=True) - n * (g * n).mean(axis=1, keepdims=True)) / s
    return dx, (delta * n).sum(axis=0), delta.sum(axis=0)""",
    "rnn_step_backward": """
    dz = delta * (1 - np.tanh(x @ W.T + h @ U.T + b) ** 2)
    return dz @ W, dz @ U, dz.T @ x, dz.T @ h, dz.sum(axis=0)""",
    "attention_backward": """
    s = q @ k.T / np.sqrt(q.shape[1])
    a = np.exp(s - s.max(axis=1, keepdims=True))
    a = a / a.sum(axis=1, keepdims=True)
    da = delta @ v.T
    ds = a * (da - (da * a).sum(axis=1, keepdims=True)) / np.sqrt(q.shape[1])
    return ds @ k, ds.T @ q, a.T @ delta""",
}

WRONG = {
    "relu_backward": ("return delta", "dx", "mask"),
    "sigmoid_backward": ("return delta * y", "dx", ""),
    "linear_backward": ("return delta @ W, delta.T @ x, delta", "dbias", "summed over the batch"),
    "squared_loss": ("return cost, x - y", "dx", "times"),
    "softmax_backward": ("return delta * y * (1 - y)", "dx", "diagonal"),
    "softmax_loss": ("return cost, np.exp(log_p) / len(x)", "dx", ""),
    "embedding_backward": ("""
    dE = np.zeros(E.shape)
    dE[words] += delta
    return dE""", "dE", ""),
    "rnn_step_backward": ("""
    dz = delta * (1 - np.tanh(x @ W.T + h @ U.T + b) ** 2)
    return dz @ W, dz @ W[:, :1] * np.ones(h.shape), dz.T @ x, dz.T @ h, dz.sum(axis=0)""", "dh", ""),
}  # fmt: skip
"""What people write instead, which quantity then differs, and a word of the hint, where one is known."""


def filled(capsys, bodies):
    """The exercises with these lines in the place of the blanks."""
    assert check.main(["--exercises"]) == 0
    parts = re.split("(?m)^(?=def )", capsys.readouterr().out)
    for i, part in enumerate(parts):
        name = part.removeprefix("def ").partition("(")[0]
        for blank in ("raise NotImplementedError", "return cost, None"):
            parts[i] = parts[i].replace(blank, bodies.get(name, blank).strip())
    return "".join(parts)


def graded(path, text, capsys):
    path.write_text(text)
    status = check.main([str(path), "--format", "json"])
    return status, json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("run")
def test_blank_exercises_are_not_judged_and_solved_ones_agree(tmp_path, capsys):
    status, report = graded(tmp_path / "exercises.py", filled(capsys, {}), capsys)
    assert status == 2
    assert len(report["findings"]) == len(SOLVED) == 12
    assert [finding["name"] for finding in report["findings"]] == [name.removesuffix("_backward") for name in SOLVED]
    assert report["verdict"].count("still to be written") == 2  # once of those that raise, once of those that give None
    first = {name: SOLVED[name] for name in ("relu_backward", "linear_backward")}
    status, report = graded(tmp_path / "exercises.py", filled(capsys, first), capsys)
    assert (status, report["verdict"].startswith("2 of 12 pieces agree")) == (2, True)
    status, report = graded(tmp_path / "exercises.py", filled(capsys, SOLVED), capsys)
    assert status == 0, report
    assert {row["verdict"] for finding in report["findings"] for row in finding["rows"]} == {"agrees"}


@pytest.mark.slow
@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_in_one_differs_there_alone_and_has_a_hint(name, tmp_path, capsys):
    body, quantity, cause = WRONG[name]
    status, report = graded(tmp_path / "exercises.py", filled(capsys, SOLVED | {name: body}), capsys)
    assert status == 1
    [(piece, row)] = [(f["name"], row) for f in report["findings"] for row in f["rows"] if row["verdict"] == "differs"]
    assert (piece, row["quantity"]) == (name.removesuffix("_backward"), quantity)
    assert row["hint"]
    assert cause in row["cause"]
