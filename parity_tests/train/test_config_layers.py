"""A config from files, options and the environment: as Lightning's command line has it."""

import pytest
import yaml

from experiments.train.options import configs, read
from manual import InputError

SGD = {"class_path": "SGD", "init_args": {"lr": 0.2, "momentum": 0.9}}
ADAM = {"class_path": "Adam", "init_args": {"lr": 1e-3}}


def optimizer(*words):
    return read(["fit", "--config=digits", *words]).model.optimizer


def lr(value):
    return SGD | {"init_args": SGD["init_args"] | {"lr": value}}


OPTIMIZERS = {
    "nothing": ([], SGD),
    "one argument": (["--model.optimizer.lr", "0.1"], lr(0.1)),
    "by its full name": (["--model.optimizer.init_args.lr=1e-3"], lr(0.001)),
    "as it was written once": (["--model.optimizer.SGD.lr", "0.1"], lr(0.1)),
    "the same class": (["--model.optimizer=SGD"], SGD),
    "a mapping of the same class": (["--model.optimizer={class_path: SGD, init_args: {lr: 0.1}}"], lr(0.1)),
    "arguments alone": (["--model.optimizer={init_args: {lr: 0.1}}"], lr(0.1)),
    "as configs were once": (["--model.optimizer={SGD: {lr: 0.1}}"], lr(0.1)),
    "another class": (["--model.optimizer", "Adam"], {"class_path": "Adam", "init_args": {}}),
    "another class and its argument": (["--model.optimizer=Adam", "--model.optimizer.lr=1e-3"], ADAM),
    "a full path": (["--model.optimizer=manual.Adam", "--model.optimizer.lr=1e-3"], ADAM),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_is_said_of_the_optimizer_keeps_the_rest(name) -> None:
    words, expected = OPTIMIZERS[name]
    assert optimizer(*words) == expected


def test_a_second_config_keeps_what_it_does_not_say(tmp_path, capsys) -> None:
    (tmp_path / "b.yaml").write_text("model: {optimizer: {SGD: {lr: 1e-2}}, loss: {init_args: {reduction: sum}}}\n")
    options = read(["fit", "--config=digits", "--config", str(tmp_path / "b.yaml"), "--data.seed=3"])
    assert options.model.optimizer == lr(0.01)
    assert options.model.loss == {"class_path": "CrossEntropyLoss", "init_args": {"reduction": "sum"}}
    assert (options.data.seed, options.data.batch_size) == (3, 32)
    assert capsys.readouterr().err == ("model.optimizer: {SGD: …} is written {class_path: SGD, init_args: …} now\n")


def test_the_environment_is_under_what_is_typed(monkeypatch) -> None:
    monkeypatch.setenv("PL_FIT__CONFIG", "digits")
    monkeypatch.setenv("PL_FIT__MODEL__SEED", "7")
    monkeypatch.setenv("PL_FIT__MODEL__OPTIMIZER__LR", "0.5")
    options = read(["fit", "--model.optimizer.lr=0.3"])
    assert (options.model.seed, options.model.optimizer) == (7, lr(0.3))


def test_a_section_may_be_a_file_of_its_own(tmp_path) -> None:
    (tmp_path / "data.yaml").write_text("seed: 5\n")
    (tmp_path / "all.yaml").write_text(f"data: {tmp_path}/data.yaml\nname: été\n", "utf-8")
    options = read(["fit", "--config=digits", f"--config={tmp_path}/all.yaml"])
    assert (options.data.seed, options.data.batch_size, options.config["name"]) == (5, 32, "été")
    assert read(["fit", "--config=digits", f"--data={tmp_path}/data.yaml"]).data.seed == 5


@pytest.mark.parametrize("name", configs())
def test_what_is_printed_is_a_config_of_the_same_run(name, tmp_path, capsys) -> None:
    words = ["--trainer.callbacks+=EarlyStopping", "--trainer.callbacks.monitor=val_cost", "--model.network+=Identity"]
    words.append("--name=1e-3")  # which another reader takes for a text
    with pytest.raises(SystemExit) as stop:
        read(["fit", f"--config={name}", *words, "--print_config"])
    printed = capsys.readouterr().out
    (tmp_path / "printed.yaml").write_text(printed, "utf-8")
    assert stop.value.code == 0
    assert read(["fit", f"--config={tmp_path}/printed.yaml"]).as_yaml() == printed
    assert yaml.safe_load(printed)["model"]["network"][-1] == "Identity"


BOMB = "a: &a [x, x]\nb: [*a, *a]\n"
HOSTILE = {
    "an alias": (BOMB, "expected a config without aliases"),
    "levels": (f"x: {'[' * 3000}", "at most 100 levels"),
    "more levels than a stack has": (f"x: {'[' * 100_000}", "at most 100 levels"),
    "a name twice": ("seed: 1\nseed: 2\n", "every name once, got 'seed' twice"),
    "a tag": ("seed: !!python/object/apply:os.getcwd []\n", "without tags"),
    "a list": ("[1]\n", "expected names and their values, got list"),
    "a number without digits": ("seed: 0x_\n", "expected numbers that can be read"),
    "a number of 10,000 digits": (f"seed: {'9' * 10_000}\n", "expected numbers that can be read"),
    "a NUL": ('dtype: "a\\0b"\n', "a text that can be written to a file"),
    "half a character": ('dtype: "\\ud800"\n', "expected a config in valid YAML|a text that can be written"),
    "a lone dot": ("threshold: .\n", "model.threshold: expected float, got ."),
    "a dot and an underscore": ("threshold: ._\n", "threshold"),
    "another encoding": ("dtype: \xe9\n".encode("latin-1"), "expected a config in UTF-8"),
    "a name that is no text": ("3: 4\n", "the config has no 'model.3'"),
}


@pytest.mark.parametrize("where", ["config", "model", "in a config", "typed"])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_config_is_refused_wherever_it_stands(name, where, tmp_path) -> None:
    text, said = HOSTILE[name]
    inner, outer = tmp_path / "inner.yaml", tmp_path / "outer.yaml"
    inner.write_bytes(text if isinstance(text, bytes) else text.encode())
    outer.write_text(f"model: {inner}\n")
    if where == "typed" and (isinstance(text, bytes) or "\n" in text[:-1]):
        pytest.skip("not on a command line")
    as_typed = text if isinstance(text, str) else ""
    words = {
        "config": f"--config={inner}", "model": f"--model={inner}", "in a config": f"--config={outer}",
        "typed": f"--model.start={{{as_typed.strip()}}}",
    }[where]  # fmt: skip
    if where == "typed" and text.strip() in ("threshold: .", "threshold: ._", "3: 4"):
        pytest.skip("of another type there")
    loose = where in ("config", "typed")  # there these are other names, and another error
    with pytest.raises(InputError, match=None if loose else said):
        read(["fit", "--config=digits", words])


TWICE = {
    "dotted beside nested": "model.seed: 3\nmodel: {seed: 0}\n",
    "dotted twice": "{model.seed: 3, model: {seed: 3}}\n",
}


@pytest.mark.parametrize("name", TWICE)
def test_one_key_in_two_forms_is_refused(name, tmp_path) -> None:
    (tmp_path / "a.yaml").write_text(TWICE[name])
    with pytest.raises(InputError, match=r"expected every name once, got 'model\.seed' twice"):
        read(["fit", "--config=digits", f"--config={tmp_path}/a.yaml"])


def test_a_class_and_an_argument_of_it_are_not_said_in_two_places_of_a_file(tmp_path) -> None:
    (tmp_path / "a.yaml").write_text("model: {optimizer: {class_path: SGD, init_args: {lr: 0.1}}, optimizer.lr: 3}\n")
    with pytest.raises(InputError, match=r"once, got 'model\.optimizer' and 'model\.optimizer\.lr'"):
        read(["fit", "--config=digits", f"--config={tmp_path}/a.yaml"])


REFUSED = {
    "--model.seed: expected a value, got none": ["--model.seed"],
    "expected an option, as --model.seed, got 'digits'": ["digits"],
    "there is no option '--trainer.callback'; did you mean '--trainer.callbacks'?": ["--trainer.callback=x"],
    "expected trainer.callbacks first": ["--trainer.callbacks.monitor=val_cost"],
    "model.optimizer is one, not a list": ["--model.optimizer+=Adam"],
    "there is no config nowhere.yaml": ["--model=nowhere.yaml"],
    "model.optimizer: expected a name, or {class_path: NAME": ["--model.optimizer={class_path: [3]}"],
}


@pytest.mark.parametrize("said", REFUSED)
def test_what_cannot_be_typed_is_refused(said) -> None:
    with pytest.raises(InputError) as error:
        read(["fit", "--config=digits", *REFUSED[said]])
    assert said in str(error.value)
