"""TRIES: replies whose fields have the wrong types: grads that are text, a failure that is a list.

MUST: be refused.

ROWS: 15, 20
"""

OUTCOME = ("crashed",)

# --- handed in ---
import json
import os
import struct


def softmax_jacobian(weights):
    fields = {"value": 1, "grads": "none", "args": 3, "failure": [1], "cpu": "0"}
    tree = {"d": {"replies": [{"c": "Reply", "v": fields}] * 9}}
    header = json.dumps({"tree": tree, "arrays": []}).encode()
    os.write(3, struct.pack("!II", len(header), 0) + header)
