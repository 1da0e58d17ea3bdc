"""The pages: templates from page/, in which all text is escaped."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2

from experiments.reporting.formats import FILTERS

ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "page"), autoescape=True, undefined=jinja2.StrictUndefined,
    trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip
ENVIRONMENT.filters |= FILTERS


def render(name: str, **shown: Any) -> str:
    """A template as HTML."""
    return ENVIRONMENT.get_template(name).render(shown)


def in_pieces(name: str, **shown: Any) -> Iterator[str]:
    """The same piece by piece, as it is made."""
    return ENVIRONMENT.get_template(name).generate(shown)
