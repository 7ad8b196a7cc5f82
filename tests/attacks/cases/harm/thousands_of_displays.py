"""TRIES: 20 000 displays, each of another kind.

MUST: keep a bounded number of them.

ROWS: 26
"""

# --- handed in ---
from IPython.display import HTML, Latex, Markdown, clear_output, display

for number in range(20000):
    display((HTML, Markdown, Latex)[number % 3](f"<b>{number}</b>" * 20))


def softmax_jacobian(weights):
    for number in range(1000):
        display(HTML("x"))
        clear_output()
