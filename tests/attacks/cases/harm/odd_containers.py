"""TRIES: containers that contain themselves, never end, are infinitely deep or lie about their length.

MUST: be called wrong.

ROWS: 13
"""

LIMITS = {"checks_cpu": 2}
OUTCOME = ("graded", "timed_out", "out_of_memory", "crashed")

# --- handed in ---
import itertools


class Endless(list):
    def __iter__(self):
        return itertools.repeat([])


itself = []
itself.append(itself)
deep = []
for _ in range(100000):
    deep = [deep]
wide = [[0.0] * 1000] * 1000
answers = [itself, deep, wide, {"a": itself}, (x for x in itertools.count()), Endless()]


def softmax_jacobian(weights):
    answers.append(answers.pop(0))
    return answers[-1]
