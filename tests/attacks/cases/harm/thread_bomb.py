"""TRIES: threads without end.

MUST: be bounded, and take nobody else down.

ROWS: 25
"""

LIMITS = {"cell_cpu": 1, "idle": 1.5, "worker": {"processes": 24}}

# --- handed in ---
import threading

gate = threading.Event()
threads = []
try:
    while len(threads) < 5000:
        threads.append(threading.Thread(target=gate.wait, daemon=True))
        threads[-1].start()
except RuntimeError:
    pass
print("REACHED", [len(threads)] if len(threads) > 40 else [])


def softmax_jacobian(weights):
    return None
