"""The certified derivative of a forward, by dual numbers over balls and rationals. None of it needs torch."""
