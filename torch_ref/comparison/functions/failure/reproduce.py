"""A failing trial, made small, as a pytest file that fails."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from torch_ref.comparison.functions.calls import Function, Given, names_of
from torch_ref.comparison.functions.draws import draws
from torch_ref.comparison.functions.failure.shrink import shrunk
from torch_ref.comparison.functions.options import TRIALS, Options
from torch_ref.comparison.functions.result import Checked
from torch_ref.comparison.verdict import Comparison

Check = Callable[[Sequence[Any], Options], Checked]
ELSEWHERE_NAMED = {"only ": "only some inputs", "call ": "repeated in another order"}
"""How the names of some trials' places begin."""
SAVED = '"""Saved by check_backward: '
"""How a file begins that may be written over."""


def reproduced(
    path: str | Path, function: Function, reference: Function, inputs: Sequence[Any], options: Options, check: Check,
    first: Comparison,
) -> str:  # fmt: skip
    """Shrink the inputs of the comparison that failed first, write the test, and say so; or why not."""
    path = Path(path)
    if path.exists() and not path.read_text("utf-8", errors="replace").startswith(SAVED):
        return f"not saved: {path} is there, and is not a test that check_backward saved"
    try:
        names = [importable(f) for f in (function, reference)]
    except ValueError as error:
        return str(error)
    dtype, _, trial = first.place.partition(", ")
    options = replace(options, dtypes=[getattr(torch, dtype)] if hasattr(torch, dtype) else options.dtypes)

    def fails(by: Options) -> Callable[[Sequence[Any]], bool]:
        return lambda attempt: any(c.differs and c.quantity == first.quantity for c in check(attempt, by).comparisons)

    quick = replace(options, quick=True)
    given = Given(inputs, options.kwargs, {}, names_of(reference, len(inputs)))
    for draw in draws(given):
        if draw.name == trial and not options.kwargs:
            drawn = draw.make(given.leaves, lambda: np.random.default_rng(options.seed))
            if drawn is not None and fails(quick)(given.parts(drawn)[0]):
                inputs, trial = given.parts(drawn)[0], ""
    skip = [name for name in TRIALS if name != _trial(trial)]
    chosen = replace(options, skip=skip) if _trial(trial) else quick
    small = shrunk(inputs, fails(chosen))
    path.write_text(_file(names, small, _settings(chosen, _trial(trial)), first), encoding="utf-8")
    return f"saved as {path}"


def _trial(place: str) -> str:
    """The name of the trial, or "" for the inputs as they are."""
    named = [trial for trial in TRIALS if place.startswith(trial)]
    return max(named, key=len, default="") or next((t for k, t in ELSEWHERE_NAMED.items() if place.startswith(k)), "")


def _settings(options: Options, trial: str) -> dict[str, str]:
    """The arguments that are not as they are by themselves."""
    said = {
        "kwargs": shown(dict(options.kwargs)) if options.kwargs else "",
        "dtypes": str(options.dtypes) if options.dtypes else "",
        "accumulate": str(options.accumulate) if options.accumulate else "",
        "orders": str(options.orders) if options.orders != 1 else "",
        "seed": str(options.seed) if options.seed else "",
        "quick": "" if trial else "True",
        "skip": f"[name for name in TRIALS if name != {trial!r}]" if trial else "",
    }
    return {name: text for name, text in said.items() if text}


def _file(
    names: Sequence[tuple[str, str]], inputs: Sequence[Any], settings: Mapping[str, str], first: Comparison
) -> str:
    imports = {f"from {module} import {name.partition('.')[0]}" for module, name in names}
    if "skip" in settings:
        imports.add("from torch_ref.comparison.functions.options import TRIALS")
    body = [*(name for _, name in names), f"[{', '.join(map(shown, inputs))}]"]
    body += [f"{name}={text}" for name, text in settings.items()]
    lines = [
        f'{SAVED}{first.place}: {first.quantity} differs."""',
        "",
        "from math import inf, nan",
        "",
        "import torch",
        "",
    ]
    lines += [*sorted(imports), "from torch_ref import check_backward", "", ""]
    lines += [
        "def test_it_differs_no_longer():",
        "    check_backward(",
        *(f"        {line}," for line in body),
        "    )",
    ]
    return "\n".join(lines) + "\n"


def importable(function: Function) -> tuple[str, str]:
    """The module of a function, and its name there.

    Raises:
        ValueError: another file cannot import it.
    """
    name = getattr(function, "__name__", "")
    for module in (torch.nn.functional, torch):  # most of theirs say of no module that they are in it
        if name and getattr(module, name, None) is function:
            return module.__name__, name
    of = getattr(function, "__self__", None)
    owner = of if isinstance(of, type) else function
    module, qualified = getattr(owner, "__module__", ""), getattr(owner, "__qualname__", "")
    if not module or not qualified or "<" in qualified or module == "__main__":
        raise ValueError(f"not saved: no other file can import {qualified or function!r}; define it in a module")
    return module, f"{qualified}.{name}" if owner is not function else qualified


def shown(value: Any) -> str:
    """As it is written in Python."""
    if torch.is_tensor(value):
        needs = ", requires_grad=True" if value.requires_grad else ""
        shape = "" if value.numel() else f".reshape({tuple(value.shape)})"
        return f"torch.tensor({value.tolist()}, dtype={value.dtype}{needs}){shape}"
    if isinstance(value, list | tuple):
        return f"{type(value).__name__}([{', '.join(map(shown, value))}])"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key!r}: {shown(v)}' for key, v in value.items())}}}"
    return repr(value)
