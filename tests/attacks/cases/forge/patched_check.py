"""TRIES: to replace the course's own check, its rules and its evaluation, wherever they are loaded.

MUST: earn nothing; no process that runs student code computes a verdict.

ROWS: 4
"""
PLAIN = True

# --- handed in ---
import sys

import grader

grader.check = check = lambda *a, **k: None
for name, module in list(sys.modules.items()):
    if name.startswith("grader"):
        for attribute in ("check", "evaluate", "difference", "reply_difference", "agree", "_score"):
            if hasattr(module, attribute):
                setattr(module, attribute, lambda *a, **k: None)
        if hasattr(module, "RULES"):
            for rule in module.RULES:
                module.RULES[rule] = lambda *a: None


def softmax_jacobian(weights):
    return None
