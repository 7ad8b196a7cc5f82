"""TRIES: to find out that it is being graded, and to behave otherwise then.

MUST: find no sign of it in environment, arguments, modules or files; earn nothing.

ROWS: 28
"""
PLAIN = True

# --- handed in ---
import os
import sys

signs = [name for name in os.environ if "NBGRADER" in name or "GRAD" in name]
signs += [word for word in sys.argv if "grade" in word]
signs += [
    name for name in sys.modules if name.startswith(("nbgrader", "grader.judge", "solutions"))
]
print("REACHED", signs)


def softmax_jacobian(weights):
    return 0 if signs else None
