"""Names and messages as one line of text that a terminal can show."""


def printable(text: object) -> str:
    """A text for one line: what cannot be printed, or turns the direction of writing, is escaped."""
    return "".join(map(_escaped, str(text)))


def _escaped(c: str) -> str:
    if c.isprintable():
        return c
    return f"\\x{ord(c) - 0xDC00:02x}" if "\udc80" <= c <= "\udcff" else c.encode("unicode_escape").decode()  # a byte
