"""The causes that a repair shows."""
