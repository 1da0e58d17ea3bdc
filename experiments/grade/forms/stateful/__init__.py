"""Classes that keep on themselves what a pass leaves behind."""
