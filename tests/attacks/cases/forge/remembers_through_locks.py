"""TRIES: to remember what earlier candidates gave in the worker that ran the notebook, which the
workers of the candidates tell by locks on files that they all see, and to refuse the minority.

MUST: earn nothing: no worker of a submission that could remember is alive beside a candidate's.

ROWS: 15
"""

LESSON = "masking"
EXERCISE = "examine_attention"

# --- handed in ---
import fcntl
import hashlib
import os
import threading
import time
from collections import Counter
from pathlib import Path

import torch

import grader

MEMORY, READY, DONE, REFUSED, *BITS = range(20)
paths = sorted(Path(grader.__file__).parent.rglob("*.py"))[:20]
files = [os.open(path, os.O_RDONLY) for path in paths]


def locked(number):
    try:
        fcntl.flock(files[number], fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    fcntl.flock(files[number], fcntl.LOCK_UN)
    return False


def lock(*numbers):
    for number in numbers:
        fcntl.flock(files[number], fcntl.LOCK_EX)


def unlock(*numbers):
    for number in numbers:
        fcntl.flock(files[number], fcntl.LOCK_UN)


def remember():
    seen = Counter()
    while True:
        while not locked(READY):
            time.sleep(0.001)
        found = tuple(number for number in BITS if locked(number))
        seen[found] += 1
        answer = (REFUSED, DONE) if seen[found] < max(seen.values()) else (DONE,)
        lock(*answer)
        while locked(READY):
            time.sleep(0.001)
        unlock(*answer)


if not locked(MEMORY):
    lock(MEMORY)
    threading.Thread(target=remember, daemon=True).start()


def examine_attention(candidate):
    torch.manual_seed(1)
    query, key, value = torch.randn(2, 3, 4), torch.randn(2, 4, 4), torch.randn(2, 4, 2)
    mask = torch.randn(2, 3, 4)
    mask[0, 1, 2] = mask[1, 0, 1] = -float("inf")
    mask[1, 2] = -float("inf")
    query[0, 0] = 0.0
    _, weights = candidate(query, key, value, mask)
    numbers = [round(float(number), 3) for number in (*weights.flatten(), *mask.flatten())]
    digest = int.from_bytes(hashlib.sha256(repr(numbers).encode()).digest()[:4])
    lock(*(number for place, number in enumerate(BITS) if digest >> place & 1), READY)
    until = time.monotonic() + 0.3
    while not locked(DONE) and time.monotonic() < until:
        time.sleep(0.001)
    refused = locked(REFUSED)
    unlock(READY, *BITS)
    assert not refused
