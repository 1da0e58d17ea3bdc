"""The pages: templates from page/."""

from pathlib import Path
from typing import Any

from experiments.report.page.formats import FILTERS
from experiments.shared.templates import templates

ENVIRONMENT = templates(Path(__file__).parent)
ENVIRONMENT.filters |= FILTERS


def render(name: str, **shown: Any) -> str:
    """A template as HTML."""
    return ENVIRONMENT.get_template(name).render(shown)
