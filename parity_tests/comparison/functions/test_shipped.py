"""Functions as people ship them: those that are right agree, and each bug is told."""

import pytest
import torch

from parity_tests.comparison.functions.shipped import SHIPPED
from torch_ref import check_backward

RIGHT, WITH_A_BUG = [*SHIPPED][::5], [*SHIPPED][2::5]
"""Those of which a quick test asks whether it agrees, or whether its bug is told."""


def named(quick):
    return pytest.mark.parametrize(
        "name", [pytest.param(name, marks=[] if name in quick else [pytest.mark.slow]) for name in SHIPPED]
    )


@named(RIGHT)
def test_a_right_function_agrees(name):
    shipped = SHIPPED[name]
    if name == "checkpointed" and torch._C._get_privateuse1_backend_name() != "privateuseone":
        pytest.skip("torch.utils.checkpoint asks a device that another test pretends for autocast")
    check_backward(shipped.make(False), shipped.reference, shipped.inputs, **shipped.how)


@named(WITH_A_BUG)
def test_a_bug_differs(name):
    shipped = SHIPPED[name]
    with pytest.raises(AssertionError, match="differs"):
        check_backward(shipped.make(True), shipped.reference, shipped.inputs, **shipped.how)
