"""TRIES: escape sequences for a terminal, NUL and text that runs backwards, in every message.

MUST: show none of them.

ROWS: 21
"""

# --- handed in ---
hostile = "\x1b[2J\x1b]0;title\x07 \x00 \x9b31m \u202egnp.exe \u2066 \x08\x08\x7f"
print(hostile)


def softmax_jacobian(weights):
    raise type("E\x1b[31m\u202e", (Exception,), {})(hostile)
