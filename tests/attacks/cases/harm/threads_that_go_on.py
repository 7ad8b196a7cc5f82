"""TRIES: threads that go on writing into results, arguments and the socket while it is checked.

MUST: earn nothing and spoil only its own answers.

ROWS: 16
"""

OUTCOME = ("graded", "crashed", "timed_out")

# --- handed in ---
import threading

import torch

results = []


def meddle():
    while True:
        for tensor in results:
            tensor.fill_(float("nan"))


for _ in range(3):
    threading.Thread(target=meddle, daemon=True).start()


def softmax_jacobian(weights):
    results.append(torch.zeros(len(weights), len(weights)))
    return results[-1]
