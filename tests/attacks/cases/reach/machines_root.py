"""TRIES: to be the machine's root: to open the kernel's settings for writing, to run past its limit.

MUST: be an ordinary user at every level, whoever started the grader.

ROWS: 15, 25
"""

LIMITS = {"worker": {"processes": 24}}

# --- handed in ---
import _thread
import glob
import os
import resource

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
_thread.stack_size(1 << 16)
never, started = _thread.allocate_lock(), 0
never.acquire()
try:
    while started < 3000:
        _thread.start_new_thread(never.acquire, ())
        started += 1
    found.append(f"{started} threads, where the limit says {most}")
except RuntimeError:
    pass
print("REACHED", found)


def softmax_jacobian(weights):
    return None
