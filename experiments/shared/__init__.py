"""What the commands have in common: errors, printing, the model file, and files that may be hostile."""
