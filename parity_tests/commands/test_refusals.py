"""What a command refuses: one line that says what was expected and what it got, exit status 2, and nothing is written.

One table for what is typed. (What a file may hold is in the tests of that file.)
"""

import re
import shlex
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from experiments.shared.command import nearest
from experiments.shared.model_file import Model, save
from experiments.shared.scale import Scale
from experiments.shared.spec import build_network
from experiments.train.options import configs
from experiments.train.settings import ELSEWHERE
from manual import InputError

MODULES = {"check": "experiments.grade.command", "birds": "experiments.data.birds"}
TORCH = "--model.implementation torch"
ONE = "model.implementation manual is one process on one machine, by design; expected"
MODEL = "fit --config two_two_one --"
BIRDS = "fit --config bluebird_softmax --data.folder birds --"
NAME = "--name: expected letters, digits, '_', '-' and '.', no '-' or '.' first, got"

TABLE = [
    # names that are not known get the nearest that is
    ("check", "--formt json a.py", "there is no option '--formt'; did you mean '--format'?"),
    ("check", "--timeuot=3 a.py", "there is no option '--timeuot'; did you mean '--timeout'?"),
    ("check", "--format jsn a.py",
     "--format: expected one of text, json, html, csv, gradescope, junit, got 'jsn'; did you mean 'json'?"),
    ("check", "a.py b.py", "too many arguments: 'b.py'"),
    ("check", "hand_in.yp", "there is no hand_in.yp; did you mean 'hand_in.py'?"),
    ("check", "handins/hand_in.py", "there is no handins/hand_in.py"),
    ("report", "--uot x", "there is no option '--uot'; did you mean '--out'?"),
    ("report", "--compare nope.json report.json", "--compare: there is no nope.json"),
    ("report", "--compare raport.json report.json", "--compare: there is no raport.json; did you mean 'report.json'?"),
    ("bench", "--dytpe float64", "there is no option '--dytpe'; did you mean '--dtype'?"),
    ("bench", "--dtype float46", "--dtype: expected one of float32, float64, got 'float46'; did you mean 'float64'?"),
    ("bench", "--colour", "there is no option '--colour'"),
    ("train", "fitt", "expected one of fit, validate, test, predict, got 'fitt'; did you mean 'fit'?"),
    ("train", "fit --config digts", "there is no config digts; did you mean 'digits'?"),
    ("train", "fit --config=Digits", "there is no config Digits; did you mean 'digits'?"),
    ("train", "fit -c mime.yaml", "there is no config mime.yaml; did you mean 'mine.yaml'?"),
    ("train", "fit -c no/where.yaml", "there is no config no/where.yaml"),
    ("train", f"{MODEL}model.implemntation torch", "'--model.implemntation'; did you mean '--model.implementation'?"),
    *[("train", f"{MODEL}{name} 1", f"there is no option '--{name}'; did you mean '--{ours}'?")
      for name, ours in ELSEWHERE.items()],
    ("train", f"{MODEL}netwrok x", "there is no option '--netwrok'; did you mean '--model.network'?"),
    ("train", f"{MODEL}implemntation=torch", "'--implemntation'; did you mean '--model.implementation'?"),
    ("train", f"{MODEL}model.implementation toch", "one of manual, torch, got 'toch'; did you mean 'torch'?"),
    ("train", f"{MODEL}data.name digtis", "did you mean 'digits'?"),
    ("train", f"{MODEL}model.optimizer Adamw", "there is no optimizer 'Adamw'; did you mean 'AdamW'?"),
    ("train", "fit --config mine.yaml", "config has no 'model.implemntation'; did you mean 'model.implementation'?"),
    ("find", "photos --model known --class bluebrid", "got 'bluebrid'; did you mean 'bluebird'?"),
    # numbers and values that cannot be
    ("bench", "--threads 0", "argument --threads: expected one of 1"),
    ("bench", "--threads two", "argument --threads: invalid int value: 'two'"),
    ("bench", "--format xml", "argument --format: expected one of table, json, got 'xml'"),
    ("bench", "steps grow", "expected one of steps, kernel, growth, startup, verdicts, got 'grow'; did you mean"),
    ("bench", "steps startup", "startup stands alone"),
    ("bench", "growth --threads 1", "--threads and --dtype are of steps; growth: one thread, float32"),
    ("bench", "kernel --dtype float64", "--threads and --dtype are of steps; kernel: one thread, float32"),
    ("find", "photos --model known --threshold 1.5", "--threshold: expected a probability, 0 to 1, got 1.5"),
    ("find", "photos --model known --threshold nan", "--threshold: expected a probability, 0 to 1, got nan"),
    ("birds", "--out new --count 23", "--count: expected 24 or more, a picture of each class in each part, got 23"),
    ("birds", "--out new --seed -1", "--seed: expected 0 or more, got -1"),
    ("birds", "--out new --size 7", "--size: expected 8 to 512, got 7"),
    ("birds", "--out new --size 513", "--size: expected 8 to 512, got 513"),
    ("train", f"{MODEL}model.optimizer '{{SGD: {{lr: -0.1}}}}'", "SGD: lr must be a finite number >= 0, got -0.1"),
    ("train", f"{MODEL}model.loss MSELoss --model.loss.reduction none", "expected mean or sum, one number to train on"),
    ("train", f"{MODEL}model.threshold -1", "threshold must be a finite number >= 0, got -1"),
    ("train", f"{MODEL}model.dtype float16", "float64, float32, got 'float16'; did you mean 'float64'?"),
    ("train", f"{MODEL}model.seed -1", "seed must be a finite number >= 0, got -1"),
    ("train", f"{MODEL}data.batch_size 0", "batch_size must be an integer >= 1, got 0"),
    ("train", f"{MODEL}trainer.max_epochs 0", "trainer: max_epochs must be an integer >= 1, got 0"),
    ("train", f"{MODEL}trainer.max_epochs -1", "trainer: max_epochs must be an integer >= 1, got -1"),
    ("train", f"{MODEL}trainer.max_steps 0", "trainer: max_steps must be an integer >= 1, got 0"),
    ("train", f"{MODEL}trainer.devices 2", f"trainer.devices 2: {ONE} 1"),
    ("train", f"{MODEL}trainer.num_nodes 2", f"trainer.num_nodes 2: {ONE} 1"),
    ("train", f"{MODEL}trainer.strategy ddp", f"trainer.strategy ddp: {ONE} auto"),
    ("train", f"{MODEL}trainer.devices 0 {TORCH}", "trainer: devices must be an integer >= 1, got 0"),
    ("train", f"{MODEL}trainer.num_nodes 0 {TORCH}", "trainer: num_nodes must be an integer >= 1, got 0"),
    ("train", f"{MODEL}trainer.num_nodes 2 {TORCH}", "trainer.num_nodes 2: expected torchrun or Slurm to start"),
    ("train", f"{MODEL}trainer.precision 16-mixed {TORCH}", "16-mixed: a GPU is needed for it"),
    ("train", f"{MODEL}model null", "there is no config null"),
    ("train", f"{MODEL}trainer.strategy fsdp {TORCH} --model.penalty L2 --model.penalty.alpha 0.1",
     "trainer.strategy fsdp: model.penalty needs the weights whole"),
    ("train", f"{MODEL}trainer.strategy fsdp {TORCH} --trainer.callbacks StochasticWeightAveraging "
     "--trainer.callbacks.swa_lrs 0.1", "fsdp: trainer.callbacks StochasticWeightAveraging needs the weights whole"),
    ("train", f"{MODEL}trainer.accelerator gpu", "model.implementation manual is NumPy, and runs on the CPU alone"),
    ("train", "fit", "fit: expected name, trainer.max_epochs, model.network, model.loss, model.optimizer, data.name; "
     "set them by --config (a file, or one of bluebird_cnn, "),
    ("train", f"{MODEL}model.network '[{{Linear: {{in_features: 2, out_features: 1, rng: 3}}}}]'",
     "Linear: there is no argument 'rng'"),
    ("train", f"{MODEL}model.optimizer.help SDG", "there is no optimizer 'SDG'; did you mean 'SGD'?"),
    ("train", f"{MODEL}model.optimizer.lr 1:30", "SGD: lr must be a finite number >= 0, got '1:30'"),
    *[("train", f"{MODEL}name '{name}'", f"{NAME} {name!r}") for name in ("", ".", "..", "../../etc", "a/b", "/etc")],
    ("train", f"{MODEL}name=-", f"{NAME} '-'"),
    ("train", f"{MODEL}out ''", "--out: expected a folder, got ''"),
    ("train", f"{MODEL}out file", "'file/two_two_one/manual'"),
    ("train", "test --config two_two_one", "test: expected --ckpt_path, a file or last"),
    ("train", "test --config two_two_one --ckpt_path no.ckpt", "there is no checkpoint no.ckpt"),
    ("train", f"{MODEL}ckpt_path last", "--ckpt_path last: no run in runs/two_two_one/manual has left a checkpoint"),
    ("train", f"{MODEL}ckpt_path ''", "expected a checkpoint, got a folder"),
    ("train", f"{BIRDS}data.augment flip", "data.augment: expected a list of 'flip', 'shift', got flip"),
    ("train", f"{BIRDS}data.augment '[flip, rotate]'", "a list of 'flip', 'shift', got ['flip', 'rotate']"),
    ("train", f"{BIRDS}data.size large", "data.size: expected int, got large"),
    ("train", f"{MODEL}data.folder birds", "data.folder is for data.name pictures; here it is hand_computation"),
    ("train", f"{MODEL}data.size 32", "data.size is for data.name pictures; here it is hand_computation"),
    ("train", f"{MODEL}data.augment '[flip]'", "data.augment is for data.name pictures; here it is hand_computation"),
    ("train", "fit --config bluebird_softmax", "--data.folder: expected a folder of pictures, a subfolder for each "
     "class; `python -m experiments.data.birds --out birds` draws one"),
    # files and folders that are not what is expected
    ("bench", "--against nowhere.json", "--against: there is no nowhere.json"),
    ("birds", "--out photos", "--out: expected a folder that does not exist yet, or is empty; photos is not empty"),
    ("birds", "--out file", "--out file: "),
    ("find", "photos --model nowhere", "there is no model nowhere"),
    ("find", "photos --model photos", "photos: expected a model, got a folder"),
    ("find", "photos --model numbers", "numbers: expected a model that tells pictures apart, got one whose input is of "
     "shape (64,)"),
    ("find", "photos --model wild", "photos/a.png: the network's answer is not finite; its weights are too large"),
    ("find", "photos --model wild --implementation torch --threshold 0", "the network's answer is not finite"),
    ("find", "photos --model known --out no/where.csv", "--out: there is no folder no"),
    ("find", "photos --model known --out photos", "--out: expected a file, got the folder photos"),
    ("find", "file --model known", "file: expected a folder, got a file"),
    ("find", "notes --model known --out file", "notes: expected pictures, got 2 other files"),
    ("find", "nowhere --model known", "there is no folder nowhere"),
    ("find", "empty --model known", "empty: expected pictures, got an empty folder"),
]  # fmt: skip


def of_twelve(path: Path, weight: float) -> None:
    """A model of pictures of 2 × 2 pixels."""
    layers: list[Any] = ["Flatten", {"Linear": {"in_features": 12, "out_features": 2, "bias": False}}]
    network = build_network(layers, 0, None, "float64").like(**{"1.weight": np.full((2, 12), weight)})
    scale = Scale([0.1, 0.2, 0.3], [0.5, 0.25, 0.5])
    save(path, Model(network, layers, "float64", (3, 2, 2), ["leaf", "bluebird"], scale))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the table names."""
    folder = tmp_path_factory.mktemp("workspace")
    for name in ("a.py", "b.py", "hand_in.py", "report.json", "file"):
        (folder / name).write_text("mine")
    for name in ("photos", "notes", "empty"):
        (folder / name).mkdir()
    for name in ("one.txt", "two.png"):
        (folder / "notes" / name).write_text("not a picture")
    Image.new("RGB", (2, 2), "white").save(folder / "photos" / "a.png")
    of_twelve(folder / "known", 0.5)
    of_twelve(folder / "wild", 1e308)
    layers: list[Any] = [{"Linear": {"in_features": 64, "out_features": 10}}]
    save(folder / "numbers", Model(build_network(layers, 0, None, "float64"), layers, "float64", (64,), None, None))
    config = yaml.safe_load(configs()["digits"].read_text("utf-8"))
    config["model"]["implemntation"] = "torch"
    (folder / "mine.yaml").write_text(yaml.safe_dump(config))
    return folder


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}


@pytest.mark.parametrize(("command", "typed", "said"), TABLE, ids=[f"{row[0]} {row[1]}" for row in TABLE])
def test_what_cannot_be_is_one_line_with_status_2_and_leaves_everything_as_it_is(
    command: str,
    typed: str,
    said: str,
    workspace: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = contents(workspace)
    monkeypatch.chdir(workspace)
    monkeypatch.setattr(sys, "argv", [f"backprop-{command}", *shlex.split(typed)])
    with pytest.raises(SystemExit) as stop:
        import_module(MODULES.get(command, f"experiments.{command}.command")).main()
    out, err = capsys.readouterr()
    assert (stop.value.code, out, err.count("\n")) == (2, "", 1), err
    assert re.match(rf"(backprop-{command}|python -m experiments\.data\.birds): ", err)
    assert said in err
    assert ("did you mean" in err) == ("did you mean" in said)
    assert contents(workspace) == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_where_there_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="torch sees no GPU"):
        import_module("experiments.train.command").run(shlex.split(f"{MODEL}trainer.accelerator gpu {TORCH}"))


def test_the_nearest_name_is_found_whatever_its_case_and_none_if_none_is_near() -> None:
    known = ["digits", "Sine"]
    assert nearest("DIGTS", known) == "; did you mean 'digits'?"
    assert nearest("sin", known) == "; did you mean 'Sine'?"
    assert nearest("xyz", known) == ""
