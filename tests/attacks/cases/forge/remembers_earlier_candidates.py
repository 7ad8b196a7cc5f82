"""TRIES: to remember what earlier candidates gave, in names, files and shared memory, and to refuse
those that differ from most so far.

MUST: earn nothing: whatever a test keeps ends with its worker.

ROWS: 15
"""

LESSON = "masking"
EXERCISE = "examine_attention"

# --- handed in ---
import mmap
import os
from collections import Counter

import torch

notes = []
shared = mmap.mmap(-1, 1 << 16)


def remember(line):
    notes.append(line)
    for path in ("notes", "/tmp/notes", "/dev/shm/notes", os.path.expanduser("~/notes")):
        try:
            with open(path, "a") as file:
                file.write(line + "\n")
        except OSError:
            pass
    shared.write((line + "\n").encode())


def remembered():
    found = list(notes)
    for path in ("notes", "/tmp/notes", "/dev/shm/notes", os.path.expanduser("~/notes")):
        try:
            found = max(found, open(path).read().splitlines(), key=len)
        except OSError:
            pass
    return max(found, shared[: shared.tell()].decode().splitlines(), key=len)


def examine_attention(candidate):
    torch.manual_seed(1)
    query, key, value = torch.randn(2, 3, 4), torch.randn(2, 4, 4), torch.randn(2, 4, 2)
    mask = torch.randn(2, 3, 4)
    mask[0, 1, 2] = mask[1, 0, 1] = -float("inf")
    _, weights = candidate(query, key, value, mask)
    remember(repr([round(float(number), 3) for number in weights.flatten()]))
    counts = Counter(remembered()).most_common()
    assert counts[0][1] == 1 or notes[-1] == counts[0][0]
