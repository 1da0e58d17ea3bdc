"""The verdict on each piece: against torch, against the certified truth, at every argument."""
