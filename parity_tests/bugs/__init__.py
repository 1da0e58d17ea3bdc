"""Mistakes that people make in backpropagation by hand, by what they break, and what is right in an unusual way.

Each is a few lines that replace the right ones. A mistake is added as people make it, not as the diagnosis can name
it. Those with devices, in `devices.py`, need the trainer, and are registered when that file is imported.
"""

from importlib import import_module
from pkgutil import walk_packages

from parity_tests.bugs.registry import BUGS, UNUSUAL

__all__ = ["BUGS", "UNUSUAL"]

for module in walk_packages(__path__, f"{__name__}."):
    if not module.name.endswith(".devices"):
        import_module(module.name)
