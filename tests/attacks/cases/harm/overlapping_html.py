"""TRIES: a thousand open <b> and <i> that every following paragraph repeats.

MUST: be bounded.

ROWS: 21, 26
"""

# --- handed in ---
from IPython.display import HTML, display

tags = ("b", "i", "em", "code", "a", "s", "small", "strong", "u")
opened = "".join(f"<{tags[n % 9]} title={n}>" for n in range(3000))
display(HTML(opened + "<p><table><tr><td>" * 3000))


def softmax_jacobian(weights):
    return None
