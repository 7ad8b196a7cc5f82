"""TRIES: to read the text of hidden checks while they run: the history of cells, and hooks on it.

MUST: find the release's own cells only; the checks that count are not in this process.

ROWS: 18, 29
"""
PLAIN = True

# --- handed in ---
import inspect

ip = get_ipython()
SIGNS = ("HIDDEN", "wanted = float", "expected=", "reference=")


def look(*_):
    texts = [text for text in ip.user_ns.get("In", []) if "REACHED" not in text]
    found = [word for text in texts for word in SIGNS if word in text]
    print("REACHED", sorted(set(found)))


ip.events.register("post_run_cell", look)


def softmax_jacobian(weights):
    look()
    texts = [str(frame.code_context) for frame in inspect.stack()]
    found = [word for text in texts for word in SIGNS if word in text and "SIGNS" not in text]
    raise ValueError("REACHED " + str(found))
