"""The benchmark's tables, one after the other."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from tqdm import tqdm

from experiments.bench import own_process
from experiments.bench.machine import kernel
from experiments.bench.memory import keep_freed_memory
from experiments.bench.table import Untimed, Void, table
from experiments.bench.workloads import growth, workloads


def run(
    chosen: Sequence[str], threads: Sequence[int], dtypes: Sequence[str], compiled: bool
) -> Iterator[dict[str, Any]]:
    """The tables, one after the other."""
    keep_freed_memory()
    if "steps" in chosen:
        for count in threads:
            for dtype in dtypes:
                with_compiled = compiled and count == 1 and dtype == "float32"
                yield table("steps", count, dtype, bar(workloads(getattr(np, dtype))), with_compiled)
    if [*chosen] == ["kernel"]:
        if kernel().endswith(own_process.HELD["OPENBLAS_CORETYPE"]):
            yield table("kernel", 1, "float32", bar(workloads(np.float32)))
        else:
            why = asdict(Untimed("all of them", f"NumPy's BLAS cannot be held to AVX2 here: {kernel()}"))
            yield table("kernel", 1, "float32", []) | {"untimed": [why]}
    elif "kernel" in chosen:
        done = own_process.again(["kernel", "--format", "json"], own_process.HELD, subprocess.PIPE)
        if not done.stdout:
            raise Void("the table of the kernel was not made")  # its own process has said why
        yield from json.loads(done.stdout)
    if "growth" in chosen:
        yield table("growth", 1, "float32", bar(growth(np.float32)))


def bar(works: Sequence[Any]) -> Any:
    """The workloads, counted on a terminal."""
    return tqdm(works, unit=" workloads", leave=False, disable=None)
