"""The results in a folder: a page and a JSON file for each student, which a later run goes on from.

What runs a student's file might write there, too. So each result has a mark that needs a key, which is kept elsewhere;
one without it is made anew.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from experiments.grade.findings import Report
from experiments.grade.pages import as_json, from_json, page
from experiments.shared.command import write

LONGEST = 220
"""Bytes of a name: a suffix comes to it, and the file system has an end to it."""
RESERVED = ("index", "summary")


class Kept:
    """The results in this folder."""

    def __init__(self, out: Path) -> None:
        self.out, self.key = out, _key()

    def result(self, name: str, digest: str) -> Report | None:
        """The result of this name, if it was made of what has this digest, and by this user's checker."""
        kept, mark = self.out / f"{name}.json", self.out / f"{name}.mark"
        try:
            content = kept.read_bytes()
            found = mark.read_text("utf-8")
        except (OSError, ValueError):
            return None
        return from_json(content.decode()) if hmac.compare_digest(found, self._mark(digest, content)) else None

    def keep(self, name: str, digest: str, report: Report) -> None:
        """Write a result; without a digest, the next run makes it anew.

        Raises:
            OSError: it cannot be written.
        """
        self.out.mkdir(parents=True, exist_ok=True)
        write(self.out / f"{name}.html", page(report))
        content = as_json(report)
        write(self.out / f"{name}.json", content)
        write(self.out / f"{name}.mark", self._mark(digest, content.encode()) if digest else "")

    def _mark(self, digest: str, content: bytes) -> str:
        return hmac.new(self.key, digest.encode() + content, hashlib.sha256).hexdigest()


def _key() -> bytes:
    """This user's key; where none can be kept, one for this run alone."""
    path = (
        Path(os.environ.get("XDG_STATE_HOME") or Path("~", ".local", "state")).expanduser() / "backprop-check" / "key"
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
    except FileExistsError:
        pass
    except (OSError, RuntimeError):  # there is no home
        return secrets.token_bytes(32)
    return path.read_bytes()


def names(paths: Iterable[Path]) -> dict[Path, str]:
    """A name for each student's results: the student's own, where it leaves room for a suffix and is nobody else's."""
    found: dict[Path, str] = {}
    taken = {*RESERVED}
    for path in paths:
        plain = str(path.with_suffix("") if path.suffix == ".py" else path)
        name = plain if len(os.fsencode(plain)) <= LONGEST else os.fsencode(plain)[:LONGEST].decode("utf-8", "ignore")
        if name.casefold() in taken or name != plain:
            name = f"{name}-{hashlib.sha256(os.fsencode(path)).hexdigest()[:8]}"
        taken.add(name.casefold())
        found[path] = name
    return found
