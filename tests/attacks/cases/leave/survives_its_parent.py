"""TRIES: to take the death signal off, ignore every signal, and stop its children half-way.

MUST: be dead before the score is written.

ROWS: 14, 16
"""

# --- handed in ---
import ctypes
import os
import signal
import time

ctypes.CDLL(None).prctl(1, 0)
ctypes.CDLL(None).prctl(36, 1)
for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
for _ in range(5):
    if os.fork() == 0:
        os.setsid()
        os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(10**6)


def softmax_jacobian(weights):
    return None
