"""TRIES: to change libraries, caches and random state in memory for the submission after it.

MUST: change nothing there; each worker is a fork of an untouched process.

ROWS: 17
"""

TWICE = True

# --- handed in ---
import builtins
import random

import numpy as np
import torch

print("REACHED", [1] if hasattr(builtins, "left_behind") else [])
builtins.left_behind = True
np.exp = torch.softmax = torch.matmul = torch.Tensor.__matmul__ = lambda *a, **k: 0
np.set_printoptions(precision=1)
np.seterr(all="raise")
torch.set_default_dtype(torch.float64)
torch.set_num_threads(2)
torch.manual_seed(0)
random.seed(0)


def softmax_jacobian(weights):
    return None
