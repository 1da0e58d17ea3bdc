"""What a folder's students handed in, and its content: that of a regular file below a size, wherever a link leads."""

import ast
import json
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

LARGEST = 16 << 20
"""Bytes of a file: a notebook may hold pictures."""
MOST = 1000
"""Files of one student."""
PYTHON = (".py", ".ipynb")
EXPECTED = "expected a Python file (.py) or a notebook (.ipynb)"
RESULTS = ("index.html", "summary.csv")
"""What a folder of the checker's own results has, and no Python file beside it."""
OURS = ("__pycache__", ".git", ".ipynb_checkpoints")
"""Folders that tools make, and no student hands in."""


class Refused(OSError):
    """Something that is not read, and why."""


class HandIn(NamedTuple):
    """One student's: a file, or a folder of them. Without a Python file, it has one of its others, or none."""

    name: Path
    files: list[Path]


def hand_ins(folder: Path, out: Path) -> list[HandIn]:
    """Every student's, by name: what is in the folder, but for results, hidden files and what tools make."""
    found = []
    for path in sorted(folder.iterdir()):
        if not _handed_in(path) or path.resolve() == out.resolve():
            continue
        files = _files_of(path) if path.is_dir() and not path.is_symlink() else [path]
        if not all((path / name).is_file() for name in RESULTS) or any(file.suffix in PYTHON for file in files):
            found.append(HandIn(path.relative_to(folder), files))
    return found


def _files_of(folder: Path) -> list[Path]:
    files = sorted(islice(_walk(folder), MOST))
    return [file for file in files if file.suffix in PYTHON] or files[:1]


def _walk(folder: Path) -> Iterator[Path]:
    """All files below a folder; a link to a folder leads nowhere."""
    for inside, folders, names in os.walk(folder):
        folders[:] = sorted(n for n in folders if _handed_in(Path(n)) and not Path(inside, n).is_symlink())
        yield from (Path(inside, name) for name in sorted(names) if _handed_in(Path(name)))


def _handed_in(path: Path) -> bool:
    return not path.name.startswith(".") and path.name not in OURS


def link_to_others(hand_in: HandIn, folder: Path) -> str:
    """What of a hand-in is a link to what another student's may be found by; "" if nothing is."""
    whole = folder.resolve()
    own = whole / hand_in.name
    above, others = [whole, *whole.parents], {p for p in whole.iterdir() if p != own and _handed_in(p)}
    inside = (Path(top, name) for top, folders, files in os.walk(own) for name in [*folders, *files])
    for path in (own, *islice(inside, MOST)):
        leads_to = path.resolve()
        if path.is_symlink() and (leads_to in above or not others.isdisjoint((leads_to, *leads_to.parents))):
            return f"{path.name} is a link to {leads_to.name or leads_to}, which is not this student's alone"
    return ""


def read(path: Path) -> bytes:
    """The content of a file.

    Raises:
        Refused: it is none, or too large; what it is, is asked of the opened file.
        OSError: it cannot be read.
    """
    # what never begins, as a pipe without a writer, opens at once
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise Refused(0, f"expected a file, got a {'folder' if stat.S_ISDIR(mode) else 'device, pipe or socket'}")
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise Refused(0, f"expected a file of at most {LARGEST >> 20} MiB, got a larger one")
    return content


def cells_of(text: str) -> list[str]:
    """The code of a notebook's cells, without magics; none of what is no notebook."""
    try:
        cells = ["".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return []
    return ["\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in c.split("\n")) for c in cells]


def idle_bases(files: Iterable[Path]) -> set[str]:
    """The classes of a hand-in of several files that do nothing, and from which others in it are derived."""
    idle, busy, derived = set[str](), set[str](), set[str]()
    for path in files:
        with suppress(OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            classes = [n for n in ast.walk(ast.parse(read(path))) if isinstance(n, ast.ClassDef)]
            derived |= {base.id for n in classes for base in n.bases if isinstance(base, ast.Name)}
            doing = {n.name for n in classes if not all(map(_does_nothing, n.body))}
            idle, busy = idle | {n.name for n in classes} - doing, busy | doing
    return (idle & derived) - busy


def _does_nothing(node: ast.stmt) -> bool:
    """Whether it is a text, or a method that prepares, does nothing, or is there to be overridden."""
    if not isinstance(node, ast.FunctionDef):
        return _is_text(node)
    return node.name == "__init__" or all(_is_text(n) or isinstance(n, ast.Raise) for n in node.body)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def no_python(path: Path) -> str:
    """Why a file is not run, by its name; "" if it is."""
    if path.suffix in PYTHON:
        return ""
    return f"{EXPECTED}, got {f'a {path.suffix} file' if path.suffix else 'no suffix'}"
