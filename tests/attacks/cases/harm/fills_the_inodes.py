"""TRIES: empty files and folders without end, and a path deeper than any tool can follow.

MUST: be bounded.

ROWS: 25
"""

LIMITS = {"cell_cpu": 3}

# --- handed in ---
import os

made = 0
try:
    while made < 50000:
        open(f"e{made}", "w").close()
        made += 1
except OSError:
    pass
try:
    for _ in range(2000):
        os.mkdir("d")
        os.chdir("d")
except OSError:
    pass
print("REACHED", [made] if made > 10000 else [])


def softmax_jacobian(weights):
    return None
