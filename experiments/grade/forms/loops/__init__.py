"""Loops that train, in a script or in a function: what one turn of them moves the parameters by."""
