"""What a failure says, what JSON keeps, and how a trial is left out or seen again."""

import json
import re
from pathlib import Path

import pytest
import torch
from torch.nn import functional

import torch_ref
from parity_tests.comparison.functions.cheats import dsilu, inputs, own, silu
from parity_tests.comparison.own import scaled
from torch_ref import check_backward
from torch_ref.comparison.functions import reference
from torch_ref.comparison.functions.result import EQUAL, PLACES
from torch_ref.comparison.verdict import AGREES


def test_a_failure_names_trial_element_count_cause_and_seed():
    def backward(delta, x):
        return torch.where(x == x.max(), 2.0, 1.0).to(x) * dsilu(delta, x) if x.numel() else delta

    with pytest.raises(AssertionError) as failure:
        check_backward(own(silu, backward), functional.silu, inputs(2, 3), seed=3, quick=True)
    said = str(failure.value)
    assert re.search(r"float64 +dinput .* differs: at \(\d, \d\) \S+, expected \S+; 1 of 6 elements", said)
    assert said.endswith("the seed is 3")


def test_an_exception_comes_with_the_line_of_the_users_code():
    def backward(delta, x):
        return delta.view(-1).missing

    with pytest.raises(AssertionError, match=r"AttributeError: .*test_result\.py:\d+: return delta\.view"):
        check_backward(own(silu, backward), functional.silu, inputs(2, 3), quick=True)


def test_the_cause_of_float32_inside_is_named():
    function = own(silu, lambda d, x: dsilu(d.float(), x.float()).to(x))
    with pytest.raises(AssertionError, match="float32 inside"):
        check_backward(function, functional.silu, inputs(), quick=True)
    check_backward(function, functional.silu, inputs(), quick=True, accumulate=torch.float32)
    check_backward(function, functional.silu, inputs(), quick=True, dtypes=[torch.float32])


def test_json_keeps_the_verdict_each_comparison_and_which_of_them_need_no_tolerance():
    right = scaled(functional.silu, 1 + 2**-22)
    kept = json.loads(check_backward(right, functional.silu, inputs(2, 3), dtypes=[torch.float32], quick=True).json())
    assert (kept["verdict"], kept["agrees"]) == (AGREES, True)
    assert kept["tolerance"] == "the tolerance is derived; in 1 of 2 comparisons every float is the reference's"
    assert {c["quantity"]: c["tolerance"] for c in kept["comparisons"]} == {"output": EQUAL, "dinput": "derived"}


def test_of_equal_numbers_no_tolerance_is_made_and_that_is_said(monkeypatch):
    monkeypatch.setattr(reference, "bounds", None)
    checked = check_backward(functional.silu, functional.silu, inputs(2, 3))
    assert {c.tolerance for c in checked.comparisons} == {EQUAL, PLACES}
    assert checked.tolerance == "the tolerance is not needed: every float is the reference's"


def test_a_reference_without_a_tolerance_on_the_inputs_as_they_are_raises_where_another_trial_needs_one():
    def single(x):
        if x.dtype == torch.float64 or not x.detach().numpy().any():  # neither a program, nor to be measured
            raise ValueError("in float32 alone")
        return 2 * x

    def wrong(x):
        return single(x) * (1 if len(x) == 2 else 3)

    with pytest.raises(ValueError, match="in float32 alone"):
        check_backward(wrong, single, inputs(2, 3), dtypes=[torch.float32])


REFUSED = {
    r"inputs as a list, as \[x\], got a Tensor": (torch.randn(2, 3), {}),
    "skip to name trials, got 'no such'": (inputs(2, 3), {"skip": ["no such"]}),
    r"skip as a list, as \['empty'\], got 'empty'": (inputs(2, 3), {"skip": "empty"}),
    "dtypes as .*, got torch.bfloat16": (inputs(2, 3), {"dtypes": torch.bfloat16}),
    r"dtypes as .*, got \['half'\]": (inputs(2, 3), {"dtypes": ["half"]}),
    "device 'hardly': Expected one of cpu": (inputs(2, 3), {"device": "hardly"}),
    "orders=1 or 2, got 3": (inputs(2, 3), {"orders": 3}),
}


@pytest.mark.parametrize("said", REFUSED)
def test_a_wrong_argument_is_named(said):
    given, options = REFUSED[said]
    with pytest.raises(ValueError, match=f"check_backward: .*{said}"):
        check_backward(own(silu, dsilu), functional.silu, given, **options)


def test_a_function_s_apply_and_a_reference_are_asked_for():
    class Same(torch.autograd.Function): ...

    with pytest.raises(ValueError, match="expected a reference that can be called, got None"):
        check_backward(own(silu, dsilu), None, inputs(2, 3))  # pyright: ignore[reportArgumentType]

    with pytest.raises(ValueError, match=r"expected Same\.apply, got Same"):
        check_backward(Same, functional.silu, inputs(2, 3))


def test_a_trial_is_left_out_by_its_name():
    wrong = own(silu, lambda d, x: dsilu(d, x) * (len(x) != 1))
    check_backward(wrong, functional.silu, inputs(2, 3), skip=["batch of 1"])


def test_strict_takes_what_is_not_offered_for_a_failure():
    with pytest.raises(AssertionError, match="not offered: forward mode"):
        check_backward(own(silu, dsilu), functional.silu, inputs(2, 3), strict=True)


def test_the_version_is_that_of_the_package():
    written = (Path(torch_ref.__file__).parents[1] / "pyproject.toml").read_text("utf-8")
    assert f'version = "{torch_ref.__version__}"' in written
