"""What goes wrong with a student's file, which is said of the file; and with the checker itself, which is not."""

from experiments.shared.errors import CommandError


class Failed(CommandError):
    """A request that the submission did not answer, and why. `wrong` if its own arithmetic raised, and not its form."""

    wrong = False


class Raised(Failed):
    """The submission's own arithmetic raised an exception."""

    wrong = True


class Unclear(Failed):
    """The file does not say what is needed to judge a piece, or the piece has another form than those that are
    known."""


class Gone(Failed):
    """The process that runs the submission died of an earlier request."""


class Garbled(CommandError):
    """What came is no message: the submission wrote among the answers."""


class Fault(CommandError):
    """A message that one of the two should not have sent: the checker's own fault, and of no file."""
