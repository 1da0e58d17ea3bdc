"""One turn of a loop: its statements, without what shows something, and the names that they work on."""
