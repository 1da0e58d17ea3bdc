"""What is written for torch's own differentiation: Functions with a backward by hand, and the modules that use them."""
