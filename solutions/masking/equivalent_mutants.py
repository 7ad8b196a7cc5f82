# ruff: noqa: E501  (lines of code, quoted whole)
"""Mutants of this lesson's answers that no check can catch, and why.

See :mod:`grader.authoring.mutants`.
"""

from __future__ import annotations

from grader.authoring.mutants import change

FREE = {
    "examine_attention": "a test with another example is another good test",
}

EQUIVALENT = {
    "causal_mask": {
        change(
            "return torch.full((n, n), -math.inf, dtype=torch.float32).triu(1)",
            "return torch.full((n, n), -math.inf).triu(1)",
        ): "float32 is the default dtype",
    },
    "padding_mask": {
        change(
            "return torch.zeros(real.shape, dtype=torch.float32).masked_fill(~real, -math.inf)",
            "return torch.zeros(real.shape).masked_fill(~real, -math.inf)",
        ): "float32 is the default dtype",
    },
    "local_mask": {
        change(
            "return torch.zeros(n, n, dtype=torch.float32).masked_fill(distance > window, -math.inf)",
            "return torch.zeros(n, n).masked_fill(distance > window, -math.inf)",
        ): "float32 is the default dtype",
        change(
            "distance = (position[:, None] - position[None, :]).abs()",
            "distance = (position[None, :] - position[:, None]).abs()",
        ): "a distance is the same in both directions",
        change(
            "return torch.zeros(n, n, dtype=torch.float32).masked_fill(distance > window, -math.inf)",
            "return torch.zeros(n, dtype=torch.float32).masked_fill(distance > window, -math.inf)",
        ): "a row of zeros broadcasts against the (n, n) places to hide",
    },
    "combine_masks": {
        change(
            "for mask in masks[1:]:", "for mask in masks[0:]:"
        ): "a mask combined with itself hides the same places",
    },
    "masked_attention": {
        change(
            "weights = torch.softmax(scores.masked_fill(empty, 0.0), dim=-1).masked_fill(empty, 0.0)",
            "weights = torch.softmax(scores.masked_fill(empty, 1.0), dim=-1).masked_fill(empty, 0.0)",
        ): "any finite number will do before softmax: the row is set to 0 afterwards",
        change(
            "scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])",
            "scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])",
        ): "an exchange of two axes is the same in either order",
    },
}
