"""TRIES: to detach a process in the middle of the check and to end the worker itself right after.

MUST: leave nothing behind.

ROWS: 16
"""

OUTCOME = ("crashed",)
NO_PROCESSES = ("graded",)


# --- handed in ---
def softmax_jacobian(weights):
    import os
    import subprocess

    subprocess.Popen(["setsid", "sleep", "@MARKER@"])
    os._exit(0)
