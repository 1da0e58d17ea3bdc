"""The forms in which people write a backward: how each is recognised, and how it runs."""
