"""TRIES: a frame of 60 MB that is nothing but small objects, which take gigabytes once parsed.

MUST: be refused before it is parsed.

ROWS: 13, 25
"""

OUTCOME = ("crashed",)

# --- handed in ---
import os
import socket
import struct


def softmax_jacobian(weights):
    header = b'{"tree":[' + b'{"":0},' * 8_000_000 + b'0],"arrays":[]}'
    line = socket.socket(fileno=os.dup(3))
    line.sendall(struct.pack("!II", len(header), 0) + header)
    return weights
