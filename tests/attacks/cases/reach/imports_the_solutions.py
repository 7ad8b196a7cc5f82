"""TRIES: to import the solutions, the specifications, the judge, the frozen answers.

MUST: find no such module; they are not in the worker's world.

ROWS: 18, 29
"""

# --- handed in ---
import importlib
import sys

found = []
sys.path[:0] = ["@COURSE@", ".", "..", "/"]
for name in (
    "solutions.self_attention",
    "grader.course.versions",
    "solutions.self_attention.checks",
    "grader.course.exercises",
    "grader.judge.run",
    "grader.course.sources",
    "attention_course",
):
    try:
        found.append(importlib.import_module(name).__name__)
    except ImportError:
        pass
    except Exception as error:
        found.append(name + " " + repr(error))
try:
    from grader.student import frozen

    found.append(
        str([k for k in vars(frozen) if "load" in k and frozen.__dict__[k]("self_attention")])
    )
except Exception:
    pass
print("REACHED", [f for f in found if f != "[]"])


def softmax_jacobian(weights):
    return None
