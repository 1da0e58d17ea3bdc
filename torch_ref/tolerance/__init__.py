"""How far two right evaluations of one formula may differ: derived, never picked."""
