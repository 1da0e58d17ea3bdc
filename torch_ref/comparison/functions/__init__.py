"""A function of one's own, with a backward of its own, against a reference in torch: see ../check_backward.py."""
