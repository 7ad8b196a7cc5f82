"""TRIES: to be given the course's softmax in a second run and to hand its text on.

MUST: show nothing of it; the second run's outputs and messages are thrown away.

ROWS: 18
"""

LESSON = "single_query_attention"
EXERCISE = "attention"
SECRET_OF = "softmax"


# --- handed in ---
def attention(query, keys, values):
    import inspect

    try:
        text = inspect.getsource(softmax)
    except Exception:
        text = "\n".join(get_ipython().user_ns["In"])
    print(text)
    raise ValueError(text.replace("\n", "  "))
