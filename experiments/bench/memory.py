"""How much memory a training step takes besides what it cannot do without; and to keep what it frees."""

import ctypes
import tracemalloc
from copy import deepcopy

from experiments.bench.workloads import Workload

KEPT = {-3: 32 * 2**20, -1: 2**30, -2: 64 * 2**20}
"""glibc's M_MMAP_THRESHOLD (the most that it takes), M_TRIM_THRESHOLD and M_TOP_PAD, in bytes; see mallopt(3)."""


def keep_freed_memory() -> None:
    """Let malloc keep what a step frees, for either side: glibc gives large arrays back to the system, and takes them
    anew, page by page, which is an eighth of a transformer block's step by hand. Without glibc nothing is done.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    for option, size in KEPT.items():
        mallopt(option, size)


def besides(work: Workload) -> int:
    """Bytes at most, besides the parameters, their gradient, the optimizer's state, what the tape keeps of the
    activations, and three arrays as large as the largest of them: δ, the δ before it, and one on the way from this to
    that.
    """
    network, loss, optimizer, x, y = deepcopy(work[1:])
    widest, a = 0, x
    for layer in network.layers:
        a, _ = layer.forward(a)
        widest = max(widest, a.nbytes)
    tracemalloc.start()
    kept = most = 0
    for _ in range(2):  # the first step makes the optimizer's state
        tracemalloc.reset_peak()
        prediction, tape = network.forward(x)
        _, cache = loss.forward(prediction, y)
        kept, _ = tracemalloc.get_traced_memory()
        optimizer.step(network, network.gradient(loss.backward(cache), tape))
        _, most = tracemalloc.get_traced_memory()
        del prediction, tape, cache
    tracemalloc.stop()
    gradient = sum(p.nbytes for p in network.params.values())
    return max(0, most - kept - gradient - 3 * widest)
