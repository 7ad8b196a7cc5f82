"""Lesson 3: what a query may look at (PyTorch)."""

from __future__ import annotations

import math

import torch
from torch import nn


def causal_mask(n):
    """Let every position look at itself and at the past, never at the future.

    Args:
        n: number of positions, 1 or more.

    Returns:
        float32 tensor (n, n): row i belongs to the query at position i, column j to the key at
        position j. Exactly 0 where i may look at j, exactly -inf where it may not.
    """
    return torch.full((n, n), -math.inf, dtype=torch.float32).triu(1)


def padding_mask(lengths, n):
    """Hide the padding that fills up short sequences at their end.

    Args:
        lengths: integer tensor (B,), how many real tokens each sequence has. A length may be 0
            (nothing is real) or larger than n (everything is).
        n: the width to which all sequences were padded.

    Returns:
        float32 tensor (B, 1, n): exactly 0 for a key that is real, exactly -inf for padding. The
        axis of length 1 stands for all queries of the sequence.
    """
    real = torch.arange(n) < lengths[:, None, None]
    return torch.zeros(real.shape, dtype=torch.float32).masked_fill(~real, -math.inf)


def local_mask(n, window):
    """Let every position look at its neighborhood only, to both sides.

    Args:
        n: number of positions, 1 or more.
        window: how far a position may look: to positions at most ``window`` steps away. 0 leaves
            only the position itself; n or more leaves everything.

    Returns:
        float32 tensor (n, n), exactly 0 where row i may look at column j, exactly -inf elsewhere.
    """
    position = torch.arange(n)
    distance = (position[:, None] - position[None, :]).abs()
    return torch.zeros(n, n, dtype=torch.float32).masked_fill(distance > window, -math.inf)


def combine_masks(*masks):
    """One mask that shows only what every one of the given masks shows.

    Args:
        *masks: one or more additive masks, tensors of 0 and -inf. Their shapes broadcast, as
            (n, n) does with (B, 1, n).

    Returns:
        tensor of the broadcast shape: 0 where all masks are 0, -inf where at least one hides.
    """
    combined = masks[0]
    for mask in masks[1:]:
        combined = combined + mask
    return combined


def masked_attention(query, key, value, mask=None):
    """Scaled dot-product attention in which a mask decides who may look at what.

    softmax(Q Kᵀ / √d_k + M) V (Vaswani et al. 2017, equation 1, with the mask of section 3.2.3).

    Args:
        query: (..., n_q, d_k).
        key: (..., n_k, d_k).
        value: (..., n_k, d_v). The leading axes of all three are equal; there may be none.
        mask: None, or an additive tensor that broadcasts against the scores (..., n_q, n_k): 0
            where a query may look, -inf where it may not; other finite numbers are biases. It may
            be float32 where the query is float64.

    Returns:
        (output (..., n_q, d_v), weights (..., n_q, n_k)) in the dtype of the query. A query that
        may look at nothing has weights 0 and output 0, and leaves every gradient finite.
    """
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    if mask is not None:
        scores = scores + mask.to(scores.dtype)
    empty = (scores == -math.inf).all(dim=-1, keepdim=True)
    weights = torch.softmax(scores.masked_fill(empty, 0.0), dim=-1).masked_fill(empty, 0.0)
    return weights @ value, weights


class CrossAttention(nn.Module):
    """One sequence asks, another one answers.

    Args:
        d_model: width of the vectors that ask.
        d_context: width of the vectors that are asked.
        d_k: width of queries and keys.
        d_v: width of values.
    """

    def __init__(self, d_model, d_context, d_k, d_v):
        super().__init__()
        self.W_query = nn.Linear(d_model, d_k, bias=False)
        self.W_key = nn.Linear(d_context, d_k, bias=False)
        self.W_value = nn.Linear(d_context, d_v, bias=False)

    def forward(self, x, context, mask=None):
        """Let every position of ``x`` look into ``context``.

        Args:
            x: (B, n_q, d_model), the sequence that asks.
            context: (B, n_k, d_context), the sequence that is asked.
            mask: None, or an additive mask that broadcasts against (B, n_q, n_k).

        Returns:
            (output (B, n_q, d_v), weights (B, n_q, n_k)).
        """
        return masked_attention(self.W_query(x), self.W_key(context), self.W_value(context), mask)


def examine_attention(candidate):
    """Put an implementation of ``masked_attention`` to the test.

    You are the examiner: somebody hands you a function that claims to keep the contract of
    exercise 3.5. Call it with small examples of your own and compare what it gives with what you
    know must come out. What is right up to rounding must pass, however it was computed: hidden
    weights of a right candidate are 0 to within 1e-12, and everything else is right to within 1e-4.

    Args:
        candidate: a function ``candidate(query, key, value, mask=None)`` → (output, weights). In
            one call it takes at most 1000 numbers in all, and it can be called 500 times. Its
            results carry no gradients.

    Returns:
        None, if the candidate keeps the contract as far as you can see.

    Raises:
        AssertionError: it does not. Any other error counts as a refusal too.
    """
    generator = torch.Generator().manual_seed(2917)
    query, key = (torch.randn(2, n, 4, generator=generator) for n in (3, 5))
    value = torch.randn(2, 5, 2, generator=generator)
    query[0, 0] = 0.0  # every score of this query is exactly 0
    key[1, 4] = 60 * query[1, 1]  # the largest score by far, and hidden
    mask = torch.randn(2, 3, 5, generator=generator)
    mask[1, 1, 4] = mask[0, 0, 2] = mask[0, 1, 0] = -math.inf
    mask[1, 2] = -math.inf  # nothing to look at
    for bias in (torch.zeros(3, 5), mask[0], mask):
        before = (query, key, value, bias)
        given = [tensor.clone() for tensor in before]
        output, weights = candidate(*given)
        for place in range(4):
            assert torch.equal(given[place], before[place]), "an input was changed"
        scores = (query[:, :, None] * key[:, None]).sum(-1) / 2 + bias
        powers = (scores - scores.amax(-1, keepdim=True).clamp(min=-1e9)).exp()
        expected = powers / powers.sum(-1, keepdim=True).clamp(min=1e-30)
        assert weights.shape == (2, 3, 5) and output.shape == (2, 3, 2), "shapes"
        assert torch.allclose(weights, expected, atol=1e-4), "weights"
        assert torch.allclose(output, expected @ value, atol=1e-4), "output"
        assert weights[torch.isneginf(scores)].abs().sum() < 1e-10, "a hidden key leaks"
