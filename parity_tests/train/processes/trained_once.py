"""Imported by the process that `forks` forks, before it does: torch and Lightning, and a first run, which imports the
rest."""

from tempfile import TemporaryDirectory

from experiments.train import command as train

with TemporaryDirectory() as folder:
    train.run(["fit", "--config=two_two_one", "--trainer.max_epochs=1", f"--out={folder}"])
