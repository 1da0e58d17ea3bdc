"""The commands: train, report, bench, check, find and write.

Each imports for seconds before its `main` can hear Ctrl-C. Until then Ctrl-C ends it without a word, as it does a
program that knows nothing of the signal. Of its standard streams, those that are closed are opened before another
file takes their place. Who imports this package is not concerned.
"""

import signal
import sys
from pathlib import Path

from experiments.shared.streams import open_all

_by_module = sys.argv[:1] == ["-m"] and any(
    "experiments." in word for word in sys.orig_argv
)  # Python is on its way to it
_by_name = Path(*sys.argv[:1]).stem in {
    f"backprop-{name}" for name in ("train", "report", "bench", "check", "find", "write")
}
if _by_module or _by_name:
    open_all()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
