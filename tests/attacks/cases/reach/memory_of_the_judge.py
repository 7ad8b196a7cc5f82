"""TRIES: to read the memory and the files of its supervisor, of the judge and of the forkserver.

MUST: see no other process than its own and its supervisor (but for Landlock), and read nothing of any.

ROWS: 18
"""

# --- handed in ---
import ctypes
import os

found = []
libc = ctypes.CDLL(None, use_errno=True)
pids = {os.getppid(), int("@JUDGE@"), int("@WARM@"), 1, 2, 3} - {os.getpid()}
for pid in pids:
    for name in ("mem", "maps", "environ", "stack", "syscall"):
        try:
            with open(f"/proc/{pid}/{name}", "rb") as file:
                file.read(1)
            found.append(f"/proc/{pid}/{name}")
        except OSError:
            pass
    for look, name in ((os.readlink, "root"), (os.readlink, "exe"), (os.listdir, "fd")):
        try:
            look(f"/proc/{pid}/{name}")
            found.append(f"/proc/{pid}/{name}")
        except OSError:
            pass
    # SECURITY.md says it: Landlock does not control stat, so that the names of processes show.
    if "@LEVEL@" != "landlock" and pid != 1 and os.path.exists(f"/proc/{pid}"):
        found.append(f"/proc/{pid}")
    buffer = ctypes.create_string_buffer(8)
    vector = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 8)
    if libc.process_vm_readv(pid, vector, 1, vector, 1, 0) > 0:
        found.append(f"process_vm_readv {pid}")
    if libc.ptrace(16, pid, 0, 0) == 0:
        found.append(f"ptrace {pid}")
print("REACHED", found)


def softmax_jacobian(weights):
    return None
