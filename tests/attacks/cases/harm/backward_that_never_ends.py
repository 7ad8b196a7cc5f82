"""TRIES: a gradient that never ends: backward passes that loop, exit, fork, and ask for themselves.

MUST: be stopped like any call; the next submission's gradients are its own.

ROWS: 5, 12
"""

LESSON = "masking"
EXERCISE = "masked_attention"
OUTCOME = ("timed_out", "graded", "crashed")
LIMITS = {"cell_cpu": 3, "checks_cpu": 5, "notebook_cpu": 20}

# --- handed in ---
import os
import sys
import threading

import torch


class Endless(torch.autograd.Function):
    asked = 0

    @staticmethod
    def forward(ctx, weight):
        return weight.clone()

    @staticmethod
    def backward(ctx, grad):
        Endless.asked += 1
        if Endless.asked == 1:
            again = torch.ones(2, requires_grad=True)
            try:
                torch.autograd.grad(Endless.apply(again).sum(), again)
            except BaseException:
                pass
        if Endless.asked == 2:
            threading.Thread(target=lambda: sys.exit(1)).start()
            raise SystemExit(0)
        try:
            os.fork()
        except OSError:
            pass
        while True:
            pass


def masked_attention(query, key, value, mask=None):
    weights = query @ key.transpose(-2, -1)
    found = weights @ value
    return (Endless.apply(found) if found.requires_grad else found), weights
