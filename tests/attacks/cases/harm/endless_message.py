"""TRIES: an error whose message raises, is huge, or never ends.

MUST: be bounded.

ROWS: 13, 26
"""

OUTCOME = ("timed_out", "graded")
LIMITS = {"checks_cpu": 1}

# --- handed in ---
calls = []


class Odd(Exception):
    def __str__(self):
        calls.append(1)
        if len(calls) == 1:
            raise Odd
        if len(calls) == 2:
            return "x" * 10**8
        while True:
            pass


def softmax_jacobian(weights):
    raise Odd
