"""The drawn birds that the report trains on: drawn once, and again where they are not whole."""

import inspect
from hashlib import sha256
from pathlib import Path

from tqdm import tqdm

from experiments.data import bird_drawing, birds
from experiments.data.images import files
from experiments.shared.command import write
from manual import InputError

SEED = 0


def draw(folder: Path, count: int) -> str:
    """Have the first so many pictures in the folder; the fingerprint of their files.

    The folder keeps the fingerprint. While it is still that of the files, and of the code that draws, nothing is drawn.

    Raises:
        InputError: there are other files in the folder.
        OSError: it cannot be written to.
    """
    kept = folder / ".sha256"
    if not kept.is_file() or kept.read_text("utf-8") != fingerprint(folder, count):
        drawn = birds.written(folder, birds.pictures(count, SEED))
        for _ in tqdm(drawn, desc="drawing birds", total=count, unit=" pictures"):
            pass
        if (found := sum(1 for _ in files(folder))) != count:
            raise InputError(f"{folder}: expected the {count} pictures drawn here and nothing else, got {found} files")
        write(kept, fingerprint(folder, count))
    return kept.read_text("utf-8")


def fingerprint(folder: Path, count: int) -> str:
    """SHA-256 of how many pictures there should be, of the code that draws them, and of every file."""
    sha = sha256(f"{count} {SEED}".encode())
    for module in (birds, bird_drawing):
        sha.update(inspect.getsource(module).encode())
    for path in files(folder):
        sha.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return sha.hexdigest()
