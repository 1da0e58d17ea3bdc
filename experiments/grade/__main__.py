"""`python -m experiments.grade`."""

import sys

from experiments.grade.command import main

if __name__ == "__main__":
    sys.exit(main())
