"""The data sets, one function each, and the module that hands them out in batches."""

from experiments.data.module import Data
from experiments.data.parts import Part, Parts

__all__ = ["Data", "Part", "Parts"]
