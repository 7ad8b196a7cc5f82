"""TRIES: to find the salt, a solution or a secret in its own memory, which a fork inherits.

MUST: find none; the process that workers are forked from has never seen any.

ROWS: 18
"""

LIMITS = {"cell_cpu": 10}

# --- handed in ---
import gc
import re

# Written so that the patterns do not find themselves.
canary = re.compile(rb"CANAR[Y]-(?:salt|memory|environment)-[0-9a-f]{16}")
solution = re.compile(rb"torch\.oute[r]\(weights, weights\)|shifted / np\.su[m]\(shifted")
found = []
try:
    maps = open("/proc/self/maps").read().splitlines()
    memory = open("/proc/self/mem", "rb", 0)
except OSError:
    maps = []
for line in maps:
    span, rights, _, _, inode = line.split()[:5]
    if "rw" not in rights or int(inode):
        continue
    first, last = (int(edge, 16) for edge in span.split("-"))
    for start in range(first, min(last, first + (1 << 28)), 1 << 24):
        try:
            memory.seek(start)
            block = memory.read(min(1 << 24, last - start))
        except (OSError, ValueError):
            break
        found += [match[0] for match in (canary.search(block), solution.search(block)) if match]
for thing in gc.get_objects():
    if type(thing).__name__ in (
        "CheckSuite",
        "Check",
        "Case",
        "Verdict",
        "Exercise",
        "Misconception",
    ):
        found.append(type(thing).__name__)
print("REACHED", sorted(map(str, set(found))))


def softmax_jacobian(weights):
    return None
