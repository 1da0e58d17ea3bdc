"""A page of the report, or a section of it, opened in a browser."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from experiments.report.make import PAGE, scripts


@contextmanager
def opened(browser: Browser, path: Path, **options: Any) -> Iterator[Page]:
    """A page in a context with these options; it must say nothing on the console."""
    with browser.new_context(**options) as context:
        page, said = context.new_page(), []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(error.message))
        page.goto(path.as_uri())
        yield page
        assert said == []


def alone(section: str, folder: Path) -> Path:
    """A section as a page of its own, with its style and the report's scripts."""
    path, style = (
        folder / "section.html",
        "".join((PAGE / f"{name}.css").read_text("utf-8") for name in ("walk", "play")),
    )
    path.write_text(f"<style>{style}</style>{section}<script>{scripts()}</script>", "utf-8")
    return path
