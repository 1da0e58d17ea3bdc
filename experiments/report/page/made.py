"""How the page says what was made: by the arguments that are not the defaults."""

import re
from inspect import signature

import manual

ARGUMENT = r"\w+=(?:\([^()]*\)|\[[^\[\]]*\]|'[^']*'|[^,()]+)"
MADE = re.compile(rf"\b(\w+)\(({ARGUMENT}(?:, {ARGUMENT})*)\)")


def without_defaults(text: str) -> str:
    """RMSprop(lr=0.1, alpha=0.99, momentum=0) as RMSprop(lr=0.1), for every class of `manual` in a text."""
    return MADE.sub(_shorter, text)


def _shorter(found: re.Match[str]) -> str:
    name, arguments = found[1], re.findall(ARGUMENT, found[2])
    kind = getattr(manual, name, None)
    if not isinstance(kind, type):
        return found[0]
    defaults = {f"{p.name}={p.default!r}" for p in signature(kind).parameters.values()}
    return f"{name}({', '.join(a for a in arguments if a not in defaults)})"
