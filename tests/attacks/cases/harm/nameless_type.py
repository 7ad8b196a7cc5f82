"""TRIES: an object in the frame whose type is no name at all.

MUST: end as crashed; the judge does not raise.

ROWS: 15
"""

OUTCOME = ("crashed",)

# --- handed in ---
import json
import os
import struct


def softmax_jacobian(weights):
    header = json.dumps({"tree": {"c": ["Reply"], "v": {}}, "arrays": []}).encode()
    os.write(3, struct.pack("!II", len(header), 0) + header)
