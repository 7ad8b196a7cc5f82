"""TRIES: to drown the grader in text: millions of lines, on both streams.

MUST: keep a bounded part of it.

ROWS: 26
"""

OUTCOME = ("timed_out",)
LIMITS = {"cell_cpu": 1}

# --- handed in ---
import sys

while True:
    print("x" * 1000)
    print("y" * 1000, file=sys.stderr)
