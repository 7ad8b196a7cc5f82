"""TRIES: to act when the worker ends: atexit, __del__, a signal handler, a thread that waits.

MUST: leave nothing behind, and change nothing.

ROWS: 16
"""

# --- handed in ---
import atexit
import signal
import subprocess
import threading
import weakref


def start(*_):
    subprocess.Popen(["sleep", "@MARKER@"], start_new_session=True)


class Last:
    def __del__(self):
        start()


last, kept = Last(), {1}
atexit.register(start)
weakref.finalize(last, start)
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGXCPU):
    signal.signal(number, start)
threading.Thread(target=lambda: threading.main_thread().join() or start()).start()


def softmax_jacobian(weights):
    return None
