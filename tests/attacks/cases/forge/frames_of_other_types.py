"""TRIES: to send a CheckSuite, a Check or a Misconception where a Reply is expected.

MUST: earn nothing; the frame is refused.

ROWS: 15
"""

# --- handed in ---
from grader.protocol import values, wire
from grader.sandbox.guest import serve

check = values.Check("all", "", (), "equal", {}, False, 1)


def reply(channel, answer):
    battery = values.CheckSuite("softmax_jacobian", 1000.0, (check,))
    channel.sock.sendall(wire.dumps({"replies": [battery] * len(answer.get("replies", []))}))


def softmax_jacobian(weights):
    serve._reply = reply
