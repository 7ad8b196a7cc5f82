"""TRIES: leases on files of the grader and of Python: whoever opens one then waits 45 seconds.

MUST: get none, and not be told either of what others do in a folder.

ROWS: 17, 29
"""

# --- handed in ---
import fcntl
import os
import signal
import sys

signal.signal(signal.SIGIO, signal.SIG_IGN)  # by which the kernel says that somebody waits
F_SETLEASE, F_NOTIFY, DN_ACCESS = 1024, 1026, 1
modules = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
files = [sys.executable, *(path for path in modules if path and path.endswith(".py"))]
found = []
for path in dict.fromkeys(files):
    for kind in (fcntl.F_WRLCK, fcntl.F_RDLCK):
        try:
            one = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError:
            continue
        try:
            fcntl.fcntl(one, F_SETLEASE, kind)
            found.append(path)
        except OSError:
            os.close(one)
for folder in {os.path.dirname(path) for path in files}:
    try:
        one = os.open(folder, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        continue
    try:
        fcntl.fcntl(one, F_NOTIFY, DN_ACCESS)
        found.append(folder)
    except OSError:
        os.close(one)
print("REACHED", found[:20])


def softmax_jacobian(weights):
    return None
