"""TRIES: to leave answers in the socket before the questions are asked.

MUST: earn nothing and spoil nothing.

ROWS: 15
"""

# --- handed in ---
import os
import socket

import numpy as np

from grader.protocol import wire
from grader.protocol.values import Reply, Tensor

line = socket.socket(fileno=os.dup(3))
guess = Reply(value=Tensor(np.zeros((2, 2), np.float32)))
for _ in range(20):
    line.sendall(wire.dumps({"replies": [guess] * 12}))
    line.sendall(wire.dumps({"outputs": [], "error": ""}))


def softmax_jacobian(weights):
    return None
