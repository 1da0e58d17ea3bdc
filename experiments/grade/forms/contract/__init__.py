"""The forms of this project's own: its contract for classes and functions, and torch's for a Function."""
