"""TRIES: children that execute Python anew: what every fork has in common is not theirs.

MUST: end as out of memory; nothing that they hold is taken off.

ROWS: 25
"""

OUTCOME = ("out_of_memory", "graded")
LIMITS = {"idle": 20, "cell_cpu": 20, "worker": {"memory": 805306368, "processes": 24}}

# --- handed in ---
import subprocess
import sys
import time

code = "import os, time; x = bytearray(os.urandom(1 << 20) * 120); print(1, flush=True); time.sleep(60)"
try:
    for _ in range(8):
        child = subprocess.Popen([sys.executable, "-I", "-c", code], stdout=subprocess.PIPE)
        child.stdout.readline()
    time.sleep(1)
    print("REACHED", ["8 x 120 MB"])
except OSError:
    pass


def softmax_jacobian(weights):
    return None
