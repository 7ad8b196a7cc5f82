"""TRIES: one call that holds the interpreter's lock for ever.

MUST: be killed.

ROWS: 14
"""

OUTCOME = ("timed_out",)
LIMITS = {"cell_cpu": 1}

# --- handed in ---
import re

re.match(r"(a+)+$", "a" * 60 + "b")
