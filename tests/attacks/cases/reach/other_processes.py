"""TRIES: to see, signal or reprioritise other processes of this machine.

MUST: see only its own.

ROWS: 16, 17
"""

# --- handed in ---
import os
import signal

found = [p for p in os.listdir("/proc") if p.isdigit() and int(p) != os.getpid()]
for pid in (int("@JUDGE@"), int("@WARM@"), os.getppid()):
    if pid in (0, os.getpid()):
        continue
    for action in (
        lambda: os.kill(pid, 0),
        lambda: os.setpriority(os.PRIO_PROCESS, pid, 19),
        lambda: os.pidfd_open(pid),
        lambda: os.sched_setaffinity(pid, {0}),
    ):
        try:
            action()
            found.append(pid)
        except OSError:
            pass
for pid in (-1, 0):
    try:
        os.kill(pid, signal.SIGCONT)
    except OSError:
        pass
print("REACHED", found)


def softmax_jacobian(weights):
    return None
