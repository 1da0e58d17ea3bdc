"""What the commands have in common: errors, printing, and files that may be hostile."""
