"""Nothing but a regular file, or nothing, is ever replaced."""

import os

import pytest

from experiments.shared.command import write


def test_a_link_is_followed(tmp_path) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "new"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
@pytest.mark.parametrize("kind", ["a pipe", "a folder", "a link to a device"])
def test_what_is_no_file_stays(kind, tmp_path) -> None:
    path = tmp_path / "it"
    make = {
        "a pipe": lambda: os.mkfifo(path),
        "a folder": path.mkdir,
        "a link to a device": lambda: path.symlink_to(os.devnull),
    }
    make[kind]()
    before = os.lstat(path).st_mode
    with pytest.raises(OSError, match="expected a file, or none"):
        write(path, "new")
    assert os.lstat(path).st_mode == before
    assert [*tmp_path.iterdir()] == [path]
