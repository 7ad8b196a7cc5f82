"""TRIES: to see, signal or reprioritise other processes of this machine.

MUST: see only its own and its supervisor, and reach not even that.

ROWS: 16, 17
"""

# --- handed in ---
import os
import signal

# Process 1 is its supervisor, which it may see and no more.
mine = {1, os.getpid()}
found = [p for p in os.listdir("/proc") if p.isdigit() and int(p) not in mine]
for pid in (int("@JUDGE@"), int("@WARM@"), os.getppid(), 1):
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
