"""`backprop-check`: which quantity of a hand-written backward is wrong, and why."""
