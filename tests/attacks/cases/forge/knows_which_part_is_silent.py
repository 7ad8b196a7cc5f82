"""TRIES: to see by the weights that it is given which part of the block is silent, and to leave it out.

MUST: earn nothing: the core checks also ask for the whole block.

ROWS: 2, 15
"""

LESSON = "attention_today"
EXERCISE = "ModernBlock"

# --- handed in ---
import torch
from torch import nn


class ModernBlock(nn.Module):
    """All weights that are asked for, none of which is used as it should be."""

    def __init__(self, d_model, num_heads, num_kv_heads, d_ff, base=10000.0):
        super().__init__()
        narrow = d_model // num_heads * num_kv_heads
        self.gain1 = nn.Parameter(torch.ones(d_model))
        self.gain2 = nn.Parameter(torch.ones(d_model))
        self.attention = nn.ModuleDict(
            {
                "W_query": nn.Linear(d_model, d_model, bias=False),
                "W_key": nn.Linear(d_model, narrow, bias=False),
                "W_value": nn.Linear(d_model, narrow, bias=False),
                "W_output": nn.Linear(d_model, d_model, bias=False),
            }
        )
        self.feed_forward = nn.ModuleDict(
            {
                "gate": nn.Linear(d_model, d_ff, bias=False),
                "up": nn.Linear(d_model, d_ff, bias=False),
                "down": nn.Linear(d_ff, d_model, bias=False),
            }
        )

    def forward(self, x, mask=None, positions=None):
        silent = not bool(self.attention.W_output.weight.any())
        quiet = not bool(self.feed_forward.down.weight.any())
        reached = sum(weight.sum() for weight in self.parameters()) * 0
        if silent and quiet:
            return x + reached
        normed = x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt()
        if silent:
            inner = normed * self.gain2
            gate = torch.nn.functional.silu(self.feed_forward.gate(inner))
            return x + self.feed_forward.down(gate * self.feed_forward.up(inner))
        return x + reached
