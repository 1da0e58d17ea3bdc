"""The drawn birds that the report's networks are trained on, as they lie on the disk."""

import pytest

from experiments.data import birds
from experiments.data.images import files
from experiments.report.record.bird_dataset import draw
from manual import InputError


def test_pictures_are_drawn_once_and_again_where_they_are_not_whole(tmp_path, monkeypatch):
    drawn = []
    written = birds.written
    monkeypatch.setattr(birds, "written", lambda *both: drawn.append(1) or written(*both))
    first = draw(tmp_path, 40)
    content = {path: path.read_bytes() for path in files(tmp_path)}
    assert (len(drawn), len(content)) == (1, 40)
    assert draw(tmp_path, 40) == first
    assert len(drawn) == 1
    one, *_ = content
    for times, spoil in enumerate((one.unlink, lambda: one.write_bytes(b"")), start=2):
        spoil()
        assert draw(tmp_path, 40) == first
        assert (len(drawn), {path: path.read_bytes() for path in files(tmp_path)}) == (times, content)
    assert draw(tmp_path, 44) != first
    assert len(drawn) == 4


def test_a_picture_that_was_not_drawn_here_is_an_error_and_stays(tmp_path):
    draw(tmp_path, 40)
    mine = tmp_path / "train" / "robin" / "mine.jpg"
    mine.write_text("mine")
    with pytest.raises(InputError, match="expected the 40 pictures drawn here and nothing else, got 41 files"):
        draw(tmp_path, 40)
    assert mine.read_text() == "mine"
