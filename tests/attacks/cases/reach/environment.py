"""TRIES: to read secrets from its environment and from those of other processes.

MUST: see a clean environment.

ROWS: 18, 28
"""
PLAIN = True

# --- handed in ---
import glob
import os

found = [value for name, value in os.environ.items() if "SECRET" in name or "CANARY" in value]
for path in glob.glob("/proc/[0-9]*/environ") + ["/proc/@JUDGE@/environ", "/proc/@WARM@/environ"]:
    try:
        text = open(path, "rb").read()
    except OSError:
        continue
    if b"CANARY" in text:
        found.append(path)
print("REACHED", found)


def softmax_jacobian(weights):
    return None
