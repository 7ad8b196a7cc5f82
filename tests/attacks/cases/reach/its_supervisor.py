"""TRIES: to signal, slow, limit, trace or read the process that supervises it.

MUST: be refused, at every level.

ROWS: 16, 17
"""

# --- handed in ---
import ctypes
import os
import resource
import signal

libc = ctypes.CDLL(None, use_errno=True)
other = os.getppid()
tries = {
    "kill": lambda: os.kill(other, 0),
    "interrupt": lambda: os.kill(other, signal.SIGINT),
    "pidfd": lambda: os.pidfd_open(other),
    "limit": lambda: resource.prlimit(other, resource.RLIMIT_AS, (1 << 20, 1 << 20)),
    "affinity": lambda: os.sched_setaffinity(other, {0}),
    "scheduler": lambda: os.sched_setscheduler(other, os.SCHED_IDLE, os.sched_param(0)),
    "priority": lambda: os.setpriority(os.PRIO_PROCESS, other, 19),
    "priority of all": lambda: os.setpriority(os.PRIO_USER, os.getuid(), 19),
    "memory": lambda: open(f"/proc/{other}/mem", "r+b").close(),
    "environment": lambda: open(f"/proc/{other}/environ").read(),
    "descriptors": lambda: os.listdir(f"/proc/{other}/fd"),
    "oom score": lambda: open(f"/proc/{other}/oom_score_adj", "w").write("1000"),
}
calls = {
    "ptrace": (101, 16, other, 0, 0),
    "thread": (200, other, 2),
    "both": (234, other, other, 2),
    "turns at the disk": (251, 1, other, 3 << 13),
    "turns of all": (251, 3, os.getuid(), 3 << 13),
}
try:  # a descriptor of its folder in /proc is as good as a pidfd
    calls["signal by its folder"] = (424, os.open(f"/proc/{other}", os.O_RDONLY), 0, 0, 0)
except OSError:
    pass
found = []
for name, attempt in tries.items():
    try:
        attempt()
        found.append(name)
    except (OSError, ValueError):
        pass
if os.uname().machine == "x86_64":
    for name, (number, *arguments) in calls.items():
        if libc.syscall(number, *map(ctypes.c_long, arguments)) == 0:
            found.append(name)
print("REACHED", found)


def softmax_jacobian(weights):
    return None
