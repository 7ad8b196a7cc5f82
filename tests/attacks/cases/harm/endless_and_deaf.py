"""TRIES: to loop with every signal ignored or caught, and every exception swallowed.

MUST: be killed; no signal that can be caught is relied on.

ROWS: 14
"""

OUTCOME = ("timed_out",)
LIMITS = {"cell_cpu": 1}

# --- handed in ---
import signal

for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
while True:
    try:
        while True:
            pass
    except BaseException:
        continue
