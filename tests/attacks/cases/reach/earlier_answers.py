"""TRIES: mine("...") and the store behind it, for the course's own answers.

MUST: find nothing but what the student handed in.

ROWS: 18
"""

# --- handed in ---
from grader.student import earlier_answers as carried

found = list(carried.SUPPLIED)
for name in ("softmax", "scaled_dot_product_attention", "softmax_jacobian", "causal_mask"):
    try:
        carried.mine(name)(1)
        found.append(name)
    except NotImplementedError:
        pass
print("REACHED", found)


def softmax_jacobian(weights):
    return None
