"""Lesson 2: every position asks, and every position answers (PyTorch)."""

from __future__ import annotations

import math

import torch
from torch import nn


def scaled_dot_product_attention(query, key, value):
    """Attention of every query over all keys, scaled (Vaswani et al. 2017, equation 1).

    Args:
        query: (..., n_q, d_k) tensor, float32 or float64; ``...`` is any number of batch axes,
            including none.
        key: (..., n_k, d_k) tensor.
        value: (..., n_k, d_v) tensor.

    Returns:
        A pair of tensors with the dtype of ``query``: the output (..., n_q, d_v) and the weights
        (..., n_q, n_k), one row for each query.
    """
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    weights = torch.softmax(scores, dim=-1)
    return weights @ value, weights


def softmax_jacobian(weights):
    """The derivative of softmax, written with its result p: diag(p) - p pᵀ.

    Entry (i, j) says how fast weight i changes with score j. The formula must hold for any
    vector, even for one that does not sum to 1.

    Args:
        weights: (n,) tensor, float32 or float64.

    Returns:
        (n, n) tensor with the dtype of ``weights``.
    """
    return torch.diag(weights) - torch.outer(weights, weights)


class SelfAttention(nn.Module):
    """One head of self-attention: three linear maps of one input, then scaled attention.

    Args:
        d_model: width of an input vector.
        d_k: width of a query and of a key.
        d_v: width of a value.
    """

    def __init__(self, d_model, d_k, d_v):
        super().__init__()
        self.W_query = nn.Linear(d_model, d_k, bias=False)
        self.W_key = nn.Linear(d_model, d_k, bias=False)
        self.W_value = nn.Linear(d_model, d_v, bias=False)

    def forward(self, x):
        """Let every position of ``x`` attend to every position of ``x``.

        Args:
            x: (..., n, d_model) tensor; ``...`` is any number of batch axes, including none.

        Returns:
            A pair of tensors: the output (..., n, d_v) and the weights (..., n, n).
        """
        return scaled_dot_product_attention(self.W_query(x), self.W_key(x), self.W_value(x))


def additive_scores(query, keys, W_q, W_k, v):
    """Score every key by a small network (Bahdanau et al. 2015): v · tanh(W_q q + W_k k_j).

    Args:
        query: (d_q,) tensor, float32 or float64.
        keys: (n, d_k) tensor, one key in each row.
        W_q: (a, d_q) tensor.
        W_k: (a, d_k) tensor.
        v: (a,) tensor.

    Returns:
        (n,) tensor of raw scores, with the dtype of ``query``.
    """
    hidden = torch.tanh(W_q @ query + keys @ W_k.T)
    return hidden @ v


def multiplicative_scores(query, keys, W):
    """Score every key through a matrix (Luong et al. 2015, "general"): qᵀ W k_j.

    Args:
        query: (d_q,) tensor, float32 or float64.
        keys: (n, d_k) tensor, one key in each row.
        W: (d_q, d_k) tensor.

    Returns:
        (n,) tensor of raw scores, with the dtype of ``query``.
    """
    return keys @ (query @ W)
