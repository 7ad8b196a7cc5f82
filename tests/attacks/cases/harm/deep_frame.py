"""TRIES: a frame nested 100 000 levels deep.

MUST: end as crashed.

ROWS: 15
"""

OUTCOME = ("crashed",)

# --- handed in ---
import os
import socket
import struct


def softmax_jacobian(weights):
    header = b'{"tree":' + b"[" * 100_000 + b"]" * 100_000 + b',"arrays":[]}'
    line = socket.socket(fileno=os.dup(3))
    line.sendall(struct.pack("!II", len(header), 0) + header)
