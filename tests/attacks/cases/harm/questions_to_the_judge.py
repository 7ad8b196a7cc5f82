"""TRIES: to keep the judge busy with calls of the function that it runs for the student's tests.

MUST: be stopped by its own bounds, not after 5000 frames of 60 MB.

ROWS: 13, 15
"""

LESSON = "masking"
EXERCISE = "examine_attention"
OUTCOME = ("timed_out", "crashed")
LIMITS = {"checks_cpu": 1, "idle": 2}

# --- handed in ---
import os
import socket
import struct


def examine_attention(candidate):
    tree = b'{"d":{"remote":"no such function","args":[{"a":0}],"kwargs":{"d":{}}}}'
    body = bytes(8 << 20)
    shape = b'{"tree":' + tree + b',"arrays":[{"dtype":"uint8","shape":[%d]}]}' % len(body)
    line = socket.socket(fileno=os.dup(3))
    while True:
        line.sendall(struct.pack("!II", len(shape), len(body)) + shape + body)
        line.setblocking(False)
        try:
            line.recv(1 << 20)
        except OSError:
            pass
        line.setblocking(True)
