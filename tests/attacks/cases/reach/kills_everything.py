"""TRIES: to kill every process it can name: all, its group, its parent, the judge.

MUST: kill nothing but itself; the judge and the next submission go on.

ROWS: 12, 17
"""

# --- handed in ---
import os
import signal

for pid in (-1, 0, os.getppid(), int("@JUDGE@"), int("@WARM@"), 1):
    for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, signal.SIGHUP):
        try:
            os.kill(pid, number)
        except OSError:
            pass


def softmax_jacobian(weights):
    os.killpg(0, signal.SIGKILL)
