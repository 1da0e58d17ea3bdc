"""The proof of `python -m experiments.grade`: the verdicts, and what they rest on."""
