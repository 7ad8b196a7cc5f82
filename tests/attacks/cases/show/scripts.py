"""TRIES: scripts and event handlers in HTML, JavaScript and unknown outputs.

MUST: leave nothing that runs in the page or in the executed notebook.

ROWS: 21
"""

# --- handed in ---
from IPython.display import HTML, Javascript, display

for text in (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<img src=x onerror=alert(1) ",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='jav\tascript:alert(1)'>x</a>",
    "<div onclick=alert(1) onmouseover=alert(2)>x</div>",
    "<details open ontoggle=alert(1)>x</details>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<table><td><style></table><script>alert(1)</script>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<p title=`<img src=x onerror=alert(1)>`>",
    "<body onload=alert(1)>",
):
    display(HTML(text))
display(Javascript("alert(1)"))
display({"application/javascript": "alert(1)", "text/x-evil": "x"}, raw=True)


def softmax_jacobian(weights):
    raise ValueError("<script>alert(1)</script><img src=x onerror=alert(1)>")
