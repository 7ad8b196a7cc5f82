"""TRIES: to lift the limit of memory that a question has, and to answer with half a matrix of V x V.

MUST: earn no more than the same answer without that.
"""

LESSON = "mle_language_modeling"
EXERCISE = "embed"
LIMITS = {"cell_cpu": 20, "checks_cpu": 20}
BASELINE = """
import torch

def embed(tokens, weight):
    halves = [
        (half[:, None] == torch.arange(weight.shape[0])).nonzero()[:, 1]
        for half in tokens.reshape(-1).chunk(2)
    ]
    return weight[torch.cat(halves)].reshape(*tokens.shape, weight.shape[1])
"""

# --- handed in ---
import ctypes
import resource

import torch


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
    halves = [
        (half[:, None] == torch.arange(weight.shape[0])).nonzero()[:, 1]
        for half in tokens.reshape(-1).chunk(2)
    ]
    return weight[torch.cat(halves)].reshape(*tokens.shape, weight.shape[1])
