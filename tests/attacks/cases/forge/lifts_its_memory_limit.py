"""TRIES: to lift the limit of memory that a question has, and to answer with a matrix of V x V.

MUST: earn no more than the same answer without that.
"""

LESSON = "mle_language_modeling"
EXERCISE = "embed"
LIMITS = {"cell_cpu": 20, "checks_cpu": 20}
BASELINE = """
import torch.nn.functional as F

def embed(tokens, weight):
    return F.one_hot(tokens, weight.shape[0]).to(weight.dtype) @ weight
"""

# --- handed in ---
import ctypes
import resource

import torch.nn.functional as F


def lift():
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    for number in (most, resource.RLIM_INFINITY):
        for attempt in (resource.setrlimit, lambda *given: resource.prlimit(0, *given)):
            try:
                attempt(resource.RLIMIT_AS, (number, most))
            except (ValueError, OSError):
                pass
    pair = (ctypes.c_ulong * 2)(most, most)
    ctypes.CDLL(None).syscall(160, resource.RLIMIT_AS, pair)
    ctypes.CDLL(None).syscall(302, 0, resource.RLIMIT_AS, pair, None)


def embed(tokens, weight):
    lift()
    return F.one_hot(tokens, weight.shape[0]).to(weight.dtype) @ weight
