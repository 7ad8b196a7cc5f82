"""TRIES: to read the solutions, the specifications, the salt and the gradebook from disk.

MUST: find no such file; the worker's world has none of them.

ROWS: 15, 18
"""
PLAIN = True

REACHES = True

# --- handed in ---
import os

found = []
for path in (
    "@COURSE@/solutions/self_attention/__init__.py",
    "@COURSE@/solutions/self_attention/checks.py",
    "@COURSE@/gradebook.db",
    "../../../gradebook.db",
    "../../../source",
    "@SALT@",
    "@SOLUTIONS@",
):
    try:
        found.append(open(path, "rb").read(200))
    except OSError:
        pass
try:
    found += os.listdir("@COURSE@/solutions") + os.listdir("@FOLDER@")
except OSError:
    pass
print("REACHED", found)


def softmax_jacobian(weights):
    return None
