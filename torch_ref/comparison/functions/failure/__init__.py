"""What failed: the line that it comes from, small inputs that show it, and a test that is kept."""
