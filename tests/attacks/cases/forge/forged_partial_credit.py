"""TRIES: to make IPython format every result as the number of points (nbgrader's partial credit).

MUST: earn nothing.

ROWS: 7, 27
"""
PLAIN = True

# --- handed in ---
ip = get_ipython()
ip.displayhook.compute_format_data = lambda *a, **k: ({"text/plain": "1000.0"}, {})
ip.display_formatter.format = lambda *a, **k: ({"text/plain": "nan"}, {})


def softmax_jacobian(weights):
    return float("nan")


float("nan")
