"""TRIES: to be the machine's root: to open the kernel's settings for writing, to run past its limit.

MUST: be an ordinary user at every level, whoever started the grader.

ROWS: 15, 25
"""

LIMITS = {"worker": {"processes": 24}}

# --- handed in ---
import glob
import os
import resource
import threading

found = []
for path in (
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/vm/drop_caches",
    "/proc/sysrq-trigger",
    *glob.glob("/sys/kernel/*"),
):
    try:
        os.close(os.open(path, os.O_WRONLY))
        found.append(path)
    except OSError:
        pass
most = resource.getrlimit(resource.RLIMIT_NPROC)[0]
if not 0 <= most < 100_000:
    found.append(f"a limit of {most} threads")
threading.stack_size(1 << 16)
gate, threads = threading.Event(), []
try:
    while len(threads) <= min(most, 5000):
        threads.append(threading.Thread(target=gate.wait, daemon=True))
        threads[-1].start()
    found.append(f"{len(threads)} threads")
except RuntimeError:
    pass
gate.set()
print("REACHED", found)


def softmax_jacobian(weights):
    return None
