"""Right implementations that do it another way, and right layers that `manual` lacks: all must be accepted."""
