"""What every number type needs: the types, checks of what is given, windows, correlation, sums with a name."""
