"""TRIES: exit(), quit(), SystemExit, KeyboardInterrupt, in the cell and in the answer.

MUST: cost that answer only.

ROWS: 12
"""

# --- handed in ---
import sys

calls = []


def softmax_jacobian(weights):
    calls.append(1)
    if len(calls) % 3 == 0:
        raise KeyboardInterrupt
    if len(calls) % 3 == 1:
        sys.exit(0)
    raise GeneratorExit


exit()
