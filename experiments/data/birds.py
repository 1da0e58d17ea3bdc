"""Drawn pictures of birds, one folder a class: `python -m experiments.data.birds --out FOLDER --count N --seed S`.

They lie as a user's own photos would: FOLDER/train, validation and test, in each a folder for each species, in it PNG
and JPEG files. Each file says that its picture is drawn. A picture depends on the seed and its index alone.
"""

import hashlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from experiments.data.bird_drawing import SPECIES, picture
from experiments.data.images import DRAWN
from experiments.shared.command import Parser, command

FEWEST = 24  # with fewer, some part lacks some species

ABOUT = f"""The pictures are drawn by a program. What a network makes of them says nothing about photographs.

classes: {", ".join(SPECIES)}

OUT/train has 70 % of them, OUT/validation and OUT/test 15 % each. Of each class a third are JPEG files, the others PNG.
The last line printed is the SHA-256 of the pictures as drawn; the same COUNT, SEED and SIZE give it again.

"""


def pictures(count: int, seed: int, size: int = 32) -> Iterator[tuple[str, Image.Image]]:
    """The first `count` pictures that a seed has, each with its path inside the data set."""
    for index in range(count):
        turn, species = divmod(index, len(SPECIES))
        name = list(SPECIES)[species]
        part = {2: "validation", 5: "test"}.get(
            turn % 20 % 7, "train"
        )  # of twenty of a species three each, and the rest
        path = f"{part}/{name}/{index:05d}.{'png' if turn % 3 else 'jpg'}"
        yield path, picture(SPECIES[name], np.random.default_rng((seed, index)), size)


def written(folder: Path, drawn: Iterable[tuple[str, Image.Image]]) -> Iterator[tuple[str, Image.Image]]:
    """The same pictures, each once it is a file under the folder."""
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = DRAWN
    for path, image in drawn:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        image.save(file, exif=exif, quality=95, subsampling=0)  # the last two are for JPEG
        yield path, image


def digest(drawn: Iterable[tuple[str, Image.Image]]) -> str:
    """SHA-256 of paths and pixels, in order. The pixels are those before encoding: a PNG file gives them back, what a
    JPEG file gives back depends on the release of the decoder."""
    sha = hashlib.sha256()
    for path, image in drawn:
        sha.update(path.encode() + image.tobytes())
    return sha.hexdigest()


@command
def main(arguments: list[str] | None = None) -> int:
    """Draw what is asked for; the exit status."""
    parser = Parser(
        "data.birds",
        "Draw small pictures of birds to train on, as files, one folder a class.",
        ["--out birds", "--out large_birds --count 24 --seed 1 --size 256"],
        ABOUT,
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="OUT", help="the folder to write to: a new or an empty one"
    )
    parser.add_argument("--count", type=int, default=4000, help="the number of pictures; default: 4000")
    parser.add_argument("--seed", type=int, default=0, help="the seed: another one draws other pictures; default: 0")
    parser.add_argument("--size", type=int, default=32, help="the length of a side, in pixels; default: 32")
    options = parser.parse_args(arguments)
    if options.count < FEWEST:
        parser.error(f"--count: expected {FEWEST} or more, a picture of each class in each part, got {options.count}")
    if options.seed < 0:
        parser.error(f"--seed: expected 0 or more, got {options.seed}")
    if not 8 <= options.size <= 512:
        parser.error(f"--size: expected 8 to 512, got {options.size}")
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        if any(options.out.iterdir()):
            parser.error(f"--out: expected a folder that does not exist yet, or is empty; {options.out} is not empty")
        sha = digest(written(options.out, pictures(options.count, options.seed, options.size)))
    except OSError as error:
        parser.error(f"--out {options.out}: {error}")
    except KeyboardInterrupt:
        parser.exit(130, f"{parser.prog}: interrupted; {options.out} lacks pictures\n")
    print(f"{options.count} drawn pictures in {options.out}\nsha256 {sha}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
