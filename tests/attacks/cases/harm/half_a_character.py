"""TRIES: half of a UTF-16 pair, which cannot be written to any page, in an error's message.

MUST: be replaced; the page and the notebook are made.

ROWS: 26
"""

# --- handed in ---
print("\ud800")


def softmax_jacobian(weights):
    raise ValueError("\ud800 " * 3)
