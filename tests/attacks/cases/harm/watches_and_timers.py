"""TRIES: to use up what one user has a few of on the whole machine: watches, timers, signals.

MUST: leave enough of them to the programs of whoever runs the grader.

ROWS: 13, 17
"""

# --- handed in ---
import ctypes
import os
import signal

libc = ctypes.CDLL(None, use_errno=True)


def count(make, most):
    """How often it can be made, up to ``most`` times."""
    made = 0
    while made < most and make() >= 0:
        made += 1
    return made


timer = ctypes.c_void_p()
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGRTMIN})
taken = {
    "watches": count(lambda: libc.inotify_init1(0), 100),
    "watches of all": count(lambda: libc.fanotify_init(0x200, 0), 100),
    "timers": count(lambda: libc.timer_create(1, None, ctypes.byref(timer)), 10_000),
    "signals": count(lambda: libc.sigqueue(os.getpid(), signal.SIGRTMIN, None), 10_000),
}
allowed = {"timers": 300, "signals": 300}
print("REACHED", [name for name, made in taken.items() if made > allowed.get(name, 0)])


def softmax_jacobian(weights):
    return None
