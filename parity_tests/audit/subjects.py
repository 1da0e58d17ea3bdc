"""All that is audited."""

from parity_tests.audit import modules, operators, optimizers
from parity_tests.audit.operators import Subject


def subjects() -> list[Subject]:
    """The operators, the modules and the optimizers of torch."""
    return [*operators.subjects(), *modules.subjects(), *optimizers.subjects()]
