"""TRIES: to put one example to all candidates before it answers for any, and to refuse the minority.

MUST: earn nothing: a worker is asked about one candidate, and has seen no other.

ROWS: 15
"""

LESSON = "masking"
EXERCISE = "examine_attention"

# --- handed in ---
from collections import Counter

import torch

from grader.protocol import calls
from grader.protocol.values import Failure, Reply


def answers(candidate):
    torch.manual_seed(1)
    query, key, value = torch.randn(2, 3, 4), torch.randn(2, 4, 4), torch.randn(2, 4, 2)
    query[0, 0] = 0.0
    mask = torch.randn(2, 3, 4)
    mask[0, 1, 2] = mask[1, 0, 1] = -float("inf")
    mask[1, 2] = -float("inf")
    key[1, 1] = 60 * query[1, 0]
    _, weights = candidate(query, key, value, mask)
    return repr([round(float(number), 3) for number in (*weights.flatten(), *mask.flatten())])


def ask(self, asks):
    asks = list(asks)
    found = [answers(self.callbacks(one.args[0].key)) for one in asks]
    most = Counter(found).most_common(1)[0][0]
    odd = Reply(failure=Failure("exception", "AssertionError"))
    return [Reply() if one == most else odd for one in found]


calls.DirectCalls.ask = ask


def examine_attention(candidate):
    raise AssertionError
