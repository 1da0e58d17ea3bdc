"""The posts' steps on the page: to walk, to play with, to hand out."""
