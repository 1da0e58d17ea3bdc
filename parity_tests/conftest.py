"""`--device`, the count of comparisons by device that a run ends with, a small report, and a browser to open it in."""

import json
import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, sync_playwright

from manual import InputError
from parity_tests.devices import pretend
from parity_tests.posts import claim_index
from torch_ref import Parity
from torch_ref.devices import prepare

if TYPE_CHECKING:
    from experiments.report.make import Row, Trained

compared: Counter[str] = Counter()


PRETENDED = {"test_dropout", "test_embed", "test_penalties"}
"""Where the pretended device comes beside the CPU; every other test runs there with --device=pretend."""


def pytest_addoption(parser: pytest.Parser) -> None:
    about = "this device alone; default: cpu, and cuda if there is one, and pretend for a few"
    parser.addoption("--device", choices=["cpu", "cuda", pretend.NAME], help=about)


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # a shell's background jobs are deaf to Ctrl-C
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if (
        "MUTANT_UNDER_TEST" not in os.environ
    ):  # mutmut forks, which torch's autograd survives only where it knows no device
        pretend.register()
    chosen = config.getoption("--device")
    device = chosen or ("cuda" if torch.cuda.is_available() else "cpu")
    if device != "cpu":
        try:
            prepare(device)
        except InputError as error:
            raise pytest.UsageError(f"--device: {error}") from None


def pytest_sessionstart(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):  # once, and not by every process of pytest-xdist
        claim_index.write()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "device" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--device")
        everywhere = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
        here = [pretend.NAME] if getattr(metafunc.module, "__name__", "").rpartition(".")[2] in PRETENDED else []
        metafunc.parametrize("device", [chosen] if chosen else everywhere + here)


COSTLY = {
    "trained": "report",
    "models": "find",
    "site": "wheel",
    "records": "parity_cuda",
    "seen": "forked",
}
"""Fixture that takes long to make: the group of the tests that use it, which are slow. One process runs a group, so
that it is made once."""
MADE_ONCE = ("language", "wholes", "runs", "digits", "dropped", "penalised", "browser")
"""Likewise, but of tests that are quick: a group each."""


def few(names: Iterable[Any], every: int = 3) -> list[Any]:
    """Parameters of one kind: every third, say, is quick, the others are slow."""
    return [name if i % every == 0 else pytest.param(name, marks=pytest.mark.slow) for i, name in enumerate(names)]


@pytest.hookimpl(tryfirst=True)  # before pytest reads the markers, and pytest-xdist the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        used = set(getattr(item, "fixturenames", ()))
        for fixture in COSTLY.keys() & used:
            item.add_marker(pytest.mark.xdist_group(COSTLY[fixture]))
            item.add_marker(pytest.mark.slow)
        if not COSTLY.keys() & used and (shared := next((name for name in MADE_ONCE if name in used), "")):
            item.add_marker(pytest.mark.xdist_group(shared))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Under --dist=loadgroup what is in no group goes by files: a file's data is made once, and to hand out and
    recount thousands of tests one by one takes longer than many of them."""
    from xdist.scheduler import LoadGroupScheduling

    class ByGroupOrFile(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return super()._split_scope(nodeid).partition("::")[0]

    return ByGroupOrFile(config, log) if config.getvalue("dist") == "loadgroup" else None


@pytest.fixture(scope="session", autouse=True)
def state_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a command keeps for its user, it does not keep in the home of who tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def agree(record_property: Callable[[str, object], None]) -> Callable[[Parity], None]:
    """Assert that a parity result agrees; its table is the message. Its comparisons are counted, and the worst is
    recorded."""

    def check(parity: Parity) -> None:
        compared[parity.device] += len(parity.comparisons)
        worst = max(parity.comparisons, key=lambda c: c.ratio)
        record_property("worst", astuple(replace(worst, worst=None)))  # plain values, which xdist can send
        assert parity.agrees, f"\n{parity}"

    return check


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> "Trained":
    """The report's runs, of two epochs each, two seeds of the digits, and few drawn birds."""
    from experiments.report import make as report
    from experiments.train import command as train  # here: the tests of `manual` alone would wait for Lightning

    with pytest.MonkeyPatch.context() as patch:
        fit = train.run
        patch.setattr(train, "run", lambda arguments: fit([*arguments, "--trainer.max_epochs=2"]))
        patch.setitem(report.SEEDS, "digits", range(2))
        patch.setattr(report, "PICTURES", 80)
        return report.train_all(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="session")
def rows(trained: "Trained") -> "list[Row]":
    """The report's comparisons."""
    from experiments.report.make import compare_all

    return [*compare_all(trained)]


@pytest.fixture(scope="session")
def language(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The report's chapter on the language model, after two steps on a short text; "out" is where it lies."""
    from experiments.report.chapters.language import chapter
    from experiments.report.record import language_runs
    from experiments.train import command as train
    from parity_tests.data.test_text import PROSE

    out, fit = tmp_path_factory.mktemp("language"), train.run
    (out / "own.txt").write_text(PROSE, "utf-8")
    small = [f"--data.file={out / 'own.txt'}", "--data.context=16", "--data.batch_size=8"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "run", lambda arguments: fit([*arguments, *small]))
        patch.setattr(language_runs, "STAGES", (2, 4))
        return chapter(out, False, "2026-11-28 10:00 UTC", "abc1234") | {"out": out}


@pytest.fixture(scope="session")
def shown(trained: "Trained", language: dict[str, Any]) -> dict[str, Any]:
    """What the report shows of these runs."""
    from experiments.report.make import contents

    return contents(trained) | {"language": language}


@pytest.fixture
def run_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, dict[str, Any]]]:
    """The grader's exit status and JSON for a file, or one of this source, which runs in a process of its own."""
    from experiments.grade import command as check
    from parity_tests.grade.checking import source_of

    def command(source: str | Path, *options: str) -> tuple[int, dict[str, Any]]:
        path = source if isinstance(source, Path) else tmp_path / "hand_in.py"
        if isinstance(source, str):
            path.write_text(source_of(source), "utf-8")
        status = check.main([str(path), "--format", "json", "--timeout", "60", *options])
        out, err = capsys.readouterr()
        assert err == ""
        result = json.loads(out)
        assert result["status"] == status
        return status, result

    return command


@pytest.fixture
def fails(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """The one line that `experiments.grade` fails with."""
    from experiments.grade import command as check

    def command(*arguments: object) -> str:
        with pytest.raises(SystemExit) as stop:
            check.main([*map(str, arguments)])
        assert stop.value.code == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("\n") == 1, err
        return err

    return command


SPEED: dict[str, Any] = {"tables": []}


@pytest.fixture(scope="session")
def page(shown: dict[str, Any], rows: "list[Row]") -> str:
    """The report, as HTML; its benchmark has no tables."""
    from experiments.report import make as report

    return report.page(shown, rows, SPEED)


@pytest.fixture(scope="session")
def index(page: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report as a file."""
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(page, "utf-8")
    return path


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium as the system has it; where it has none the test is skipped, and says what to install."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium: apt install chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield launched
        launched.close()


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:  # one of several processes, under pytest-xdist
        output["compared"] = dict(compared)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    compared.update(getattr(node, "workeroutput", {}).get("compared", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"CPU: {compared['cpu']:,} comparisons")
    if compared[pretend.NAME]:
        terminalreporter.write_line(f"pretended device: {compared[pretend.NAME]:,} comparisons")
    if torch.cuda.is_available():
        terminalreporter.write_line(f"CUDA: {compared['cuda']:,} comparisons on {torch.cuda.get_device_name()}")
    else:
        terminalreporter.write_line("CUDA: not available, nothing was run there")
