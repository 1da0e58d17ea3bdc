"""`python -m experiments.write`."""

import sys

from experiments.write import main

if __name__ == "__main__":
    sys.exit(main())
