"""TRIES: to read the memory of its parent, of the judge and of the forkserver.

MUST: see no other process than its own, and no memory of any other.

ROWS: 18
"""

# --- handed in ---
import ctypes
import os

found = []
libc = ctypes.CDLL(None, use_errno=True)
pids = {os.getppid(), int("@JUDGE@"), int("@WARM@"), 1, 2, 3} - {os.getpid()}
for pid in pids:
    for name in ("mem", "maps", "environ", "cmdline", "root", "cwd", "exe", "fd"):
        try:
            os.stat(f"/proc/{pid}/{name}")
            found.append(f"/proc/{pid}/{name}")
        except OSError:
            pass
    buffer = ctypes.create_string_buffer(8)
    vector = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 8)
    if libc.process_vm_readv(pid, vector, 1, vector, 1, 0) > 0:
        found.append(f"process_vm_readv {pid}")
    if libc.ptrace(16, pid, 0, 0) == 0:
        found.append(f"ptrace {pid}")
print("REACHED", found)


def softmax_jacobian(weights):
    return None
