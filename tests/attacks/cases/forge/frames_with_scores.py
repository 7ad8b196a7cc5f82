"""TRIES: to answer the judge's questions itself, with scores, verdicts and passed checks in the frame.

MUST: earn nothing; a frame holds replies, and only data in them.

ROWS: 15
"""

# --- handed in ---
import os

from grader.protocol import values, wire
from grader.sandbox.guest import serve

verdict = {"score": 100.0, "passed": True, "verdict": "passed", "outcome": "graded"}
real = serve._reply


def reply(channel, answer):
    many = len(answer.get("replies", []))
    channel.sock.sendall(wire.dumps(verdict | {"replies": [verdict] * many, "outputs": []}))


serve._reply = reply
assert os.path.exists("/proc/self/fd/3")


def softmax_jacobian(weights):
    return values.Verdict("softmax_jacobian", 3.0, 3.0, True, ())
