"""TRIES: HTML that moves over what stands around it: distances below zero, boxes too small.

MUST: lose every such style; the marks above and below it stay in sight.

ROWS: 21
"""

# --- handed in ---
from IPython.display import HTML, display

cover = '<div style="background: white">10 of 10 points</div>' * 20
for style in (
    "margin: -4000px 0 0 0; background: white",
    "margin: 0 0 -4000px 0",
    "margin: 0 -90rem",
    "margin: calc(0px - 4000px) 0 0 0",
    "margin: -webkit-calc(0px - 4000px)",
    "margin: var(--jp-content-font-size5)",
    "padding: clamp(1px, 90vh, 9000px)",
    "height: 0px",
    "height: 0",
    "max-height: 1px",
    "vertical-align: 4000px",
    "vertical-align: -4000px",
    "font-size: 9000px",
    "font-size: 900%",
    "font-size: 99vw",
):
    display(HTML(f'<div style="{style}">{cover}</div><span style="{style}">10 of 10</span>'))
display(HTML('<p style="font-size: 3em">' * 12 + "10 of 10" + "</p>" * 12))


def softmax_jacobian(weights):
    return None
