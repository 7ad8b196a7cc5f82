"""TRIES: clone with every flag for a new namespace, and a user namespace for its capabilities.

MUST: be refused.

ROWS: 15
"""

# --- handed in ---
import ctypes
import os
import platform

libc = ctypes.CDLL(None, use_errno=True)
clone = {"x86_64": 56, "aarch64": 220}[platform.machine()]
found = []
for name, flag in {
    "user": 0x10000000, "mount": 0x00020000, "pid": 0x20000000, "net": 0x40000000,
    "ipc": 0x08000000, "uts": 0x04000000, "cgroup": 0x02000000,
}.items():  # fmt: skip
    pid = libc.syscall(ctypes.c_long(clone), ctypes.c_long(flag | 17), 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    if pid > 0:
        found.append(name)
    if libc.unshare(flag) == 0:
        found.append("unshare " + name)
for name in ("mnt", "pid", "net", "user"):
    try:
        handle = os.open(f"/proc/1/ns/{name}", os.O_RDONLY)
        if libc.setns(handle, 0) == 0:
            found.append("setns " + name)
    except OSError:
        pass
print("REACHED", found)


def softmax_jacobian(weights):
    return None
