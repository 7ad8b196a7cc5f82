"""TRIES: widget views and state, and output types of extensions: Plotly, Vega, GeoJSON, Bokeh.

MUST: leave none of them.

ROWS: 21
"""

# --- handed in ---
from IPython.display import display

for kind in (
    "application/vnd.jupyter.widget-view+json",
    "application/vnd.jupyter.widget-state+json",
    "application/vnd.plotly.v1+json",
    "application/vnd.vegalite.v5+json",
    "application/vnd.bokehjs_exec.v0+json",
    "application/geo+json",
    "application/pdf",
    "text/markdown",
    "text/latex",
    "text/vnd.mermaid",
    "image/gif",
    "video/mp4",
):
    value = {"model_id": "x", "spec": "<script>alert(1)</script>"}
    display({kind: value if "json" in kind else "<script>alert(1)</script>"}, raw=True)


def softmax_jacobian(weights):
    return None
