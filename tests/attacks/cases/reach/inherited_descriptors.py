"""TRIES: to use files and sockets that were open when it was forked.

MUST: have its one line to the judge and nothing else.

ROWS: 15, 18
"""

# --- handed in ---
import os
import socket
import stat
import sys

def place_of(about):
    """Python's file with this identity; those that everybody may read were open before the fork."""
    for folder, _, names in os.walk(sys.prefix):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.samestat(os.lstat(path), about):
                return path
    return "a file that is not Python's"


found = []
for fd in range(1024):
    try:
        about = os.fstat(fd)
    except OSError:
        continue
    kind = about.st_mode
    try:
        target = os.readlink(f"/proc/self/fd/{fd}")
    except OSError:  # no /proc in this tree: what the file itself says of its kind
        target = place_of(about)
        if stat.S_ISCHR(kind) and about.st_rdev == os.makedev(1, 3):
            target = "null"
        elif stat.S_ISFIFO(kind):
            target = "pipe:"
        elif not stat.S_IFMT(kind):
            target = "anon_inode:[eventpoll]"
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
