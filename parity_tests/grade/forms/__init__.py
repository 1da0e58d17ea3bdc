"""What is taken for a forward and a backward."""
