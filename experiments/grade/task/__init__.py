"""What an assignment expects: read from its file, and held against what was handed in."""
