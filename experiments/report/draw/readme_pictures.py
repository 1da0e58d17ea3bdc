"""The README's pictures: three of the page's drawings, each as a file of its own."""

from collections.abc import Iterable
from pathlib import Path

from markupsafe import Markup

from experiments.report.draw.marks import marks
from experiments.report.draw.svg import alone
from experiments.report.record.survey import Row
from experiments.report.steps.walk import Step

PAGE = Path(__file__).parents[1] / "page"


def pictures(rows: Iterable[Row], hand: Iterable[Step], digits: Markup, palette: str) -> dict[str, str]:
    """File name -> SVG: every comparison as a mark, the last gradients of the hand computation, the digits'
    training."""
    (step,) = (step for step in hand if step.claim == "A13.11")
    return {
        "parity.svg": alone(marks(rows), palette + rules("map.css", ".marks")),
        "walk.svg": alone(step.drawing, palette + rules("walk.css", ".network")),
        "digits.svg": alone(digits, palette),
    }


def rules(sheet: str, name: str) -> str:
    """The lines of one of the page's style sheets that are about a class."""
    return "".join(
        line for line in (PAGE / sheet).read_text("utf-8").splitlines(keepends=True) if line.startswith(name)
    )
