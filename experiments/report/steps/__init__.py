"""The posts' training steps, number by number: to walk through, to play with, to hand out."""
