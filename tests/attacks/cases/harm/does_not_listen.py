"""TRIES: to leave the judge's questions unread until the line is full.

MUST: be ended after a while.

ROWS: 15
"""

OUTCOME = ("crashed", "timed_out")
LIMITS = {"idle": 1}

# --- handed in ---
import os
import socket
import time

line = socket.socket(fileno=os.dup(3))
try:
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
except OSError:  # denied where the judge counts what sockets hold: as much as it takes, then
    pass
from grader.sandbox.guest import serve

real = serve._reply


def reply(channel, answer):
    real(channel, answer)
    time.sleep(10**6)


serve._reply = reply


def softmax_jacobian(weights):
    return None
