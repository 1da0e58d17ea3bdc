"""The audit's judgement, on operators with inputs of our own: it needs nothing of torch's test package."""

import sys

import pytest
import torch
from torch.nn import functional as F

from parity_tests.audit import modules, operators, optimizers
from parity_tests.audit.judgement import BEYOND, DERIVED, DIGITS, MEASURED, NAN, NOT_JUDGED, WRONG, Judged, judge
from parity_tests.audit.operators import Call
from parity_tests.audit.table import page, summary

OURS = [
    torch.exp, torch.tanh, torch.logsumexp, torch.cumsum, torch.softmax, torch.sigmoid, torch.lgamma, F.gelu,
    torch.sort, torch.prod, torch.erf, F.silu,
]  # fmt: skip
BY_AXIS = {torch.logsumexp, torch.cumsum, torch.softmax, torch.sort, torch.prod}


def x(dtype=torch.float64):
    return torch.tensor([[0.3, 1.7, -0.9], [2.1, -0.4, 0.8]], dtype=dtype)


def call(function, *inputs):
    return Call(lambda *values: (function(*values),), [*inputs], [0], "f(x[0])")


def with_backward(slope):
    """x², and its derivative as it is given."""

    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, delta):  # pyright: ignore[reportIncompatibleMethodOverride]
            return delta * slope(*ctx.saved_tensors)

    return Square.apply


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("function", OURS, ids=lambda f: f.__name__)
def test_a_right_gradient_is_derived_and_certified(function, dtype):
    axis = [1] if function in BY_AXIS else []
    calls = Call(lambda *v: found if isinstance(found := function(*v), tuple) else (found,), [x(dtype), *axis], [0])
    found = judge(calls)
    assert (found.outcome, found.certified, found.finding) == (DERIVED, "yes", "")
    assert found.of_allowed <= 1


@pytest.mark.parametrize(
    ("slope", "finding"),
    [
        (lambda x: 2 * x, ""),
        (lambda x: x, WRONG),
        (lambda x: (2 * x.float()).double() * (1 + 1e-9), DIGITS),
        (lambda x: 2 * x * (x - x) / (x - x), NAN),
    ],
    ids=["right", "by half", "float32 inside", "NaN"],
)
def test_a_wrong_gradient_is_found_by_the_truth(slope, finding):
    found = judge(call(with_backward(slope), x()))
    assert (found.certified, found.finding) == ("yes", finding)
    assert bool(found.reproduction) == bool(finding)


def test_a_finding_is_three_lines_that_run(capsys):
    exponents = torch.tensor([1, -2, 3])
    found = judge(Call(lambda *v: (torch.ldexp(*v),), [x(), exponents], [0], "torch.ldexp(x[0], x[1])"))
    if not found.finding:
        pytest.skip("torch has mended ldexp")
    assert len(found.reproduction.split("\n")) == 3
    exec(found.reproduction, {})
    assert "tensor" in capsys.readouterr().out


def test_what_is_not_derived_says_why():
    assert judge(call(torch.svd, x())).outcome == NOT_JUDGED  # two outputs in one
    random = judge(call(lambda v: v * torch.rand_like(v), x()))
    assert random.outcome == MEASURED
    assert "aten::rand" in random.why
    assert judge(call(torch.linalg.svdvals, x())).why.startswith("NoRule: aten::_linalg_svd")


def test_a_call_outside_of_what_is_derived_is_beyond():
    found = judge(call(F.hardsigmoid, x()))
    assert found.outcome in (BEYOND, DERIVED)  # its kernel has 1.0f / 6.0f, where it is not mended
    assert (found.outcome == BEYOND) == bool(found.finding)


def test_the_page_counts_what_was_judged():
    audit = {
        "one": [Judged("float64", DERIVED, relative=[1e-15], certified="yes", ulps=2.0, of_allowed=0.5)],
        "two": [Judged("float64", MEASURED, "no rule"), Judged("float32", NOT_JUDGED, "complex")],
        "three": [Judged("float64", DERIVED, relative=[1e-9], certified="yes", finding=WRONG, reproduction="a\nb\nc")],
    }
    text = page(audit, 3, "operators")
    assert "derived: 2; whose gradient is certified: 2" in "\n".join(summary(audit, 3, "operators"))
    assert "share of the samples not judged: 25.0%" in text
    assert "### three: wrong" in text
    assert "- three: 1.0e-09" in text
    assert "| one | derived 1 | 1 | 2 | 0.5 |  |" in text


def test_without_expecttest_one_line_says_what_is_missing(monkeypatch):
    for module in [m for m in sys.modules if m.startswith(("expecttest", "torch.testing._internal"))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "expecttest", None)
    for room in (operators, modules):
        with pytest.raises(SystemExit, match=r"the audit needs expecttest.*\.\[audit\]"):
            room.subjects()


def test_an_optimizer_s_kernels_are_held_to_its_loop_and_a_wrong_one_is_beyond():
    [found] = optimizers.calls(torch.optim.SGD, "foreach", torch.float64, 1)
    assert judge(found).outcome == DERIVED

    class Slower(torch.optim.SGD):
        def __init__(self, params, lr, foreach=None):
            super().__init__(params, lr * (1 - 1e-12) if foreach else lr, foreach=foreach)

    [wrong] = optimizers.calls(Slower, "foreach", torch.float64, 1)
    assert judge(wrong).outcome == BEYOND


def test_a_module_is_judged_by_inputs_and_parameters_and_keeps_its_statistics():
    module = torch.nn.BatchNorm1d(3).double()
    found = modules.as_call(module, (x().requires_grad_(),), {})
    judged = judge(found)
    assert (judged.outcome, judged.certified, judged.finding) == (DERIVED, "yes", "")
    assert len(found.by) == 3
    assert not module.running_mean.any()  # pyright: ignore[reportOptionalMemberAccess]
