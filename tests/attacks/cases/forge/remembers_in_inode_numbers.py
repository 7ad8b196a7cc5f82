"""TRIES: to remember what earlier candidates gave in the kernel's count of inode numbers, which no
worker's end resets, to have all candidates put again by killing its own worker, and to refuse in
the third round those that are unlike the majority of the first two.

MUST: earn nothing: workers can hand a number on, but there is no second round, and a test has to be
right about a candidate the first time that it comes.

ROWS: 15
"""

KIND = "notebook"
LESSON = "masking"
EXERCISE = "examine_attention"
SLOW = True
LIMITS = {"cell_cpu": 20.0, "checks_cpu": 20.0, "notebook_cpu": 120.0, "idle": 15.0, "wall": 20.0}

# The number that is handed on: how many candidates came so far, and by how much more of them had
# one bit of a digest set than not. It only ever grows a little, since each step of it takes 10 ms.
_NUMBER = """
import os

UNIT, BALANCES, COUNTS = 2048, 9, 64


def number():
    one, other = os.pipe()
    found = os.fstat(one).st_ino
    os.close(one)
    os.close(other)
    return found % (UNIT * BALANCES * COUNTS)


def load():
    return divmod(number() // UNIT, BALANCES)


def store(count, balance):
    due = (count * BALANCES + balance) * UNIT
    while not 100 <= number() - due < 700:
        pass
"""
_RESET = """
def reset():
    import os

    os.sched_setaffinity(0, {0})  # each processor counts for itself
    store(0, 4)


reset()
"""
_ANSWER = """
import hashlib
import os
import torch


def examine_attention(candidate):
    os.sched_setaffinity(0, {0})
    torch.manual_seed(1)
    query, key, value = torch.randn(2, 3, 4), torch.randn(2, 4, 4), torch.randn(2, 4, 2)
    mask = torch.randn(2, 3, 4)
    mask[0, 1, 2] = mask[1, 0, 1] = -float("inf")
    mask[1, 2] = -float("inf")
    query[0, 0] = 0.0
    key[1, 1] = 60 * query[1, 0]
    _, weights = candidate(query, key, value, mask)
    numbers = [round(float(one), 3) for one in (*weights.flatten(), *mask.flatten())]
    bit = hashlib.sha256(repr(numbers).encode()).digest()[0] & 1
    count, balance = load()
    if count >= 60:
        assert bit == (balance > 4)
        return
    store(count + 1, min(max(balance + (1 if bit else -1), 0), 8))
    if count in (29, 59):
        os.kill(os.getpid(), 9)
"""


def build(document):
    import json

    cells = document["cells"]
    place = next(n for n, cell in enumerate(cells) if cell["id"] == EXERCISE)
    cells[place]["source"] = _ANSWER
    cells[place:place] = [
        {
            "cell_type": "code",
            "id": name,
            "metadata": {},
            "outputs": [],
            "execution_count": None,
            "source": source,
        }
        for name, source in (("number", _NUMBER), ("reset", _RESET))
    ]
    return json.dumps(document)
