"""How the page names what was compared: by the arguments that are not the defaults, and nothing twice."""

import re
from inspect import signature

import manual

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


def _shorter(found: re.Match[str]) -> str:
    name, arguments = found[1], re.findall(ARGUMENT, found[2])
    kind = getattr(manual, name, None)
    if not isinstance(kind, type):
        return found[0]
    defaults = {f"{p.name}={p.default!r}" for p in signature(kind).parameters.values()}
    return f"{name}({', '.join(a for a in arguments if a not in defaults)})"
