"""Forms in which the examples are columns, and parameters lie in dicts."""
