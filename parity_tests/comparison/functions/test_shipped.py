"""Functions as people ship them: those that are right agree, and each bug is told."""

import pytest
import torch

from parity_tests.comparison.functions.shipped import SHIPPED
from parity_tests.conftest import few
from torch_ref import check_backward

WITH_A_BUG = [*SHIPPED][2::5]
"""Those of which a quick test asks whether its bug is told."""


@pytest.mark.parametrize("name", few(SHIPPED, 5))
def test_a_right_function_agrees(name):
    shipped = SHIPPED[name]
    if name == "checkpointed" and torch._C._get_privateuse1_backend_name() != "privateuseone":
        pytest.skip("torch.utils.checkpoint asks a device that another test pretends for autocast")
    check_backward(shipped.make(False), shipped.reference, shipped.inputs, **shipped.how)


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_a_bug_differs(name, **how):
    shipped = SHIPPED[name]
    with pytest.raises(AssertionError, match="differs"):
        check_backward(shipped.make(True), shipped.reference, shipped.inputs, **shipped.how | how)


@pytest.mark.parametrize("name", WITH_A_BUG)
def test_a_bug_differs_on_the_inputs_as_they_are(name):
    test_a_bug_differs(name, quick=True)
