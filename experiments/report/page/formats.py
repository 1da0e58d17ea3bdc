"""How the page writes numbers and equations: the filters of its template."""

import re
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import groupby
from operator import attrgetter
from typing import Any

import numpy as np
from latex2mathml.converter import convert
from markupsafe import Markup

from experiments.bench.clock import Spread, brief
from experiments.report.page.wording import alike, below, without_defaults
from manual.numbers.number_types import Array


def mathml(latex: str) -> Markup:
    """An equation in LaTeX as MathML.

    Two things are mended: a minus after a parenthesis, a relation or a product is a sign and not a difference; and
    brackets round a matrix, which grow only where there is a mathematical font, are left to the style sheet.
    """
    text = re.sub(SIGN, r'\1<mo form="prefix">&#x02212;</mo>', convert(latex, display="block"))
    return Markup(re.sub(BRACKETS, r'<mtable class="matrix">\1</mtable>', text))


SIGN = "((?:&#x00028;|&#x0003D;|&#x000B7;)</mo>)<mo>&#x02212;</mo>"
BRACKETS = "<mo>&#x0005B;</mo><mtable>(.*?)</mtable><mo>&#x0005D;</mo>"


def signed(text: str) -> str:
    """A number's text with a minus sign for the hyphen."""
    return text.replace("-", "\N{MINUS SIGN}")


def shortest(value: float) -> str:
    """The fewest digits that are this float64 and no other; -0.0 is 0."""
    return signed(repr(value + 0.0).removesuffix(".0"))


def scientific(value: float) -> str:
    """Two digits and a power of ten; 0 is 0."""
    if not np.isfinite(value):
        return "∞" if value > 0 else "not a number"
    digits, _, power = f"{value:.1e}".partition("e")
    return f"{digits}·10{str(int(power)).translate(RAISED)}" if value else "0"


RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def ratio(value: float) -> str:
    """A share of what is allowed."""
    return f"{value:.2f}" if 0.01 <= value < 100 else scientific(value)


def between(spread: dict[str, float]) -> str:
    """A median between its quartiles."""
    return str(Spread(**spread))


def percent(share: float) -> str:
    """A share of 1 in percent, to two places."""
    return f"{100 * share:.2f} %"


def latex_fraction(value: Fraction) -> str:
    """A fraction in lowest terms; a whole number as it is."""
    sign = "-" if value < 0 else ""
    top, bottom = abs(value.numerator), value.denominator
    return f"{sign}{top}" if bottom == 1 else rf"{sign}\frac{{{top}}}{{{bottom}}}"


def latex_array(array: Array) -> str:
    """A number, a row or a matrix, to six digits."""
    if array.ndim == 0:
        return latex_number(float(array))
    lines = r" \\ ".join(" & ".join(latex_number(float(x)) for x in line) for line in np.atleast_2d(array))
    return rf"\begin{{bmatrix}} {lines} \end{{bmatrix}}"


def latex_number(value: float) -> str:
    """A number to six digits, its power of ten written out."""
    digits, _, power = f"{value + 0.0:.6g}".partition("e")
    return rf"{digits} \cdot 10^{{{int(power)}}}" if power else digits


def capitalize_first(text: str) -> str:
    """The text with a capital at its head; the rest stays as it is."""
    return text[:1].upper() + text[1:]


def groupby_in_order(items: Iterable[Any], name: str) -> Iterator[tuple[Any, list[Any]]]:
    """Neighbours that share an attribute, together. (Jinja's own groupby sorts: A13.10 before A13.2.)"""
    for value, group in groupby(items, attrgetter(name)):
        yield value, [*group]


FILTERS = {
    f.__name__: f
    for f in (
        between,
        brief,
        mathml,
        signed,
        shortest,
        scientific,
        ratio,
        percent,
        latex_fraction,
        latex_array,
        capitalize_first,
        groupby_in_order,
        alike,
        below,
        without_defaults,
    )
}
