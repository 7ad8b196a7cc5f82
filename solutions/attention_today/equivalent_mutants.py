"""Mutants of this lesson's answers that no check can catch, and why.

See :mod:`grader.authoring.mutants`.
"""

from __future__ import annotations

from grader.authoring.mutants import change

EQUIVALENT = {
    "GroupedQueryAttention": {
        change(
            "if d_model % num_heads != 0:", "if False:"
        ): "split_heads refuses such a width with the same two numbers, at the first call",
    },
    "window_mask": {
        change(
            "return torch.zeros(n, n).masked_fill(~seen | (key > query), -math.inf)",
            "return torch.zeros(n).masked_fill(~seen | (key > query), -math.inf)",
        ): "a row of zeros broadcasts against the (n, n) places to hide",
    },
    "streaming_attention": {
        change(
            "new_top = torch.maximum(top, scores.detach().amax(dim=-1, keepdim=True))",
            "new_top = torch.maximum(scores.detach().amax(dim=-1, keepdim=True), top)",
        ): "the larger of two numbers is the same in either order",
        change(
            "scores = query @ key[..., start:start + block, :].transpose(-2, -1) / root",
            "scores = query @ key[..., start:start + block, :].transpose(-1, -2) / root",
        ): "two axes are exchanged in either order",
        change(
            "output = query.new_zeros(*query.shape[:-1], value.shape[-1])",
            "output = query.new_zeros(*query.shape[:-0], value.shape[-1])",
        ): "zeros of shape (d_v,) become (..., n_q, d_v) with the first block, by broadcasting",
        change(
            "total = torch.zeros_like(top)", "total = torch.ones_like(top)"
        ): "the first block scales what is there by exp(-inf), which is 0",
        change(
            "top = query.new_full((*query.shape[:-1], 1), -math.inf)",
            "top = query.new_full((*query.shape[:-0], 1), -math.inf)",
        ): "one -inf for all queries gets a row for each with the first block, by broadcasting",
    },
    "interpolate_positions": {
        change(
            "return positions * (trained / n) if n > trained else positions",
            "return positions * (trained / n) if n >= trained else positions",
        ): "at n = trained the factor is exactly 1",
    },
    "interleave_rows": {
        change(
            "return halves.transpose(1, 2).reshape(rows, d)",
            "return halves.transpose(2, 1).reshape(rows, d)",
        ): "two axes are exchanged in either order",
    },
}
