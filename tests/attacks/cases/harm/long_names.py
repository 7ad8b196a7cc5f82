"""TRIES: types, keys and lines of source of 200 kB each, for messages that quote them.

MUST: be bounded in every page.

ROWS: 26
"""

# --- handed in ---
from grader.protocol import values, wire
from grader.sandbox.guest import serve

long = "n" * 200_000


def reply(channel, answer):
    odd = values.Reply(value=values.Opaque(long))
    bad = values.Reply(failure=values.Failure("exception", long, "", long))
    many = len(answer.get("replies", []))
    channel.sock.sendall(wire.dumps({"replies": ([odd, bad] * many)[:many]}))


def softmax_jacobian(weights):
    serve._reply = reply
    return {long: 1}
