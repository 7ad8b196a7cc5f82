"""TRIES: to start programs that go on: nohup, setsid, a shell in the background, another Python.

MUST: be dead before the score is written.

ROWS: 16
"""

# --- handed in ---
import subprocess
import sys

for command in (
    "nohup sleep @MARKER@ &",
    "setsid sleep @MARKER@ &",
    "(trap '' HUP TERM INT; sleep @MARKER@) &",
):
    subprocess.Popen(command, shell=True, start_new_session=True)
code = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(@MARKER@)"
subprocess.Popen([sys.executable, "-c", code], start_new_session=True)


def softmax_jacobian(weights):
    subprocess.Popen(["sleep", "@MARKER@"], start_new_session=True)
