"""TRIES: SVG and MathML, which may hold scripts, links and other documents.

MUST: leave none of it.

ROWS: 21
"""

# --- handed in ---
from IPython.display import HTML, SVG, Latex, Math, display

svg = (
    "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>alert(1)</script>"
    "<foreignObject><iframe src='javascript:alert(1)'/></foreignObject>"
    "<use href='http://192.0.2.1/x.svg#a'/><animate onbegin='alert(1)'/></svg>"
)
display(SVG(svg))
display(HTML(svg))
display({"image/svg+xml": svg, "image/png": "<svg onload=alert(1)>"}, raw=True)
display(HTML("<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph>"))
display(HTML("<math href='javascript:alert(1)'>x</math>"))
display(Latex(r"$\href{javascript:alert(1)}{x}$"), Math(r"\unicode{<img src=x onerror=alert(1)>}"))


def softmax_jacobian(weights):
    return type("<svg onload=alert(1)>", (), {})()
