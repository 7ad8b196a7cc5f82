"""TRIES: timers, signals, trace and audit hooks that fire inside the seam and raise there.

MUST: spoil only its own answers.

ROWS: 14
"""

OUTCOME = ("graded", "crashed")

# --- handed in ---
import signal
import sys
import threading


def fire(*_):
    raise KeyboardInterrupt


def softmax_jacobian(weights):
    signal.signal(signal.SIGALRM, fire)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    sys.setprofile(fire)
    threading.settrace(fire)
    sys.addaudithook(fire)
    return weights
