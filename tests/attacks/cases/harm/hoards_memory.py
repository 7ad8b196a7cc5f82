"""TRIES: a list that grows for ever.

MUST: end as out of memory, for that cell alone.

ROWS: 25
"""

OUTCOME = ("out_of_memory",)
LIMITS = {"worker": {"memory": 1610612736}}

# --- handed in ---
hoard = []
while True:
    hoard.append(bytearray(1 << 24))
