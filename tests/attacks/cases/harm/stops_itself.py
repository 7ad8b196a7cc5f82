"""TRIES: to wait for something that never comes: a read, a lock, a child that is stopped.

MUST: be stopped for doing nothing.

ROWS: 13
"""

OUTCOME = ("timed_out",)
NO_PROCESSES = ("graded",)
LIMITS = {"idle": 1}

# --- handed in ---
import os
import signal
import threading

child = os.fork()
if child == 0:
    os.kill(os.getpid(), signal.SIGSTOP)
lock = threading.Lock()
lock.acquire()


def softmax_jacobian(weights):
    os.waitpid(child, 0)
    lock.acquire()
