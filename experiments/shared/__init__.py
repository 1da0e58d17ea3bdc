"""What the commands have in common: errors, tables, printing, files that nobody vouches for."""
