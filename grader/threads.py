"""One thread for each process: pools of threads cost more than they give with tiny tensors."""

from __future__ import annotations

import os
import sys


def one_thread() -> None:
    """Let NumPy and torch compute in one thread; NumPy only if it is imported after this."""
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
