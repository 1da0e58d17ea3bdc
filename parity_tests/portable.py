"""Everything that computes, under other kernels on this machine: `make portable`.

A sum may be taken in any order, and a processor takes its own. Here OpenBLAS, torch and NumPy are told to compute as
on other processors, with one thread and with two, and the tests of what computes run under each of these settings, in
a process of its own. What this processor cannot do is left out, in one line. Exit status 1 if any test fails.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy._core import _multiarray_umath as umath  # pyright: ignore[reportPrivateImportUsage, reportAttributeAccessIssue]

ROOT = Path(__file__).parents[1]
TESTS = (
    "comparison/",
    "comparison/functions/",
    "program/",
    "audit/",
    "diagnosis/",
    "tolerance/",
    "truth/",
    "twins/",
    "manual/",
    "posts/",
    "report/",
    "report/steps/",
    "grade/",
    "grade/forms/",
    "grade/judging/",
    "grade/process/",
    "grade/shown/",
    "data/augment",
    "data/birds",
    "data/images",
    "find/find",
    "train/training",
    "train/regularised",
    "train/processes/shares",
    "commands/readme",
)
"""The files of tests that compute, as patterns, or a room with all of its files; slow tests are run, too."""

VARIABLES = (
    "OPENBLAS_CORETYPE",
    "ATEN_CPU_CAPABILITY",
    "NPY_DISABLE_CPU_FEATURES",
    "NPY_ENABLE_CPU_FEATURES",
    "MKL_CBWR",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NVPL_BLAS_DEBUG_CPU_TYPE",
)
"""What decides how a library computes; in a setting it is as the setting has it, or not there."""

OPENBLAS = {"Haswell": "AVX2", "Zen": "AVX2", "Nehalem": "SSE42"}
"""OpenBLAS's name of a kernel -> the feature that a processor needs for it, as NumPy calls it."""
ATEN = {"avx2": "AVX2", "default": "SSE"}
"""The same of torch."""
AVX2 = {"AVX2", "FMA3", "X86_V3"}

PARALLEL = ["--numprocesses=auto", "--dist=loadgroup"]

KERNELS = """
import numpy, torch
from numpy._core import _multiarray_umath as umath
from threadpoolctl import threadpool_info
loaded = [library for library in threadpool_info() if library["user_api"] == "blas"]
blas = min(loaded, key=lambda library: "numpy" not in library["filepath"], default={})
dispatched = [name for name in umath.__cpu_dispatch__ if umath.__cpu_features__[name]]
print(blas.get("architecture", "unknown"), torch.backends.cpu.get_cpu_capability(), (dispatched or ["baseline"])[-1],
      blas.get("num_threads"), torch.get_num_threads(), sep=", ")
"""
"""What is in use: OpenBLAS's kernel, torch's, NumPy's best, and the threads of the two."""


class Setting(NamedTuple):
    """A name, and the environment variables that make it."""

    name: str
    variables: dict[str, str]


def settings() -> Iterator[Setting]:
    """The settings: the processor as it is, AVX2 in two ways, and SSE alone, each with one thread and with two."""
    baseline, narrow = " ".join(dispatched()), " ".join(name for name in dispatched() if name not in AVX2)
    for threads in "1", "2":
        for name, openblas, aten, disabled in (
            ("as it is", "", "", ""), ("AVX2", "Haswell", "avx2", narrow), ("AVX2, Zen", "Zen", "avx2", narrow),
            ("SSE", "Nehalem", "default", baseline),
        ):  # fmt: skip
            chosen = zip(VARIABLES, (openblas, aten, disabled), strict=False)
            yield Setting(
                f"{name}, {threads} threads", {"OMP_NUM_THREADS": threads} | {key: v for key, v in chosen if v}
            )


def dispatched() -> list[str]:
    """The features that NumPy chooses by, of those that this processor has; their names depend on NumPy's version."""
    return [name for name in umath.__cpu_dispatch__ if umath.__cpu_features__.get(name)]


def lacking(setting: Setting) -> str:
    """The feature that a setting needs and this processor lacks, if there is one."""
    openblas, aten = (setting.variables.get(name, "") for name in VARIABLES[:2])
    needed = (OPENBLAS.get(openblas), ATEN.get(aten))
    return next((name for name in needed if name and not umath.__cpu_features__.get(name)), "")


def environment(setting: Setting) -> dict[str, str]:
    """The environment of a process under a setting: nothing else in it decides how a library computes."""
    kept = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    return kept | setting.variables | {"PYTHONPATH": str(ROOT)}


def kernels(setting: Setting) -> str:
    """The kernels that are in use under a setting."""
    words = [sys.executable, "-W", "error", "-c", KERNELS]
    return subprocess.run(
        words, env=environment(setting), check=True, capture_output=True, encoding="utf-8"
    ).stdout.strip()


def files(patterns: Iterable[str]) -> Iterator[str]:
    """The files of tests that the patterns name, each once; a LookupError where one names none."""
    found: dict[str, None] = {}
    for pattern in patterns:
        room, _, name = pattern.rpartition("/")
        paths = sorted(ROOT.glob(f"parity_tests/{room or '**'}/test_{name or '*'}.py"))
        if not paths:
            raise LookupError(f"no file is called parity_tests/{room or '**'}/test_{name or '*'}.py")
        found |= dict.fromkeys(path.relative_to(ROOT).as_posix() for path in paths)
    yield from found


def passes(setting: Setting, tests: Iterable[str]) -> bool:
    """Whether these tests pass under a setting; where not, what pytest says is printed."""
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *PARALLEL, *tests]
    done = subprocess.run(
        words, env=environment(setting), cwd=ROOT, capture_output=True, encoding="utf-8", errors="replace"
    )
    if done.returncode:
        print(done.stdout[-20_000:], done.stderr[-2_000:], sep="\n")
    return done.returncode == 0


def main(arguments: list[str]) -> int:
    """Run the tests, or those that are given, under every setting, and print a row for each; 1 if any fails."""
    tests = arguments or [*files(TESTS)]
    failed = 0
    print(f"NumPy {np.__version__}; OpenBLAS's kernel, torch's, NumPy's best, the threads of both; then the tests")
    for setting in settings():
        if feature := lacking(setting):
            print(f"{setting.name}: left out, this processor lacks {feature}")
            continue
        start, used = time.monotonic(), kernels(setting)
        good = passes(setting, tests)
        failed += not good
        print(f"{setting.name}: {used}: {'passed' if good else 'FAILED'}, {time.monotonic() - start:.0f} s", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
