"""`python -m experiments.train`."""

from experiments.train.command import main

if __name__ == "__main__":
    main()
