"""`python -m experiments.find`."""

import sys

from experiments.find import main

if __name__ == "__main__":
    sys.exit(main())
