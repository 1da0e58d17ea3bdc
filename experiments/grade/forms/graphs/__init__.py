"""Objects that are wired into a graph: each knows those before it or after it."""
