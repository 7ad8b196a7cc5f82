"""TRIES: a cell that never ends.

MUST: be stopped by its processor time, and nothing else with it.

ROWS: 13
"""

OUTCOME = ("timed_out",)
LIMITS = {"cell_cpu": 1}

# --- handed in ---
while True:
    pass
