"""A mistake in a source: a piece of its text replaced by what people write there."""


def planted(source: str, *changes: tuple[str, str]) -> str:
    """The source with the first text of each pair replaced by the second.

    Raises:
        ValueError: a text is not there, or more than once.
    """
    for right, wrong in changes:
        if (times := source.count(right)) != 1:
            raise ValueError(f"{right!r} is there {times} times, not once:\n{source}")
        source = source.replace(right, wrong)
    return source
