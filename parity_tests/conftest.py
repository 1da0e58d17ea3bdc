"""`--device`, and the count of comparisons by device that the last lines of a run report."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from torch_ref import Parity

compared: Counter[str] = Counter()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--device", choices=["cpu", "cuda"], help="this device alone; default: cpu, and cuda if there is one")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--device") == "cuda" and not torch.cuda.is_available():
        raise pytest.UsageError("--device=cuda: torch sees no CUDA device on this machine")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "device" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--device")
        metafunc.parametrize("device", [chosen] if chosen else ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"])


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def agree() -> Callable[[Parity], None]:
    """Assert that a parity result agrees; its table is the message. Its comparisons are counted."""

    def check(parity: Parity) -> None:
        compared[parity.device] += len(parity.comparisons)
        assert parity.agrees, f"\n{parity}"

    return check


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"): # one of several processes, under pytest-xdist
        session.config.workeroutput["compared"] = dict(compared)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    compared.update(getattr(node, "workeroutput", {}).get("compared", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"CPU: {compared['cpu']:,} comparisons")
    if torch.cuda.is_available():
        terminalreporter.write_line(f"CUDA: {compared['cuda']:,} comparisons on {torch.cuda.get_device_name()}")
    else:
        terminalreporter.write_line("CUDA: not available, nothing was run there")
