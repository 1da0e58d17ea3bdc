"""All that is audited, page by page."""

from typing import NamedTuple

from parity_tests.audit import modules, operators, optimizers
from parity_tests.audit.operators import Subject


class Group(NamedTuple):
    """What has a page of its own: what it is called, the page's name in docs/tables, and what is on it."""

    what: str
    page: str
    subjects: list[Subject]


def groups() -> list[Group]:
    """The operators of torch, and its modules and optimizers."""
    return [
        Group("differentiable operators", "audit", operators.subjects()),
        Group("modules and optimizers", "audit_modules", [*modules.subjects(), *optimizers.subjects()]),
    ]


def subjects() -> list[Subject]:
    """Everything."""
    return [subject for group in groups() for subject in group.subjects]
