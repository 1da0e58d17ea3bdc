"""Find a bird: `python -m experiments.find FOLDER --model FILE` says of every picture in a folder what it shows.

One picture at a time is in memory; what is kept of each is a line.
"""

import sys
from pathlib import Path
from typing import Any

from experiments.data.images import FORMATS as IMAGES
from experiments.data.images import LeftOut, account
from experiments.find.contact_sheet import Thumbnails
from experiments.find.formats import as_csv, as_json, summary, table
from experiments.find.search import Finding, search
from experiments.shared.command import Parser, command, replacing
from experiments.shared.printable import printable
from experiments.shared.templates import templates
from experiments.shared.untrusted_files import no_folder
from manual import InputError

PAGE = templates(Path(__file__).parent)
TEXT = {"table": table, "csv": as_csv, "json": as_json}
ABOUT = f"""FILE is what a training run leaves. It holds all that is needed: the weights, the classes, and how
to scale pictures.
Every file in FOLDER and below is read, unless its name begins with a dot; pictures are {", ".join(IMAGES)}.
The most probable pictures come first. Files that are not pictures, or are broken, are named and counted.

The network knows its classes and nothing else: it assigns one of them to whatever it is shown.

"""
EXAMPLES = (
    "birds/test --model runs/bluebird_cnn/manual/version_0/model.safetensors",
    "photos --model model.safetensors --threshold 0.9 --format html --out found.html",
)


@command
def main(arguments: list[str] | None = None) -> int:
    """Find what is asked for; the exit status."""
    parser = Parser(
        "find", "Find a bird among pictures, with a network that was trained to tell birds apart.", EXAMPLES, ABOUT
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the folder of pictures to search")
    parser.add_argument(
        "--model", type=Path, required=True, metavar="FILE", help="the trained network, a model.safetensors"
    )
    parser.add_argument(
        "--class", dest="positive", metavar="CLASS", help="the class to find; default: bluebird, or the first"
    )
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="P",
        help="the lowest probability at which a picture counts as CLASS; default: whenever CLASS is the most probable",
    )
    parser.add_argument(
        "--implementation",
        choices=["manual", "torch"],
        default="manual",
        help="the implementation that predicts; default: manual",
    )
    parser.add_argument(
        "--format",
        choices=[*TEXT, "html"],
        default="table",
        help="the output's format; default: table; html is a contact sheet that also shows where the network "
        "looked, by the hand-written gradient",
    )
    parser.add_argument("--out", type=Path, metavar="OUT", help="the file to write; default: standard output")
    options = parser.parse_args(arguments)
    if options.threshold is not None and not 0 <= options.threshold <= 1:
        parser.error(f"--threshold: expected a probability, 0 to 1, got {options.threshold:g}")
    if not options.folder.is_dir():
        parser.error(no_folder(options.folder))
    if options.out and not options.out.parent.is_dir():
        parser.error(f"--out: {no_folder(options.out.parent)}")
    if options.out and options.out.is_dir():
        parser.error(f"--out: expected a file, got the folder {options.out}")
    try:
        find(options)
    except BrokenPipeError:
        raise
    except (InputError, OSError) as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        parser.exit(130, f"{parser.prog}: interrupted; nothing was written\n")
    return 0


def find(options: Any) -> None:
    """Look through the folder, and write what was found.

    Raises:
        InputError: no model, or one that does not serve; no picture in the folder.
    """
    look_for = search(options.model, options.positive, options.threshold)
    findings: list[Finding] = []
    left_out: list[LeftOut] = []
    with Thumbnails() as thumbnails:
        for seen in look_for.through(options.folder, options.implementation):
            if isinstance(seen, LeftOut):
                left_out.append(seen)
                continue
            finding, picture = seen
            findings.append(finding)
            if options.format == "html":
                thumbnails.add(finding.file, picture, look_for.looked(picture))
        if not findings:
            got = f"{len(left_out)} other files" if left_out else "an empty folder"
            raise InputError(f"{printable(options.folder)}: expected pictures, got {got}")
        findings.sort(key=lambda f: (not f.found, -f.score, f.file))
        if options.format == "html":
            pieces = PAGE.get_template("sheet.html").generate(
                search=look_for,
                findings=findings,
                thumbnails=thumbnails,
                summary=summary(look_for, findings),
                folder=options.folder,
                model=options.model,
                left_out=left_out,
            )
        else:
            pieces = TEXT[options.format](look_for, findings)
        if options.out is None:
            sys.stdout.writelines(pieces)
        else:
            with replacing(options.out) as file:
                file.writelines(piece.encode() for piece in pieces)
            print(f"{options.out}: {summary(look_for, findings)}")
    if left_out:
        print(account(left_out, len(findings)), file=sys.stderr)
