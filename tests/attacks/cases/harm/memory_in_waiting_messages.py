"""TRIES: messages that wait in one socket: many senders fill it, and are closed again.

MUST: be refused, or end as out of memory.

ROWS: 25
"""

OUTCOME = ("graded", "out_of_memory")
LIMITS = {"worker": {"memory": 402653184}}

# --- handed in ---
import os
import socket
import time

held, kept, block = 0, [], b"x" * (1 << 15)
try:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind("\0waiting")
    listener.listen(4000)
    while held < 600 << 20:
        one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        one.setblocking(False)
        one.connect("\0waiting")
        try:
            while True:
                held += one.send(block)
        except BlockingIOError:
            one.close()
except OSError:
    pass
print("REACHED", [f"{held >> 20} MB"] if held > 402653184 else [])
time.sleep(1)


def softmax_jacobian(weights):
    return None
