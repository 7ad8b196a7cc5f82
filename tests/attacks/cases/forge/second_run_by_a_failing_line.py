"""TRIES: to have a line of the course's answer told: one that fails in it, in the second run.

MUST: show nothing of it: of an error there, neither the line nor the message is told.

ROWS: 18
"""

LESSON = "attention_today"
EXERCISE = "ModernBlock"
SECRET_OF = "rms_norm"

# --- handed in ---
import linecache

import torch
from torch import nn


class Odd:
    """Fails wherever it is used, and knows the line that uses it."""

    def __getattr__(self, name):
        import sys

        frame = sys._getframe(1)
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
        raise type(line.strip()[:90] or "Odd", (ValueError,), {})(line)


class ModernBlock(nn.Module):
    def __init__(self, d_model, num_heads, num_kv_heads, d_ff, base=10000.0):
        super().__init__()
        self.gain1 = nn.Parameter(torch.ones(d_model))
        self.gain2 = nn.Parameter(torch.ones(d_model))
        self.attention = GroupedQueryAttention(d_model, num_heads, num_kv_heads, base)
        self.feed_forward = SwiGLU(d_model, d_ff)

    def forward(self, x, mask=None, positions=None):
        return rms_norm(Odd(), self.gain1)
