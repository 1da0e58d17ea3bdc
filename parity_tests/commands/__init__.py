"""The proof of what all commands share: help, one-line refusals, output, hostile input, installation."""
