"""TRIES: to pull the interpreter apart: builtins gone, modules None, the collector off, a tiny stack.

MUST: spoil only its own answers.

ROWS: 12
"""

OUTCOME = ("graded", "crashed")

# --- handed in ---
import builtins
import gc
import sys
import threading


def softmax_jacobian(weights):
    gc.disable()
    threading.stack_size(32768)
    sys.setrecursionlimit(60)
    for name in ("len", "isinstance", "print", "__import__", "type", "dict", "str"):
        delattr(builtins, name)
    for name in list(sys.modules):
        sys.modules[name] = None
