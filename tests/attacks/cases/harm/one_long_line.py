"""TRIES: one line of 100 million characters, from Python and from a program.

MUST: keep a bounded part of it.

ROWS: 26
"""

# --- handed in ---
import os

print("x" * 10**8)
!yes yyyyyyyy | head -c 20000000 | tr -d '\n'


def softmax_jacobian(weights):
    os.write(1, b"z" * 10**7)
    print("z" * 10**8)
