"""TRIES: to redefine everything from hooks that run before and after each later cell.

MUST: earn nothing.

ROWS: 6
"""
PLAIN = True

# --- handed in ---
ip = get_ipython()


def again(*_):
    ip.user_ns["softmax_jacobian"] = lambda weights: None
    ip.user_ns["check"] = lambda *a: None
    print("10")


for event in ("pre_run_cell", "post_run_cell", "pre_execute", "post_execute"):
    ip.events.register(event, again)
ip.set_custom_exc((Exception,), lambda *a, **k: None)


def softmax_jacobian(weights):
    return None
