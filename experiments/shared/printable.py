"""Names and messages as one line of text that a terminal can show."""

FORMULA = tuple("=+-@＝＋－＠")
"""What a spreadsheet computes begins with one of these."""


def printable(text: object) -> str:
    """A text for one line: what cannot be printed, or turns the direction of writing, is escaped."""
    return "".join(map(_escaped, str(text)))


def one_line(text: object) -> str:
    """A message without its breaks of line; what an error says, too."""
    return " ".join(str(text).split())


def cell(text: object) -> str:
    """A text for a spreadsheet: one line, and no formula."""
    shown = printable(text)
    return f"'{shown}" if shown.lstrip().startswith(FORMULA) else shown


def _escaped(c: str) -> str:
    if c.isprintable():
        return c
    return f"\\x{ord(c) - 0xDC00:02x}" if "\udc80" <= c <= "\udcff" else c.encode("unicode_escape").decode()  # a byte
