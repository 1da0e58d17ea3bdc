"""The rules: the name of an ATen operation, with its overload where that matters, -> a function of arrays.

A rule takes the operation's arguments by ATen's names, and writes it with NumPy's functions, which every number type
has. To add one, enter it into the table of its kind.
"""

from collections.abc import Callable
from typing import Any

from torch_ref.program.operations.arithmetic import ARITHMETIC
from torch_ref.program.operations.choices import CHOICES
from torch_ref.program.operations.functions import FUNCTIONS
from torch_ref.program.operations.linear_algebra import LINEAR_ALGEBRA
from torch_ref.program.operations.moves import MOVES
from torch_ref.program.operations.new_arrays import NEW_ARRAYS
from torch_ref.program.operations.of_complex import MAKES_COMPLEX, OF_COMPLEX
from torch_ref.program.operations.orders import ORDERS
from torch_ref.program.operations.pictures.pooling import POOLING
from torch_ref.program.operations.pictures.resampling import RESAMPLING
from torch_ref.program.operations.pictures.windows import WINDOWS
from torch_ref.program.operations.reductions import REDUCTIONS
from torch_ref.program.operations.reverted import REVERTED
from torch_ref.program.operations.scattered import SCATTERED
from torch_ref.program.operations.special import SPECIAL
from torch_ref.program.operations.steps import STEPS

__all__ = ["OF_COMPLEX", "OPERATIONS"]
OPERATIONS: dict[str, Callable[..., Any]] = {
    **ARITHMETIC,
    **FUNCTIONS,
    **SPECIAL,
    **REVERTED,
    **STEPS,
    **ORDERS,
    **REDUCTIONS,
    **CHOICES,
    **MOVES,
    **NEW_ARRAYS,
    **WINDOWS,
    **POOLING,
    **RESAMPLING,
    **MAKES_COMPLEX,
    **LINEAR_ALGEBRA,
    **SCATTERED,
}
