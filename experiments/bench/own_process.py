"""The benchmark in a process of its own, where OpenBLAS finds its variables as the benchmark wants them.

OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE change how NumPy multiplies, which reads them when it loads.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

OPENBLAS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
HELD = {"OPENBLAS_CORETYPE": "Haswell"}  # OpenBLAS's name of its AVX2 kernel
ROOT = Path(__file__).parents[2]


def has(wanted: dict[str, str]) -> bool:
    """Whether this process has these variables of OpenBLAS and no others."""
    return {name: os.environ[name] for name in OPENBLAS if name in os.environ} == wanted


def again(
    arguments: Sequence[str], wanted: dict[str, str], stdout: int | None = None
) -> subprocess.CompletedProcess[str]:
    """The benchmark in a process that has these variables of OpenBLAS and no others."""
    environment = {name: value for name, value in os.environ.items() if name not in OPENBLAS} | wanted
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    # -P: not another's `experiments`, where the user is
    command = [sys.executable, "-P", "-m", "experiments.bench", *arguments]
    return subprocess.run(command, env=environment, stdout=stdout, text=True, check=False)
