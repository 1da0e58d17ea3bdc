"""Run a function on everything that there is to try, beside what is expected of it. Nothing is judged here."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import torch

from manual.numbers.number_types import Array
from torch_ref.comparison.functions.calls import Changed, Found, Leaves, Refused, Subject, finish, is_real
from torch_ref.comparison.functions.draws import OVERFLOW, ZEROS, Draw, cut, draws, other_indices
from torch_ref.comparison.functions.expected import Expected
from torch_ref.comparison.functions.failure.blame import described
from torch_ref.comparison.functions.judge import Observed
from torch_ref.comparison.functions.observed import compared, is_beyond, of_gradient
from torch_ref.comparison.functions.options import ELSEWHERE, Options
from torch_ref.comparison.functions.reference import Reference
from torch_ref.comparison.functions.survival import deadly, survived
from torch_ref.comparison.functions.ties import at_a_tie
from torch_ref.comparison.functions.upstream import Upstream, halves, strided, transposed, unequal, zeros

SUBSETS = 6
"""So many choices of the inputs that need a gradient are tried at most."""
FAR = ("times 1e-4", "times 1e4")


class InDtype:
    """All trials of one dtype; `again`, in another one before: few rows are tried there alone."""

    def __init__(
        self, function: Subject, reference: Reference, leaves: Leaves, dtype: torch.dtype | None, options: Options
    ) -> None:
        self.function, self.reference, self.leaves, self.options = function, reference, leaves, options
        self.given = function.given
        self.needed = self.given.needed
        self.upstream = Upstream(options.seed)
        self.dtype = "as given" if dtype is None else str(dtype).removeprefix("torch.")
        self.known: dict[str, tuple[Leaves, Expected]] = {}
        self.again = reference.first is not None

    def observe(self) -> Iterator[Observed]:
        """Every trial that is asked for."""
        yield from self._first()
        if self.options.quick:
            return
        small = cut(self.given, self.leaves)
        if small is not self.leaves and not self._refuses(self.reference.subject, small):
            self.leaves = small
            self.known[""] = small, self.reference.on(small, self.upstream)
        yield from self._upstreams()
        yield from self._subsets()
        if self.reference.random:  # other numbers, or another order in memory, may take other random ones
            yield Observed(f"{self.dtype}, other numbers", "all", "the reference draws at random", offered=False)
            return
        yield from self._layouts()
        for draw in draws(self.given):
            if self.options.asks(draw.name) and not (self.again and draw.name in ("batch of 1", "batch of 2")):
                yield from self._draw(draw)
        yield from self._calls()
        if self.options.asks(ELSEWHERE):
            yield from self._elsewhere()

    def _first(self) -> Iterator[Observed]:
        ours = self._attempt(lambda: self._run(self.leaves))
        expected = self.reference.on(self.leaves, self.upstream, first=True)
        self.known[""] = self.leaves, expected
        if all(v is None for n, v in expected.own.items() if n[1:] in self.given.names):
            yield Observed(self.dtype, "gradients", "the reference has none, of any input", wrong=False)
        yield from self._told("", ours, expected)

    def _layouts(self) -> Iterator[Observed]:
        leaves, expected = self.known[""]
        for name, arrange in (("non-contiguous", strided), ("transposed", transposed)):
            if self.options.asks(name):
                moved = [arrange(v) if is_real(v) else v for v in leaves]
                ours = self._attempt(lambda moved=moved: self._run(moved))
                told = [*self._told(name, ours, expected)]
                if not self._by_layout(ours, moved, expected, told):
                    yield from told

    def _upstreams(self) -> Iterator[Observed]:
        (leaves, base), seed = self.known[""], self.options.seed
        ways: list[tuple[str, str, Upstream]] = [
            ("δ of other strides", "", Upstream(seed, strided)),
            ("δ transposed", "", Upstream(seed, transposed)),
            ("δ of zeros", "δ", Upstream(seed, values=zeros)),
            ("δ expanded", "δ", Upstream(seed, values=halves)),
            ("δ of other sizes", "δ", Upstream(seed, values=unequal)),
        ]
        outputs = [n for n, v in base.own.items() if n.startswith("output") and v is not None and is_real(v)]
        if len(outputs) > 1:
            ways += [("δ of one output alone", n, Upstream(seed, only=n)) for n in outputs]
        for name, other, upstream in ways:
            if not self.options.asks(name):
                continue
            ours = self._attempt(lambda upstream=upstream: self._run(leaves, upstream=upstream))
            expected = self.reference.again(base, leaves, upstream) if other else base
            place = name if other in ("", "δ") else f"{name}, {other}"
            yield from filter(of_gradient, self._told(place, ours, expected))

    def _draw(self, draw: Draw) -> Iterator[Observed]:
        base_leaves, base = self.known[""]
        leaves = draw.make(base_leaves, lambda: np.random.default_rng(self.options.seed))
        if leaves is None:
            return
        if any(map(other_indices, leaves, base_leaves)) and base.unknown:
            yield Observed("other indices", "all", f"it may not take others: {base.unknown}", offered=False)
            return
        if draw.name == "empty" and (died := self._deadly(leaves)):
            yield died
            return
        ours = self._attempt(lambda: self._run(leaves))
        if self._both_refuse(ours, leaves):
            return
        if draw.name == "empty" and isinstance(ours, Refused) and self._refuses(self.function, leaves):
            yield Observed(f"{self.dtype}, empty", "all", f"its forward refuses: {described(ours)}", offered=False)
            return
        try:
            if draw.only_where:
                expected = self.reference.places(leaves, self.upstream)
            else:
                expected = self.reference.on(leaves, self.upstream, far=draw.name in FAR)
        except (Refused, Changed):  # what the reference cannot do is not asked for
            return
        if base.finite and not expected.finite and draw.only_where in ("", OVERFLOW, ZEROS):
            return
        if draw.name == "NaN" and expected.own.keys() == base.own.keys():
            expected.tolerance.open = self._independent(leaves)
        told = self._attempt(lambda: self._of_draw(draw, ours, leaves, expected))
        if not (isinstance(told, list) and told):  # the reference has no tolerance there, or other numbers, too
            return
        if all(map(same_shape, leaves, base_leaves)) and not draw.only_where and not draw.refusable:
            self.known[draw.name] = leaves, expected
        yield from told

    def _of_draw(self, draw: Draw, ours: Any, leaves: Leaves, expected: Expected) -> list[Observed]:
        told = [*self._told(draw.name, ours, expected, draw, leaves=leaves)]
        return [] if draw.name == "expanded" and self._by_layout(ours, leaves, expected, told) else told

    def _deadly(self, leaves: Leaves) -> Observed | None:
        """Whether a call on these ends the process: it is not made again."""
        if any(v.device.type != "cpu" for v in leaves if torch.is_tensor(v)):
            return None
        subjects = self.reference.subject, self.function
        known = survived(*(s.function for s in subjects))
        these = tuple(tuple(v.shape) if torch.is_tensor(v) else repr(v) for v in leaves)
        if not self.again and these not in known:
            calls = [lambda s=s: s.run(leaves, self.needed, self.upstream) for s in subjects]
            self.reference.deadly = deadly(*calls)
            if self.reference.deadly is None:
                known.add(these)
        if self.reference.deadly is None:
            return None
        whose, by = self.reference.deadly
        said = f"{'the function' if whose else 'the reference'} ends the process by {by}"
        return Observed(f"{self.dtype}, empty", "all", said, offered=bool(whose))

    def _subsets(self) -> Iterator[Observed]:
        leaves, expected = self.known[""]
        needed = self.needed
        sizes = range(1, len(needed)) if len(needed) <= 3 else sorted({1, len(needed) - 1})
        some = [each for size in sizes for each in combinations(needed, size)]
        if len(some) > SUBSETS:
            chosen = np.random.default_rng(self.options.seed).permutation(len(some))[:SUBSETS]
            some = [some[i] for i in sorted(chosen)]
        for each in some if self.options.asks("only some inputs") else []:
            ours = self._attempt(lambda each=each: self._run(leaves, each))
            named = ", ".join(self.given.names[i] for i in each)
            yield from self._told(f"only {named}", ours, expected, needed=each)

    def _calls(self) -> Iterator[Observed]:
        leaves, expected = self.known[""]
        if self.options.asks("backward twice"):
            ours = self._attempt(lambda: self.function.run(leaves, self.needed, self.upstream, passes=2))
            yield from self._told("backward twice", ours, expected)
        others = [name for name in self.known if name and name not in FAR]
        if others:
            yield from self._beside(*self.known[others[0]])
        if self.options.asks("repeated in another order"):
            rng, names = np.random.default_rng(self.options.seed), [*self.known]
            for call in range(self.options.repeats):
                leaves, expected = self.known[names[int(rng.integers(len(names)))]]
                ours = self._attempt(lambda leaves=leaves: self._run([_fresh(v) for v in leaves]))
                place = f"call {call + 1} of {self.options.repeats} in another order"
                found = [*self._told(place, ours, expected, leaves=leaves)]
                yield from found if call == self.options.repeats - 1 else filter(is_beyond, found)

    def _elsewhere(self) -> Iterator[Observed]:
        """Other numbers, where a gradient of zeros tells nothing: it may be 0 rightly, as a floor's, or here alone."""
        leaves, base = self.known[""]
        zero = {f"d{self.given.names[i]}" for i in self.needed}
        for _, expected in self.known.values():
            zero -= {n for n, e in expected.arrays.items() if e.any()}
        if not zero:
            return
        generator = torch.Generator().manual_seed(self.options.seed)
        moved = [*leaves]
        for i in self.needed:
            by = 0.5 + 1.5 * torch.rand(leaves[i].shape, generator=generator, dtype=torch.float64)
            moved[i] = leaves[i] + by.to(leaves[i])
        expected = self._attempt(lambda: self.reference.on(moved, self.upstream))
        if isinstance(expected, Expected) and (expected.finite or not base.finite):
            ours = self._attempt(lambda: self._run(moved))
            told = self._attempt(lambda: [*self._told(ELSEWHERE, ours, expected, leaves=moved)])
            yield from told if isinstance(told, list) else []

    def _independent(self, leaves: Leaves) -> dict[str, Array]:
        """Where an output does not depend on what is NaN here: another formula need not make it NaN, as 0·NaN is."""
        base_leaves, expected = self.known[""]
        base = {n: y for n, y in expected.arrays.items() if n.startswith("output")}
        found = {n: np.ones(y.shape, bool) for n, y in base.items()}
        for other in (lambda v: v + 1, lambda v: -3 * v):
            changed = [torch.where(v.isnan(), other(b), v) if i in self.needed else v
                       for i, (v, b) in enumerate(zip(leaves, base_leaves, strict=True))]  # fmt: skip
            now = self._attempt(lambda changed=changed: self.reference.outputs(changed, self.upstream))
            if not isinstance(now, dict):  # it refuses these numbers: of them nothing is known
                return {}
            alike = {n: now[n] == y for n, y in base.items() if n in now and now[n].shape == y.shape}
            found = {n: found[n] & same for n, same in alike.items() if n in found}
        return found

    def _beside(self, other: Leaves, of_other: Expected) -> Iterator[Observed]:
        """Two calls that may disturb each other."""
        leaves, expected = self.known[""]
        if self.options.asks("two forwards first"):
            both = self._attempt(
                lambda: finish([self.function.begin(v, self.needed, self.upstream) for v in (leaves, other)])
            )
            each = both if isinstance(both, list) else [both, both]
            yield from self._told("two forwards first", each[0], expected)
            yield from self._told("two forwards first, the second", each[1], of_other, leaves=other)
        if self.options.asks("reused memory"):
            buffers = [_fresh(v) for v in leaves]
            for name, values, wanted in (("", leaves, expected), (", other numbers", other, of_other)):
                for buffer, value in zip(buffers, values, strict=True):
                    if torch.is_tensor(buffer):
                        buffer.copy_(value)
                ours = self._attempt(lambda: self._run(buffers))
                yield from self._told(f"reused memory{name}", ours, wanted, leaves=values)

    # ------------------------------------------------------------ one call

    def _run(self, leaves: Leaves, needed: Sequence[int] | None = None, upstream: Upstream | None = None) -> Found:
        return self.function.run(leaves, self.needed if needed is None else needed, upstream or self.upstream)

    def _attempt(self, call: Callable[[], Any]) -> Any:
        """What it gives, or that it raises, or changes what is not its own."""
        try:
            return call()
        except (Refused, Changed) as error:
            return error

    def _refuses(self, subject: Subject, leaves: Leaves) -> bool:
        """Whether already its forward raises, or changes what it is given."""
        begun = self._attempt(lambda: subject.begin(leaves, self.needed, self.upstream))
        return isinstance(begun, Refused) or bool(begun.changed())

    def _both_refuse(self, ours: Any, leaves: Leaves) -> bool:
        """Whether the reference, too, raises on these as they lie in memory: as a view of complex numbers does."""
        return isinstance(ours, Refused | Changed) and self._refuses(self.reference.subject, leaves)

    def _by_layout(self, ours: Any, leaves: Leaves, expected: Expected, told: list[Observed]) -> bool:
        """Whether the reference, too, gives others, or none, on these as they lie in memory: as as_strided does."""
        if isinstance(ours, Changed) or not any(map(is_beyond, told)):
            return False
        if isinstance(ours, Refused):
            return self._both_refuse(ours, leaves)
        theirs = self._attempt(lambda: self.reference.subject.run(leaves, self.needed, self.upstream))
        return isinstance(theirs, Refused | Changed) or any(map(is_beyond, compared("", theirs, expected, set())))

    def _told(
        self, trial: str, ours: Any, expected: Expected, draw: Draw | None = None, needed: Sequence[int] | None = None,
        leaves: Leaves | None = None,
    ) -> Iterator[Observed]:  # fmt: skip
        """What is to be judged of one trial; its inputs are those as they are, unless others are given."""
        place = f"{self.dtype}, {trial}" if trial else self.dtype
        if isinstance(ours, Changed):
            yield Observed(place, ours.quantity, ours.said)
        elif isinstance(ours, Refused):
            yield Observed(place, "all", described(ours), offered=not (draw and draw.refusable))
        else:
            left_out = {f"d{self.given.names[i]}" for i in self.needed if needed is not None and i not in needed}
            inputs = self.known[""][0] if leaves is None else leaves
            ties = cache(
                lambda: at_a_tie(self.function, self.reference.subject, inputs, self.needed, self.options.seed)
            )
            for one in compared(place, ours, expected, left_out, draw.only_where if draw else ""):
                one.ties = ties
                yield one


def _fresh(value: Any) -> Any:
    return value.clone(memory_format=torch.contiguous_format) if torch.is_tensor(value) else value


def same_shape(a: Any, b: Any) -> bool:
    """Whether the one may stand in the other's memory."""
    return not torch.is_tensor(a) or a.shape == b.shape
