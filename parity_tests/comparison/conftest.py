"""What the comparison's tests share."""

import pytest

from torch_ref import check_backward


@pytest.fixture
def fails():
    """The table that a check fails with."""

    def check(*arguments, **how):
        with pytest.raises(AssertionError) as failure:
            check_backward(*arguments, **how)
        return str(failure.value)

    return check
