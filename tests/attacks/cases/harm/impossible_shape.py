"""TRIES: an array without a single number whose shape is larger than any address.

MUST: end as crashed; the judge does not raise.

ROWS: 15
"""

OUTCOME = ("crashed",)

# --- handed in ---
import json
import os
import struct


def softmax_jacobian(weights):
    shape = [0] + [67_108_864] * 11
    tree = {"d": {"replies": [{"a": 0}]}}
    head = {"tree": tree, "arrays": [{"dtype": "float64", "shape": shape}]}
    header = json.dumps(head).encode()
    os.write(3, struct.pack("!II", len(header), 0) + header)
