"""What the commands have in common: their name, their examples, their errors, and how they write."""

import argparse
import codecs
import errno
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from functools import wraps
from io import TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, ParamSpec, TypeVar

from experiments.shared.printable import one_line, printable
from experiments.shared.streams import discard_output, open_all

ROOMS = {"check": "grade"}
"""Commands that are not named as their room is."""
HALF = 1000  # characters of a message that are shown of each end of it
P = ParamSpec("P")
R = TypeVar("R")
PIPE, INTERRUPTED = 128 + 13, 128 + 2
"""The exit status of a command whose reader has left, and of one that Ctrl-C ends, as a shell gives them: 128 and the
number of SIGPIPE, or SIGINT."""
UNWRITTEN = 2
"""The exit status of a command whose output could not be written, or that got no memory: not 1, which would be a
verdict."""
NO_MEMORY, ALLOCATOR = "there is not enough memory", "DefaultCPUAllocator"


def command(main: Callable[P, R]) -> Callable[P, R]:
    """A command's `main`. What it prints is UTF-8, as the files are that it writes. Where nobody reads on, as behind
    `head`, it ends without a word, and so it does by Ctrl-C, unless it has one to say. Where standard output is
    closed it works as ever; where it cannot be written, as on a full disk, it says so in one line.
    """

    @wraps(main)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:  # all is imported
            signal.signal(signal.SIGINT, signal.default_int_handler)
        open_all()
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")  # a file's name need not be UTF-8
        try:
            try:
                return main(*args, **kwargs)
            finally:
                sys.stdout.flush()
        except BrokenPipeError:
            discard_output()
            sys.exit(PIPE)
        except OSError as error:
            discard_output()
            if not getattr(error.__context__, "code", None):  # else it ends by an error that it has said
                with suppress(OSError):  # nor may it be possible to say so
                    print(f"{typed()}: {printable(str(error))}", file=sys.stderr)
            sys.exit(UNWRITTEN)
        except UnicodeEncodeError as error:
            names = codecs.lookup(sys.getfilesystemencoding())
            if names.name == "utf-8" or codecs.lookup(error.encoding) != names:
                raise
            said = f"{shortened(error.object)} cannot be a file's name where names are in {error.encoding}"
            print(f"{typed()}: {printable(said)}; PYTHONUTF8=1 has them in UTF-8", file=sys.stderr)
            sys.exit(UNWRITTEN)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)
        except (MemoryError, RuntimeError) as error:
            if not _out_of_memory(error):
                raise
            said = [NO_MEMORY, *filter(None, [printable(shortened(one_line(error)))])]
            print(f"{typed()}: {': '.join(said)}", file=sys.stderr)
            sys.exit(UNWRITTEN)

    return run


def _out_of_memory(error: Exception) -> bool:
    """Whether NumPy or torch raised it because it got no memory; torch need not be loaded to know its own."""
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or ALLOCATOR in str(error)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and whose help ends with examples."""

    def __init__(self, command: str, description: str, examples: Iterable[str], about: str = "") -> None:
        super().__init__(
            prog=program(command),
            description=description,
            epilog=about + examples_text(command, examples),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """As argparse does it, but a name that is not known gets the nearest that is."""
        options, unknown = self.parse_known_args(args, namespace)
        if not unknown:
            return options
        given = unknown[0].partition("=")[0]
        if not given.startswith("-"):
            self.error(f"too many arguments: {given!r}")
        return self.error(f"there is no option {given!r}{nearest(given, self._option_string_actions)}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            raise argparse.ArgumentError(action, expected_one_of(map(str, action.choices), str(value)))

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {printable(' '.join(message.split()))}\n")


def program(command: str) -> str:
    """What the user typed: the installed command, or Python with the room that it is in."""
    installed = f"backprop-{command}"
    return installed if typed() == installed else f"python -m experiments.{ROOMS.get(command, command)}"


def typed() -> str:
    """The program's name; of `python -m experiments.train` it is the room's."""
    path = Path(sys.argv[0])
    return path.parent.name if path.stem == "__main__" else path.stem


def examples_text(command: str, examples: Iterable[str]) -> str:
    """The examples of a command's help, as typed."""
    return "\n".join(["examples:", *[f"  {program(command)} {arguments}".rstrip() for arguments in examples]])


def expected_one_of(known: Iterable[str], given: str) -> str:
    """The error about a choice that there is not."""
    known = [*known]
    return f"expected one of {', '.join(known)}, got {given!r}{nearest(given, known)}"


def nearest(name: str, known: Iterable[str]) -> str:
    """What to add to the error about a name that is not known: the nearest that is, or nothing if none is near."""
    by_lower = {k.lower(): k for k in known}
    near = get_close_matches(name.lower(), by_lower, n=1)
    return f"; did you mean {by_lower[near[0]]!r}?" if near else ""


def nearest_file(path: Path) -> str:
    """The same for a file that is not there: the nearest beside it, if its name without the suffix is near too."""
    others = [*path.parent.iterdir()] if path.parent.is_dir() else []
    return nearest(path.name, [other.name for other in others if nearest(path.stem, [other.stem])])


def shortened(message: str) -> str:
    """The message without its middle, if it is very long, as one that shows a value of a hostile file may be."""
    return message if len(message) <= 2 * HALF else f"{message[:HALF]} … {message[-HALF:]}"


def write(path: Path, text: str) -> None:
    """Write a file so that there is always a whole one: the old one until the new one takes its place."""
    with replacing(path) as file:
        file.write(text.encode())


@contextmanager
def replacing(path: Path, before: Path | None = None) -> Iterator[BinaryIO]:
    """A file beside it to write to, which takes its place when all is written and on the disk; else the old one stays.
    A link is followed. What is neither a file nor a link to one, as a device, stays what it is.

    With `before` the old one is kept, under that name.

    Raises:
        OSError: it cannot be written; the error names the file.
    """
    try:
        path = path.resolve()
    except RuntimeError:  # as Python says it until 3.13
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path)) from None
    if path.exists() and not path.is_file():
        raise FileExistsError(errno.EEXIST, "expected a file, or none", str(path))
    part = path.with_name(f"{path.name}.{os.getpid()}.part")  # another process may write the same file
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if before and path.exists():
            path.replace(before)
        part.replace(path)
        _on_disk(path.parent)
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
    finally:
        part.unlink(missing_ok=True)


def _on_disk(folder: Path) -> None:
    """Flush the folder's names. Windows does that itself."""
    if os.name == "posix":
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
