"""What the documents' networks are trained on."""

from experiments.data.splits import Part, Parts
from manual import documents


def hand_computation() -> Parts:
    """Document A's one example. There is no other, so it is also what the network is judged on."""
    part = Part(*documents.hand_computation()[1:])
    return Parts(part, part, part)


def sine() -> Parts:
    """y = sin(πx)/2 on three grids that have only their end points in common."""
    return Parts(Part(*documents.sine(64)), Part(*documents.sine(63)), Part(*documents.sine(65)))
