"""`python -m experiments.find`."""

import sys

from experiments.find.command import main

if __name__ == "__main__":
    sys.exit(main())
