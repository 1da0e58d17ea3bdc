"""Pages from templates, in which all text is escaped: what HTML takes for markup, and what cannot be printed."""

from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from experiments.shared.printable import printable

SHARED = Path(__file__).with_name("page")
"""What every page includes: its style, and how it begins."""


def templates(folder: Path) -> jinja2.Environment:
    """The templates in a folder, and those that are shared."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, SHARED]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _shown(value: Any) -> str:
    if isinstance(value, Markup):
        return value
    return NO_BREAK.join(map(printable, str(value).split(NO_BREAK)))


NO_BREAK = "\N{NO-BREAK SPACE}"
