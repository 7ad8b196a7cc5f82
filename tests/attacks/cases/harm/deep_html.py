"""TRIES: HTML nested 40 000 deep, for which a parser of pages takes quadratic time.

MUST: not hold the judge for seconds.

ROWS: 21, 26
"""

# --- handed in ---
from grader.sandbox.guest import shell

shell.MAX_TEXT = 10**9
shell.RECORD.room = {"text": 10**9, "image": 10**9}
from IPython.display import HTML, display

display(HTML("<div>" * 60_000))


def softmax_jacobian(weights):
    return None
