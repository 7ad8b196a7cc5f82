"""TRIES: to hand the course's softmax on as the type of an error and as the name of a result.

MUST: show nothing of it.

ROWS: 18
"""

LESSON = "single_query_attention"
EXERCISE = "attention"
SECRET_OF = "softmax"


# --- handed in ---
def attention(query, keys, values):
    softmax
    lines = "\n".join(get_ipython().user_ns["In"]).splitlines()
    text = next(
        (line.strip() for line in lines if line.strip().startswith("return shifted")), "none"
    )
    if len(keys) % 2:
        return type(text, (), {})()
    raise type(text, (Exception,), {})(text)
