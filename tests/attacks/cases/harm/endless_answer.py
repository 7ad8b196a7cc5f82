"""TRIES: an answer that never returns.

MUST: be stopped by the check's processor time.

ROWS: 13
"""

OUTCOME = ("timed_out",)
LIMITS = {"checks_cpu": 1}


# --- handed in ---
def softmax_jacobian(weights):
    while True:
        pass
