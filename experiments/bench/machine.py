"""What the times depend on: the processor, which kernels each side runs on it, and the code."""

import platform
import re
import subprocess
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_info


def machine() -> dict[str, str]:
    """The processor, and the kernels of both sides."""
    cpuinfo = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", cpuinfo.read_text("utf-8")) if cpuinfo.exists() else []
    mkl = re.search(r"Math Kernel Library Version [\d.]+|BLAS_INFO=\w+", torch.__config__.show())
    return {
        "CPU": names[0] if names else platform.processor() or platform.machine(),
        "NumPy": f"{np.__version__}, {kernel()}",
        "torch": f"{torch.__version__}, {mkl[0] if mkl else 'BLAS unknown'}, {torch.backends.cpu.get_cpu_capability()}",
    }


def kernel() -> str:
    """The BLAS that NumPy calls, and which of its kernels it runs here."""
    loaded = [library for library in threadpool_info() if library["user_api"] == "blas"]
    blas = min(
        loaded, key=lambda library: "numpy" not in library["filepath"], default={}
    )  # SciPy may have loaded another
    return (
        f"{blas.get('internal_api', 'BLAS')} {blas.get('version', 'unknown')}, kernel "
        f"{blas.get('architecture', 'unknown')}"
    )


def commit() -> str:
    """The commit of the code, and whether the code was changed since, if git knows."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", Path(__file__).parent, *arguments]
        return subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout.strip()

    try:
        git("ls-files", "--error-unmatch", Path(__file__).name)  # installed, it may lie in somebody else's checkout
        return git("rev-parse", "--short", "HEAD") + (", with changes since" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return "not known: git is not there, or this is not a checkout"
