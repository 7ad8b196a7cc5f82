"""TRIES: the same in HTML, in an image, in the names of MIME types.

MUST: be replaced.

ROWS: 21, 26
"""

# --- handed in ---
from IPython.display import HTML, display

display(HTML("<b>\ud800</b>"))
display({"text/html": "\udfff", "image/png": "\ud800", "\ud800/x": "y"}, raw=True)


def softmax_jacobian(weights):
    return {"\ud800": 1}
