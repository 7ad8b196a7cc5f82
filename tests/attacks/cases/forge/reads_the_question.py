"""TRIES: to walk up the stack from inside the call and find the expected answer beside the question.

MUST: find questions only; the answers are not in this process.

ROWS: 18, 29
"""

# --- handed in ---
import sys

found = []


def softmax_jacobian(weights):
    frame = sys._getframe()
    while frame is not None:
        for name, value in frame.f_locals.items():
            for word in ("expected", "answer", "reference", "solution", "probe", "battery"):
                held = getattr(value, word, None)
                if held is not None and not callable(held):
                    found.append(name + "." + word)
                if isinstance(value, dict) and word in value:
                    found.append(name + "[" + word + "]")
        frame = frame.f_back
    raise ValueError("REACHED " + str(found))
