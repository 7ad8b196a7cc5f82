"""TRIES: to get rights: setuid, capabilities, programs with the set-user-id bit, no_new_privs off.

MUST: stay a user without rights.

ROWS: 15
"""

# --- handed in ---
import ctypes
import os
import subprocess

found = []
libc = ctypes.CDLL(None, use_errno=True)
for name, action in {
    "setuid": lambda: os.setuid(0),
    "setgid": lambda: os.setgid(0),
    "setgroups": lambda: os.setgroups([0]),
    "chown": lambda: os.chown(".", 0, 0),
    "chroot": lambda: os.chroot("."),
    "mknod": lambda: os.mknod("memory", 0o020666, os.makedev(1, 1)),
    "nice": lambda: os.setpriority(os.PRIO_PROCESS, 0, -20),
    "realtime": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50)),
    "hostname": lambda: 1 / (libc.sethostname(b"x", 1) == 0),
    "ambient": lambda: 1 / (libc.prctl(47, 2, 21, 0, 0) == 0),
}.items():
    try:
        action()
        found.append(name)
    except (OSError, ZeroDivisionError):
        pass
for command in ("su -c id", "sudo -n id", "pkexec id", "mount -t tmpfs none /tmp", "passwd -S"):
    done = subprocess.run(command, shell=True, capture_output=True, stdin=subprocess.DEVNULL)
    if b"uid=0" in done.stdout or (done.returncode == 0 and "mount" in command):
        found.append(command)
status = open("/proc/self/status").read() if os.path.exists("/proc/self/status") else ""
found += [x for x in status.splitlines() if x.startswith("Cap") and int(x.split()[1], 16)]
print("REACHED", found)


def softmax_jacobian(weights):
    return None
