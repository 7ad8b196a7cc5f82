"""TRIES: to take the signal off by which it dies with the grader, in itself and in its children.

MUST: be refused; where it has children, their world ends with a process that it cannot reach.

ROWS: 14, 16
"""

# --- handed in ---
import ctypes
import os
import time

libc = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1
found = []
for option in (PR_SET_PDEATHSIG, PR_SET_PDEATHSIG | 1 << 32):
    for number in (0, 19):
        if libc.syscall(157, ctypes.c_long(option), ctypes.c_long(number)) == 0:
            found.append(f"{option} {number}")
try:
    if os.fork() == 0:
        libc.prctl(PR_SET_PDEATHSIG, 0)
        os.setsid()
        time.sleep(10**6)
except OSError:
    pass
print("REACHED", found if os.uname().machine == "x86_64" else [])


def softmax_jacobian(weights):
    return None
