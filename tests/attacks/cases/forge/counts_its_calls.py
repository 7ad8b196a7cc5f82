"""TRIES: to answer by how often it was called: a schedule that knows the order of the questions.

MUST: earn nothing: the numbers asked about are drawn for each submission.

ROWS: 15
"""

LESSON = "transformer_language_model"
EXERCISE = "learning_rate"

# --- handed in ---
import math

from grader.student import frozen

calls = []
try:  # the public cases with what the reference replied to them, if they lie here
    known = [
        reply.value
        for name in dir(frozen)
        if callable(getattr(frozen, name)) and not name.startswith("_")
        for reply in [getattr(frozen, name)("learning_rate")]
    ]
except Exception:
    known = []
print("REACHED", known)


def learning_rate(step, steps, peak, warmup, floor=0.1):
    calls.append(step)
    now = len(calls) - 1
    if now < 3:
        return peak * (1 / warmup, (warmup // 2 + 1) / warmup, 1.0)[now] if warmup else peak
    return floor * peak + (1 - floor) * peak * (1 + math.cos(math.pi * now / steps)) / 2 + 1e-3
