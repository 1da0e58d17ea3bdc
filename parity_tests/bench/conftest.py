"""A short benchmark."""

import pytest

from experiments.bench import clock, own_process, table, tables
from experiments.bench.workloads import workloads


@pytest.fixture
def quiet(monkeypatch):
    """A short benchmark that takes the machine for its own."""
    for name in own_process.OPENBLAS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(table, "SECONDS", 0.02)
    monkeypatch.setattr(clock, "PATIENCE", 0.02)
    monkeypatch.setattr(clock, "FEWEST", 1)
    monkeypatch.setattr(table, "FEWEST", 1)
    monkeypatch.setattr(tables, "workloads", lambda dtype: [a_few(work) for work in workloads(dtype)])
    monkeypatch.setattr(clock, "preemptions", lambda: 0)


def a_few(work):
    """The same steps, on the first examples."""
    return work._replace(x=work.x[:3], y=work.y[:3])
