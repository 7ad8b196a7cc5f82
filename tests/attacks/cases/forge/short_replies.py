"""TRIES: fewer and more replies than questions, so that the rest is not compared.

MUST: earn nothing.

ROWS: 15
"""

# --- handed in ---
from grader.sandbox.guest import serve

real = serve._reply


def reply(channel, answer):
    if "replies" in answer:
        answer = {"replies": []}
    real(channel, answer)


serve._reply = reply


def softmax_jacobian(weights):
    return None
