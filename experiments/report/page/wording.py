"""How the page names what was compared: by the arguments that are not the defaults, and nothing twice."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from inspect import signature
from itertools import groupby

import manual
from torch_ref import Comparison

ARGUMENT = r"\w+=(?:\([^()]*\)|\[[^\[\]]*\]|'[^']*'|[^,()]+)"
MADE = re.compile(rf"\b(\w+)\(({ARGUMENT}(?:, {ARGUMENT})*)\)")


def without_defaults(text: str) -> str:
    """RMSprop(lr=0.1, alpha=0.99, momentum=0) as RMSprop(lr=0.1), for every class of `manual` in a text."""
    return MADE.sub(_shorter, text)


def below(place: str, above: str) -> str:
    """A place in the row below another: ″ for what is the same, the whole, or all after "step 2, "."""
    if place == above:
        return "″"
    (head, comma, rest), (_, _, other) = place.partition(", "), above.partition(", ")
    return f"{head}, ″" if comma and rest == other else without_defaults(place)


def alike(comparisons: Iterable[Comparison]) -> Iterator[Comparison]:
    """The comparisons, neighbours that differ in their quantities alone as one: dx and the same dx by gradient()."""
    for one, together in groupby(comparisons, lambda c: replace(c, quantity="")):
        yield replace(one, quantity="; ".join(c.quantity for c in together))


def _shorter(found: re.Match[str]) -> str:
    name, arguments = found[1], re.findall(ARGUMENT, found[2])
    kind = getattr(manual, name, None)
    if not isinstance(kind, type):
        return found[0]
    defaults = {f"{p.name}={p.default!r}" for p in signature(kind).parameters.values()}
    return f"{name}({', '.join(a for a in arguments if a not in defaults)})"
