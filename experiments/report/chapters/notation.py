"""How the walks write an equation and its numbers: as LaTeX, with the numbers put in, as plain text."""

import re
from decimal import Context, Decimal, Inexact
from fractions import Fraction

import flint

from experiments.report.page.formats import RAISED, signed

Exact = Fraction | flint.arb
FIELD = r"\{(\w+)\[(\d)\]\}"
LATEX = {"·": r"\cdot", "−": "-", "½": r"\frac{1}{2}", "²": "^2", "ReLU(": r"\text{ReLU}(", "exp": r"\exp"}


def in_latex(text: str) -> str:
    """An equation's text as LaTeX."""
    for sign, latex in LATEX.items():
        text = text.replace(sign, latex)
    return text


def put_in(template: str, exact: dict[str, list[Exact]]) -> str:
    """The template with its numbers, a negative one in parentheses unless it comes first; lines break before a sign."""

    def number(field: re.Match[str]) -> str:
        text = decimal(exact[field[1]][int(field[2])])
        comes_first = template[: field.start()].endswith("(") or not field.start()
        return f"({text})" if text.startswith("−") and not comes_first else text

    return re.sub("([·+−/]) ", "\\1\N{NO-BREAK SPACE}", re.sub(FIELD, number, template))


def decimal(value: Exact, digits: int = 6) -> str:
    """A rational number with all its decimals, of which it must have finitely many; a ball's midpoint to some
    digits."""
    if isinstance(value, flint.arb):
        return signed(value.str(digits, radius=False))
    exactly = Context(traps=[Inexact]).divide(Decimal(value.numerator), Decimal(value.denominator))
    return signed(f"{exactly:f}")


def plain(latex: str) -> str:
    """A symbol's LaTeX as text: W^1_{1,2} is W¹₁₂."""
    text = latex.replace(r"\delta", "δ").replace(r"\Delta", "Δ").replace(r"\theta", "θ")
    text = re.sub(r"\^(\d)", lambda raised: raised[1].translate(RAISED), text)
    return re.sub(r"_\{?([\d,]+)\}?", lambda lowered: lowered[1].replace(",", "").translate(LOWERED), text)


LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
