"""TRIES: to hand a number on to the submission that is graded next, in the kernel's count of inode
numbers.

MUST: earn nothing: the number arrives, as SECURITY.md says, and is neither an answer nor a mark.

ROWS: 15
"""

TWICE = True
LIMITS = {"cell_cpu": 10.0, "notebook_cpu": 30.0}

# --- handed in ---
import os

UNIT, STATES = 2048, 32
os.sched_setaffinity(0, {0})


def number():
    one, other = os.pipe()
    found = os.fstat(one).st_ino
    os.close(one)
    os.close(other)
    return found % (UNIT * STATES)


found = number() // UNIT
print("found", found)
while not 100 <= number() - (found * 7 + 3) % STATES * UNIT < 700:
    pass


def softmax_jacobian(weights):
    return None
