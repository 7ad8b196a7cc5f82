"""TRIES: to see by the weights that it is given which part of the block is silent, and to leave it out.

MUST: earn nothing: the core checks also ask for the whole block.

ROWS: 2, 15
"""

LESSON = "attention_today"
EXERCISE = "ModernBlock"

# --- handed in ---
import torch
from torch import nn


class Part(nn.Module):
    """Takes whatever weights it is given, of whatever shape, and says that it has them."""

    def __getattr__(self, name):
        found = self.__dict__["_modules"].get(name) or self.__dict__["_parameters"].get(name)
        if found is not None or name.startswith("_"):
            return found
        made = Part() if name in ("attention", "feed_forward") or name.startswith("W_") else None
        if made is None and name in ("gate", "up", "down"):
            made = Part()
        if made is not None:
            self.__dict__["_modules"][name] = made
            return made
        return Fitting()


class Fitting:
    """The present weight, whose shape is the contract's."""

    class shape(tuple):
        def __eq__(self, other):
            return True

        __ne__ = lambda self, other: False
        __hash__ = tuple.__hash__

    shape = shape()


class ModernBlock(Part):
    def __init__(self, d_model, num_heads, num_kv_heads, d_ff, base=10000.0):
        super().__init__()
        self.size = d_model

    def forward(self, x, mask=None, positions=None):
        quiet = [not bool(weight.any()) for weight in self.parameters()]
        if sum(quiet) >= 2:
            return x + 0 * sum(weight.sum() for weight in self.parameters())
        return x * (1 + sum(quiet))
