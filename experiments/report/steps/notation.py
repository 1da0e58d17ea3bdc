"""How the walks write an equation and its numbers: as LaTeX, with the numbers put in, as plain text."""

import re
from collections.abc import Callable, Sequence
from decimal import Context, Decimal, Inexact
from fractions import Fraction

import flint
from markupsafe import Markup

from experiments.report.page.formats import RAISED, mathml, signed

Exact = Fraction | flint.arb
FIELD = r"\{(\w+)\[(\d)\]\}"
LATEX = {"·": r"\cdot", "−": "-", "½": r"\frac{1}{2}", "²": "^2", "ReLU(": r"\text{ReLU}(", "exp": r"\exp"}


def in_latex(text: str) -> str:
    """An equation's text as LaTeX."""
    for sign, latex in LATEX.items():
        text = text.replace(sign, latex)
    return text


def put_in(template: str, exact: dict[str, list[Exact]], attributes: Callable[[str, int], str] | None = None) -> str:
    """The template with its numbers, a negative one in parentheses unless it comes first; lines break before a sign.

    With `attributes`, every number is an HTML element with what these give for its quantity.
    """

    def number(field: re.Match[str]) -> str:
        text = decimal(exact[field[1]][int(field[2])])
        comes_first = template[: field.start()].endswith("(") or not field.start()
        text = f"({text})" if text.startswith("−") and not comes_first else text
        return f"<span {attributes(field[1], int(field[2]))}>{text}</span>" if attributes else text

    return re.sub("([·+−/]) ", "\\1\N{NO-BREAK SPACE}", re.sub(FIELD, number, template))


def with_terms(latex: str, terms: Sequence[tuple[str, str]]) -> Markup:
    """An equation as MathML, in which every symbol is an element with its attributes; what the equation gives is the
    first of them, and its symbol the first in the equation."""
    given, *used = [(re.sub(OUTER, "", mathml(symbol)), attributes) for symbol, attributes in terms]
    known = dict([given, *used])
    pattern = "|".join(map(re.escape, sorted(known, key=len, reverse=True)))
    first, rest = re.split(pattern, mathml(latex), maxsplit=1)
    marked = re.sub(pattern, lambda symbol: f"<mrow {known[symbol[0]]}>{symbol[0]}</mrow>", rest)
    return Markup(f"{first}<mrow {given[1]}>{given[0]}</mrow>{marked}")


OUTER = "^<math[^>]*><mrow>|</mrow></math>$"


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
    text = text.replace(r"\eta", "η").replace(r"\alpha", "α")
    text = re.sub(r"\^(\d)", lambda raised: raised[1].translate(RAISED), text)
    return re.sub(r"_\{?([\d,]+)\}?", lambda lowered: lowered[1].replace(",", "").translate(LOWERED), text)


LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
