"""Functions written in torch: their derivatives are certified, and what is allowed covers torch and the truth."""

import numpy as np
import pytest
import torch

from manual import Undecided
from parity_tests.conftest import few
from parity_tests.program.functions import CASES, Case, inputs
from torch_ref import to_numpy
from torch_ref.program import run
from torch_ref.program.derivation import bounds, certified, gradient_of
from torch_ref.program.operations import OPERATIONS
from torch_ref.program.run import NoRule
from torch_ref.truth.certify import distance

pytestmark = pytest.mark.filterwarnings(r"ignore:(torch\.\w+ is deprecated|index_reduce)")  # they have rules, too


def by_torch(function, tensors):
    """δ, the output, and the gradients, by torch."""
    tensors = [x.clone().requires_grad_() for x in tensors]
    output = function(*tensors)
    delta = torch.randn(output.shape, dtype=output.dtype, generator=torch.Generator().manual_seed(1))
    return delta, output.detach(), torch.autograd.grad(output, tensors, delta)


@pytest.mark.parametrize("name", few(CASES))
@pytest.mark.parametrize(
    "dtype", [torch.float64, pytest.param(torch.float32, marks=pytest.mark.slow)], ids=["float64", "float32"]
)
def test_torch_lies_within_what_is_derived_of_the_certified_derivative(name, dtype):
    """The truth is that of the forward; the tolerance has a median far below the value, or it would show nothing."""
    function, tensors = CASES[name].function, inputs(CASES[name], dtype)
    delta, output, gradients = by_torch(function, tensors)
    truth = certified(function, tensors, [delta])
    (bound,), allowed = bounds(function, tensors, [delta])
    value = to_numpy(output)
    assert np.all((bound.value == value) | (np.abs(bound.value - value) <= 2 * bound.error))
    for place, gradient in enumerate(gradients):
        assert gradient.shape == allowed[place].shape == truth[place].shape
        off, error = distance(to_numpy(gradient), truth[place]), allowed[place].error
        assert np.all(off <= error)
        size = np.abs(to_numpy(gradient))
        assert np.median(error[size > 0] / size[size > 0]) < 1e5 * torch.finfo(dtype).eps


@pytest.mark.slow
def test_every_rule_is_reached(monkeypatch):
    reached = set()

    class Noted(dict):
        def get(self, name, default=None):
            found = super().get(name, default)
            if found is not None:
                reached.add(name)
            return found

    monkeypatch.setattr(run, "OPERATIONS", Noted(OPERATIONS))
    run._rule.cache_clear()
    for case in CASES.values():
        tensors = inputs(case, torch.float64)
        delta, _, _ = by_torch(case.function, tensors)
        bounds(case.function, tensors, [delta])
    assert OPERATIONS.keys() - reached - {"_efficientzerotensor", "copy_", "empty", "transpose", "zeros"} == set()


def test_a_wrong_derivative_is_found_by_the_forward_alone():
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, delta):  # pyright: ignore[reportIncompatibleMethodOverride]
            (x,) = ctx.saved_tensors
            return delta * x

    tensors = inputs(Case(Wrong.apply, ((3, 4),)), torch.float64)
    delta, _, (gradient,) = by_torch(Wrong.apply, tensors)
    truth = certified(lambda x: x * x, tensors, [delta])[0]
    assert np.all(distance(2 * to_numpy(gradient), truth) < 1e-14)
    assert np.all(distance(to_numpy(gradient), truth) > 1e-3 * np.abs(to_numpy(gradient)))


@pytest.mark.parametrize("name", ["tanh", "gelu", "softmax", "rms_norm", "mm"])
def test_a_second_derivative_lies_within_what_is_derived(name):
    function, tensors = CASES[name].function, inputs(CASES[name], torch.float64)
    live = [x.clone().requires_grad_() for x in tensors]
    output = function(*live)
    delta = torch.randn(output.shape, dtype=output.dtype, generator=torch.Generator().manual_seed(1)).requires_grad_()
    first = torch.autograd.grad(output, live, delta, create_graph=True)
    upstream = [2 * g.detach().cos() for g in first]
    second = torch.autograd.grad(first, [*live, delta], upstream)
    given = [*tensors, delta.detach()]
    gradients = gradient_of(function, tensors)
    truth, allowed = certified(gradients, given, upstream), bounds(gradients, given, upstream)
    for place, gradient in enumerate(second):
        assert np.all(distance(to_numpy(gradient), truth[place]) <= allowed.gradients[place].error)
        assert np.any(distance(1.001 * to_numpy(gradient), truth[place]) > allowed.gradients[place].error)


def test_what_has_no_rule_is_named_with_the_place_for_it():
    x = torch.eye(3, dtype=torch.float64) + 1
    with pytest.raises(NoRule, match=r"aten::_linalg_svd has no rule: write one .* in torch_ref/program/operations"):
        certified(torch.linalg.svdvals, [x], [torch.ones(3)])


def test_of_many_elements_some_are_certified_and_two_balls_that_overlap_decide_nothing():
    x = torch.randn(30, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    delta, at = torch.ones_like(x), np.array([3, 50, 117])
    some = certified(lambda x: x.softmax(1) ** 2, [x], [delta], elements={0: at})[0]
    every = certified(lambda x: x.softmax(1) ** 2, [x], [delta])[0].ravel()[at]
    assert [float(a) for a in some] == [float(b) for b in every]
    third = torch.tensor(3.0, dtype=torch.float64)
    with pytest.raises(Undecided):
        certified(lambda x: x * (third / 3 * third.sqrt() > third.sqrt()), [x], [delta], elements={0: at})


def test_a_decision_on_its_edge_is_no_derivative():
    with pytest.raises(Undecided):
        certified(torch.relu, [torch.tensor([0.0, 1.0])], [torch.ones(2)])


def test_integers_and_what_is_no_tensor_are_passed_on():
    table = torch.randn(4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    index, delta = torch.tensor([3, 3, 0]), torch.ones(3, 2, dtype=torch.float64)
    truth = certified(lambda table, index, scale: scale * table[index], [table, index, 2], [delta])
    assert {*truth} == {0}
    assert np.array_equal(truth[0].astype(float), [[2, 2], [0, 0], [0, 0], [4, 4]])


def noted(x):
    """What a profiler is told."""
    with torch.profiler.record_function("a part"):
        return torch.tanh(x) * 2


def with_statistics(x, mean):
    """What writes into a copy of an input that is not differentiated by."""
    kept = mean.clone()
    return torch.nn.functional.batch_norm(x, kept, torch.ones_like(kept), training=True)


def unrolled(x):
    """A recurrent layer, of whose fused kernel in float32 there is no formula."""
    weights = [torch.linspace(-1, 1, 8 * n).reshape(8, n) for n in (4, 2)]
    return torch.lstm(x[:, None], [torch.zeros(1, 1, 2)] * 2, weights, False, 1, 0.0, True, False, False)[0]


@pytest.mark.parametrize(("function", "others"), [(noted, []), (with_statistics, [(4,)]), (unrolled, [])])
def test_what_makes_no_number_of_its_own_does_not_hide_a_formula(function, others):
    x, *more = (torch.randn(shape, generator=torch.Generator().manual_seed(1)) for shape in [(3, 4), *others])
    delta, output, [gradient] = by_torch(lambda x: function(x, *more), [x.requires_grad_()])
    truth = certified(function, [x.detach(), *more], [delta], by=[0])[0]
    (bound,), allowed = bounds(function, [x.detach(), *more], [delta], by=[0])
    assert np.all(np.abs(bound.value - to_numpy(output)) <= 2 * bound.error)
    assert np.all(distance(to_numpy(gradient), truth)[0] <= allowed[0].error)
