"""TRIES: to send outputs of its own making over the line, past the recorder and its bounds.

MUST: clean and bound them as all others.

ROWS: 21, 26
"""

# --- handed in ---
import os
import socket

from grader.protocol import wire

evil = "<script>alert(1)</script>"
outputs = [
    {"output_type": "display_data", "data": {"text/html": evil, "image/svg+xml": evil}},
    {"output_type": "stream", "name": evil, "text": "\x1b]0;x\x07" + "x" * 50_000},
    {"output_type": "error", "ename": evil, "evalue": evil, "traceback": [evil] * 9000},
    {"output_type": "update_display_data", "data": {"text/html": evil}, "transient": {}},
    {"output_type": ["stream"], "text": [1, 2]},
    {"output_type": "display_data", "data": {"image/png": [1], "text/plain": {"a": 1}}},
    7,
    None,
] * 30
line = socket.socket(fileno=os.dup(3))
line.sendall(wire.dumps({"outputs": outputs, "error": evil}))


def softmax_jacobian(weights):
    return None
