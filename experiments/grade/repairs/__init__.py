"""The cause of a difference, shown by a repair: one change of the file's own text with which all of a piece agrees."""
