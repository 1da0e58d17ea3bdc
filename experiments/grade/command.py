"""Bring your own backward: `python -m experiments.grade FILE`, or FOLDER with a class's files.

It says which quantity is wrong, by how much, and the likely cause. The file runs in a process of its own.
"""

import ast
import sys
from argparse import Namespace
from pathlib import Path

from experiments.grade import classroom
from experiments.grade.classroom import Checker
from experiments.grade.forms import listed
from experiments.grade.hand_ins import read
from experiments.grade.pages import as_json, page, text
from experiments.grade.process.number_types import HAND_IN
from experiments.grade.shown.systems import as_csv, gradescope, junit
from experiments.grade.shown.words import LEVELS
from experiments.grade.task.assignment import NoTask, load
from experiments.shared.command import Parser, command, nearest_file
from manual import InputError

LONGEST = 24 * 60 * 60
"""Seconds that one piece may take."""
FORMATS = {"text": text, "json": as_json, "html": page, "csv": as_csv, "gradescope": gradescope, "junit": junit}
TEMPLATE, EXERCISES = (Path(__file__).with_name(f"{name}.py") for name in ("template", "exercises"))
TEXTS = {
    "template": lambda: TEMPLATE.read_text("utf-8"),
    "exercises": lambda: EXERCISES.read_text("utf-8"),
    "forms": listed,
}
"""What an option of that name prints; listing the forms takes a tenth of a second, and is for who asks for it."""

ABOUT = """FILE is a Python file or a notebook. Only what it defines is taken, not what it does when run. --forms lists
the forms in which people write a backward, and what is recognised as one.

A piece is compared with torch where torch has it, and with the truth: the derivative of its own forward, run on exact
numbers. Where the forward does not run on these, finite differences measure the truth, and the result says so.
In the table, 1 in the column "of allowed" is the most that rounding explains.

The four verdicts: agrees; convention (agrees, except for a choice that good implementations make differently); differs;
not judged, with the reason.

exit status: 0 if all agree, 1 if something differs, 2 if nothing differs and something was not judged.

FILE runs in a process of its own with limits on time and memory, so that a mistake in it does no harm. This is no
sandbox for hostile code: it runs with your rights.

"""
EXAMPLES = ("--forms", "--template > hand_in.py", "hand_in.py", "--format html hand_in.py > hand_in.html", "hand_ins/")


@command
def main(arguments: list[str] | None = None) -> int:
    """Check what is asked for; the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    for name, content in TEXTS.items():
        if getattr(options, name):
            if len(sys.argv[1:] if arguments is None else arguments) > 1:
                parser.error(f"--{name} stands alone")
            print(content(), end="")
            return 0
    _refuse(parser, options)
    path = options.path
    paths = [str(p.resolve()) for p in options.path_ or []]
    adapter = str(options.adapter.resolve()) if options.adapter else ""
    try:
        task = load(options.task) if options.task else None
    except NoTask as error:
        parser.error(f"--task: {error}")
    how = Checker(options.timeout, options.device, options.strict, options.hints, paths, adapter, task)
    if path.is_dir():
        try:
            return classroom.check_all(path, options.out or path / "checked", how)
        except BrokenPipeError:
            raise
        except (OSError, LookupError) as error:
            parser.error(str(error))
        except KeyboardInterrupt:
            parser.exit(130, f"{parser.prog}: stopped; the same command resumes\n")
    report = how.graded(path)
    if not report.findings and options.format in (None, "text"):
        parser.error(f"{report.file}: {report.verdict}")
    print(FORMATS[options.format or "text"](report), end="")
    return report.status


def _parser() -> Parser:
    parser = Parser("check", "Check a backward pass written by hand.", EXAMPLES, ABOUT)
    parser.add_argument(
        "path",
        nargs="?",
        type=Path,
        metavar="FILE | FOLDER",
        help="a Python file or notebook, or a folder of students' files",
    )
    parser.add_argument("--format", choices=[*FORMATS], help="the format of FILE's result; default: text")
    parser.add_argument(
        "--out", type=Path, metavar="OUT", help="the folder for the results of FOLDER; default: FOLDER/checked"
    )
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="the device for torch; default: cpu")
    parser.add_argument(
        "--timeout", type=float, default=60, metavar="SECONDS",
        help="the processor time for each class or function of a file; default: 60",
    )  # fmt: skip
    parser.add_argument(
        "--path",
        dest="path_",
        action="append",
        type=Path,
        metavar="DIR",
        help="a further folder that FILE may import from",
    )
    parser.add_argument(
        "--adapter",
        type=Path,
        metavar="ADAPTER",
        help="a Python file of yours that says which function of a hand-in is which",
    )
    parser.add_argument(
        "--task", type=Path, metavar="TASK", help="an assignment: a TOML file of pieces, names and points"
    )
    parser.add_argument(
        "--strict", action="store_true", help="count a convention, and a result with a remark, as differing"
    )
    parser.add_argument("--forms", action="store_true", help="list the forms of a backward pass that are recognised")
    parser.add_argument(
        "--hints",
        choices=LEVELS,
        default="full",
        help="what to say of a difference: that there is one; its likely cause and a hint; or all; default: full",
    )
    parser.add_argument(
        "--template", action="store_true", help="print a file to hand out, with forward and backward passes to fill in"
    )
    parser.add_argument("--exercises", action="store_true", help="print twelve backward passes to write, from ReLU on")
    return parser


def _no_adapter(path: Path) -> str:
    """Why a file is no adapter; "" if it may be one."""
    try:
        tree = ast.parse(read(path))
    except OSError as error:
        return f"{path}: {error.strerror or error}"
    except (SyntaxError, ValueError) as error:
        return f"{path} is no Python: {error}"
    imports = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    imports |= {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    return "" if HAND_IN in imports else f"expected {path} to import {HAND_IN}, which is the file that is checked"


def _refuse(parser: Parser, options: Namespace) -> None:
    """End with one line where the arguments do not go together."""
    path, folder = options.path, bool(options.path and options.path.is_dir())
    if path is None:
        parser.error(
            "expected a FILE or a FOLDER; --help says what a file may offer, --template prints one to start from"
        )
    if not path.exists():
        parser.error(f"there is no {path}{nearest_file(path)}")
    if options.adapter and (why := _no_adapter(options.adapter)):
        parser.error(f"--adapter: {why}")
    for folder_ in options.path_ or []:
        if not folder_.is_dir():
            parser.error(f"--path: there is no folder {folder_}")
    if not 0 < options.timeout <= LONGEST:
        expected = f"at most {LONGEST}" if options.timeout > 0 else "more than 0"
        parser.error(f"--timeout: expected {expected} seconds, got {options.timeout:g}")
    if options.device == "cuda":
        from torch_ref.devices import prepare

        try:
            prepare("cuda")
        except InputError as error:
            parser.error(str(error))
    if folder and options.format:
        parser.error("--format is for a FILE; a FOLDER gets a page for each file, and summary.csv")
    if not folder and options.out:
        parser.error("--out is for a FOLDER; the result for a FILE is printed")
