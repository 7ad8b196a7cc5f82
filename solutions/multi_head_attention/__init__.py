"""Lesson 4: several heads, each of which looks for something else (PyTorch)."""

from __future__ import annotations

import math

import torch
from torch import nn


def split_heads(x, num_heads):
    """Cut every vector into as many pieces as there are heads, one piece for each head.

    Head 0 gets the first d/h features of every position, head 1 the next d/h, and so on.

    Args:
        x: (..., n, d) tensor, float32 or float64; ``...`` is any number of batch axes,
            including none.
        num_heads: h, how many heads there are.

    Returns:
        (..., h, n, d/h) tensor with the dtype of ``x``: for each head a sequence of its own.

    Raises:
        ValueError: h does not divide d; the message names both numbers.
    """
    n, d = x.shape[-2:]
    if d % num_heads != 0:
        raise ValueError(f"{num_heads} heads cannot share a width of {d} evenly")
    pieces = x.reshape(*x.shape[:-2], n, num_heads, d // num_heads)
    return pieces.transpose(-3, -2)


def merge_heads(x):
    """Lay the heads of every position side by side again: the inverse of ``split_heads``.

    Args:
        x: (..., h, n, w) tensor, float32 or float64: for each head a sequence of vectors of
            width w; ``...`` is any number of batch axes, including none.

    Returns:
        (..., n, h·w) tensor with the dtype of ``x``.
    """
    return x.transpose(-3, -2).flatten(-2)


class MultiHeadAttention(nn.Module):
    """Several heads look at once, each with its own part of the queries, keys and values.

    Concat(head_1, …, head_h) W_O with head_i = Attention(Q W_i^Q, K W_i^K, V W_i^V) (Vaswani et
    al. 2017, section 3.2.2). The matrices of all heads lie together in one: head 0 works with the
    first d/h outputs of ``W_query``, ``W_key`` and ``W_value``, head 1 with the next d/h.

    Args:
        d_model: width of an input vector and of an output vector.
        num_heads: h, how many heads share that width. It divides ``d_model``.
    """

    def __init__(self, d_model, num_heads):
        super().__init__()
        self.num_heads = num_heads
        self.W_query = nn.Linear(d_model, d_model, bias=False)
        self.W_key = nn.Linear(d_model, d_model, bias=False)
        self.W_value = nn.Linear(d_model, d_model, bias=False)
        self.W_output = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x, context=None, mask=None):
        """Let every position of ``x`` look into ``context``, with each head on its own.

        Args:
            x: (B, n_q, d_model), the sequence that asks.
            context: (B, n_k, d_model), the sequence that is asked; None means ``x`` itself.
            mask: None, or an additive tensor that broadcasts against the scores (B, h, n_q, n_k):
                0 where a query may look, -inf where it may not; other finite numbers are biases.
                It may be float32 where ``x`` is float64.

        Returns:
            A pair (output (B, n_q, d_model), weights (B, h, n_q, n_k)) in the dtype of ``x``, the
            weights of every head separately. Where a head may look at nothing, its weights are
            0, its part of the result before ``W_output`` is 0, and every gradient stays finite.
        """
        source = x if context is None else context
        query = split_heads(self.W_query(x), self.num_heads)
        key = split_heads(self.W_key(source), self.num_heads)
        value = split_heads(self.W_value(source), self.num_heads)
        scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
        if mask is None:
            weights = torch.softmax(scores, dim=-1)
        else:
            empty = (mask == -math.inf).all(dim=-1, keepdim=True)
            scores = scores + mask.masked_fill(empty, 0.0).to(scores.dtype)
            weights = torch.softmax(scores, dim=-1).masked_fill(empty, 0.0)
        return self.W_output(merge_heads(weights @ value)), weights


def attention_cost(n, d_model, num_heads):
    """What one layer of multi-head self-attention costs, counted exactly.

    A product of an (a, b) with a (b, c) matrix takes a·b·c multiply-adds. Softmax, the scale and
    the mask are not counted.

    Args:
        n: number of positions of the one sequence.
        d_model: width of the layer.
        num_heads: h, the number of heads; it divides ``d_model``.

    Returns:
        A pair of Python ints: the number of weights in the layer's four matrices, and the number
        of multiply-adds in all its matrix products for one sequence of n positions.
    """
    projections = 4 * d_model**2
    width = d_model // num_heads
    products = num_heads * (n * width * n + n * n * width)
    return projections, n * projections + products


def previous_token_head(vocab_size, max_len):
    """Build by hand one attention head that copies the token before each position.

    The input at position p is the one-hot vector of its token, followed by the one-hot vector of
    p: V + T numbers, with V = ``vocab_size`` and T = ``max_len``. The head is used as usual, its
    scores divided by the root of the width of the queries, with a causal mask or with none. In
    both cases every position t ≥ 1 must put at least 0.99 of its weight on position t - 1, in
    every sequence of up to T tokens, and its output must be the one-hot vector of the token that
    stands there, V numbers, each within 0.05. What position 0 does is up to you. Many weights do
    this; any will do.

    Args:
        vocab_size: V, how many different tokens there are.
        max_len: T, how many positions there are at most.

    Returns:
        A dict of three float tensors laid out as the weight of an nn.Linear, (out, in):
        "W_query" (w, V + T) and "W_key" (w, V + T), with a width w of your choice, and "W_value"
        (V, V + T).
    """
    sharpness = math.sqrt(max_len) * (math.log(max_len) + 10.0)
    no_token = torch.zeros(max_len, vocab_size)
    shift = torch.diag(torch.ones(max_len - 1), 1)
    return {
        "W_query": torch.cat([no_token, sharpness * shift], dim=1),
        "W_key": torch.cat([no_token, torch.eye(max_len)], dim=1),
        "W_value": torch.cat([torch.eye(vocab_size), torch.zeros(vocab_size, max_len)], dim=1),
    }


def mended_heads(query, key, value, num_heads):
    """Causal multi-head attention on projections that are already made. Given with faults.

    Every head works with its own part of the features, as in ``split_heads``; its scores are
    divided by the root of the width of its queries; a causal mask hides the future; the results
    of the heads are laid side by side again. There is no W_output here.

    Args:
        query: (B, n, d) tensor, float32 or float64. Left as it was.
        key: (B, n, d).
        value: (B, n, d).
        num_heads: h, which divides d.

    Returns:
        (B, n, d) tensor with the dtype of ``query``. It is differentiable in all three tensors.
    """
    q, k, v = (split_heads(x, num_heads) for x in (query, key, value))
    future = torch.full((q.shape[-2], k.shape[-2]), -math.inf).triu(1)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return merge_heads(torch.softmax(scores + future, dim=-1) @ v)
