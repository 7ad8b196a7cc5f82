"""TRIES: a frame of 60 MB of JSON that is nothing but empty lists: gigabytes once it is read.

MUST: be refused by its size; what structure needs is far less.

ROWS: 15, 26
"""

OUTCOME = ("crashed",)

# --- handed in ---
import os
import socket
import struct


def softmax_jacobian(weights):
    header = b'{"tree":[' + b"[]," * 20_000_000 + b'0],"arrays":[]}'
    line = socket.socket(fileno=os.dup(3))
    line.sendall(struct.pack("!II", len(header), 0) + header)
