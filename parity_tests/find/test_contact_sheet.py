"""The contact sheet, and where the network looked."""

import html
import re
import shutil
import tracemalloc
from base64 import b64decode
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Browser

from experiments.find.contact_sheet import Thumbnails
from experiments.find.search import search
from experiments.shared.model_file import load
from parity_tests.find.conftest import ORDER, Command
from torch_ref import to_numpy, twin

KINDS = ["blue_jay", "bluebird", "goldfinch", "robin"]


def test_pictures_are_read_one_at_a_time(known: Path, folder: Path, command: Command) -> None:
    def most(count: int) -> int:
        for index in range(count):
            shutil.copy(folder / "b.png", folder / f"more {index}.png")
        tracemalloc.start()
        command(folder, "--model", known, "--format", "html", "--out", folder.parent / "sheet.html")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    Image.new("RGB", (300, 300), (0, 0, 150)).save(folder / "b.png")
    most(1)
    few, many = most(10), most(50)
    assert many - few < 40 * 96 * 96 * 3 / 4, "forty thumbnails more, but nowhere near their size"


def test_the_sheet_shows_every_picture_and_where_the_network_looked(
    known: Path, folder: Path, command: Command
) -> None:
    out = folder.parent / "sheet.html"
    code, said, _ = command(folder, "--model", known, "--format", "html", "--out", out)
    assert (code, said) == (0, f"{out}: bluebird: found in 3 of 5 pictures\n")
    page = out.read_text("utf-8")
    shown = [Image.open(BytesIO(b64decode(uri))) for uri in re.findall(r'src="data:image/png;base64,([^"]+)"', page)]
    assert len(shown) == 10
    assert shown[0].getpixel((0, 0)) == (0, 0, 200)
    assert shown[8].getpixel((0, 0)) == (0, 200, 0)
    names = [html.unescape(name) for name in re.findall(r"<br>\s*<bdi>(.*?)</bdi></figcaption>", page)]
    assert names == ORDER
    assert "<i>" not in page, "a file's name is text"
    assert "default-src 'none'" in page
    assert not re.search(r"https?:|url\(|<script", page)
    assert [*out.parent.glob("*.part")] == []


@pytest.mark.parametrize(
    ("others", "said"),
    [
        (5, "2 of the 7 pictures are drawn by a program. Nothing is claimed about photographs."),
        (0, "The pictures are drawn by a program. Nothing is claimed about photographs."),
    ],
)
def test_the_sheet_says_of_drawn_pictures_that_they_are(
    others: int, said: str, known: Path, folder: Path, drawn: Path, command: Command
) -> None:
    _, undrawn, _ = command(folder, "--model", known, "--format", "html")
    assert not re.search("drawn by a program|, drawn<", undrawn)
    if not others:
        emptied(folder)
    for suffix in ("png", "jpg"):
        shutil.copy(next(drawn.glob(f"test/robin/*.{suffix}")), folder)
    _, page, _ = command(folder, "--model", known, "--format", "html")
    assert said in page
    assert page.count("</bdi>, drawn</figcaption>") == 2


def test_the_sheet_can_go_to_standard_output(known: Path, folder: Path, command: Command) -> None:
    code, out, _ = command(folder, "--model", known, "--format", "html")
    assert code == 0
    assert out.startswith("<!doctype html>")
    assert out.rstrip().endswith("</html>")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
def test_the_sheet_fits_a_screen_and_asks_for_nothing(
    scheme: Any, width: int, known: Path, folder: Path, command: Command, browser: Browser
) -> None:
    out = folder.parent / "sheet.html"
    command(folder, "--model", known, "--format", "html", "--out", out)
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    try:
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on(
            "request",
            lambda request: said.append(request.url) if not request.url.startswith(("data:", "file:")) else None,
        )
        page.goto(out.as_uri())
        assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert said == []
    finally:
        page.close()


@pytest.mark.parametrize("sought", KINDS)
def test_where_it_looked_is_the_derivative_by_the_pixels_of_the_probability_of_what_is_sought(
    sought: str, models: dict[str, Path], drawn: Path
) -> None:
    with Image.open(next(drawn.glob("test/bluebird/*.png"))) as file:
        picture = file.convert("RGB")
    look_for = search(models["cnn"], sought, None)
    model = load(models["cnn"])
    assert model.scale is not None
    mean, std = (torch.tensor(numbers)[:, None, None] for numbers in (model.scale.mean, model.scale.std))
    raw = torch.tensor(np.asarray(picture).transpose(2, 0, 1).copy() / 255, dtype=torch.float64, requires_grad=True)
    module = twin(model.network.astype(np.float64))
    p = torch.softmax(module(((raw - mean.double()) / std.double())[None]), dim=1)[0, KINDS.index(sought)]
    p.backward()
    assert raw.grad is not None
    reference = to_numpy(raw.grad.abs().sum(0))
    ours = look_for.looked(picture)
    assert ours.shape == (32, 32)
    np.testing.assert_allclose(ours, reference, rtol=1e-3, atol=1e-3 * reference.max())


def test_the_brightest_pixel_is_where_the_derivative_is_largest() -> None:
    looked = np.zeros((4, 4))
    looked[1, 2] = 3
    with Thumbnails() as thumbnails:
        thumbnails.add("a", Image.new("RGB", (4, 4), (30, 30, 30)), looked)
        thumbnails.add("blank", Image.new("RGB", (4, 4), (30, 30, 30)), 0 * looked)
        marked, blank = (
            np.asarray(Image.open(BytesIO(b64decode([*thumbnails.uris(name)][1].partition(",")[2]))))
            for name in ("a", "blank")
        )
    assert np.argwhere(marked[..., 0] > 100).tolist() == [[1, 2]]
    assert (blank == blank[0, 0]).all(), "nothing moves it, nothing is marked"


def emptied(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()
