"""Compute in one thread per process: with tiny tensors, thread pools cost more than they save."""

from __future__ import annotations

import os
import sys


def one_thread() -> None:
    """Make NumPy and torch compute in one thread; NumPy only if it is imported afterwards."""
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
