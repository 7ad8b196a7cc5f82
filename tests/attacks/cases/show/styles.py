"""TRIES: CSS that hides the marks, draws others over them, or fetches something.

MUST: leave only styles that colour and space.

ROWS: 21
"""

# --- handed in ---
from IPython.display import HTML, display

for style in (
    "position:fixed;top:0;left:0;width:100%;height:100%;background:#fff;z-index:9999",
    "background:url(http://192.0.2.1/x)",
    "background-image:image-set('http://192.0.2.1/x' 1x)",
    "width:expression(alert(1))",
    "margin-top:-4000px",
    "display:none",
    "content:'10/10'",
    "font-family:'x';position:\\61 bsolute",
    "transform:scale(99)",
    "color:red;/**/position:/**/fixed",
):
    display(HTML(f'<div style="{style}">10 / 10 points</div>'))
display(HTML("<style>.mark{display:none} body{background:url(//192.0.2.1)}</style>"))
display(HTML("<link rel=stylesheet href=//192.0.2.1/x.css>"))


def softmax_jacobian(weights):
    return None
