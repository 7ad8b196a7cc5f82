"""TRIES: to use files and sockets that were open when it was forked.

MUST: have its one line to the judge and nothing else.

ROWS: 15, 18
"""

# --- handed in ---
import os
import socket
import stat
import sys

found = []
for fd in range(1024):
    try:
        kind = os.fstat(fd).st_mode
    except OSError:
        continue
    try:
        target = os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        target = "unknown"
    if fd <= 2 and target.endswith("null") or fd == 3 and stat.S_ISSOCK(kind):
        continue
    if target.startswith((sys.prefix, "anon_inode:[eventpoll]", "/proc/")) or "pipe:" in target:
        continue
    found.append(f"{fd} {target}")
line = socket.socket(fileno=os.dup(3))
if line.getsockname() or line.getpeername():
    found.append("a socket with a name")
print("REACHED", found)


def softmax_jacobian(weights):
    return None
