"""TRIES: a process started earlier, which no question's limit of memory holds, as a calculator.

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
import multiprocessing
import os

import numpy as np
import torch


def dense(tokens, weight):
    halves = [
        (half[:, None] == torch.arange(weight.shape[0])).nonzero()[:, 1]
        for half in tokens.reshape(-1).chunk(2)
    ]
    return weight[torch.cat(halves)].reshape(*tokens.shape, weight.shape[1])


def serve(line):
    while True:
        tokens, weight = line.recv()
        try:
            line.send(dense(torch.from_numpy(tokens), torch.from_numpy(weight)).numpy())
        except BaseException as error:
            line.send(repr(error))


ours, theirs = multiprocessing.Pipe()
try:
    if os.fork() == 0:
        serve(theirs)
    helped = True
except OSError:
    helped = False


def embed(tokens, weight):
    if not helped or weight.requires_grad:
        return dense(tokens, weight)
    ours.send((tokens.numpy(), weight.numpy()))
    answer = ours.recv()
    if isinstance(answer, str):
        raise MemoryError(answer)
    return torch.from_numpy(np.asarray(answer))
