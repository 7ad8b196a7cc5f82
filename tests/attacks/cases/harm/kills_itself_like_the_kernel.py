"""TRIES: to pass for a process that the kernel killed for want of memory, and to be run again for it.

MUST: be called what it is, a process that was killed by signal 9, after a bounded number of tries.

ROWS: 12, 15
"""

OUTCOME = ("crashed",)
NO_PROCESSES = ("graded",)  # and sends no signal

# --- handed in ---
import os
import signal

kept = bytearray(200_000_000)
os.kill(os.getpid(), signal.SIGKILL)


def softmax_jacobian(weights):
    return None
