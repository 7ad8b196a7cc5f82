"""TRIES: recursion without end, also with the limit on it raised.

MUST: end as an error or as crashed, for that answer alone.

ROWS: 12
"""

OUTCOME = ("graded", "crashed", "out_of_memory", "timed_out")

# --- handed in ---
import sys


def down(n):
    return down(n + 1) + 1


try:
    down(0)
except RecursionError:
    print("caught")


def softmax_jacobian(weights):
    sys.setrecursionlimit(10**8)
    return down(0)
