"""Which tests hold which claim or erratum, as the last run of the tests wrote it down."""

import json
from pathlib import Path

HELD_BY = Path(__file__).parents[3] / "reports" / "held_by.json"


def held_by() -> dict[str, list[str]]:
    """Claim -> the tests that hold it; nothing where no test has run here."""
    return json.loads(HELD_BY.read_text("utf-8")) if HELD_BY.exists() else {}
