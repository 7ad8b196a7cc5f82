"""Lesson 5: how attention learns where a token stands (PyTorch)."""

from __future__ import annotations

import math

import torch
from torch import nn


def sinusoidal_encoding(n, d, base=10000.0):
    """A fixed vector for every position (Vaswani et al. 2017, section 3.5).

    PE[p, 2i] = sin(p · base^(-2i/d)) and PE[p, 2i+1] = cos(p · base^(-2i/d)).

    Args:
        n: number of positions, 1 or more; they count from 0.
        d: width of a vector, an even number.
        base: decides how slowly the slowest pair of columns turns.

    Returns:
        float32 tensor (n, d), one row for each position.
    """
    position = torch.arange(n, dtype=torch.float64)[:, None]
    angle = position * base ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
    encoding = torch.empty(n, d)
    encoding[:, 0::2] = torch.sin(angle)
    encoding[:, 1::2] = torch.cos(angle)
    return encoding


def shift_matrix(k, d, base=10000.0):
    """The one matrix that moves every position by k steps.

    With PE = sinusoidal_encoding(n, d, base), and its rows taken as column vectors:
    PE[p + k] = M PE[p] for every position p.

    Args:
        k: the number of steps, any integer: negative is backward, 0 stays.
        d: width of the encoding, an even number.
        base: as in sinusoidal_encoding.

    Returns:
        float32 tensor (d, d), the matrix M. It does not depend on p.
    """
    angle = k * base ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
    matrix = torch.zeros(d, d)
    even = torch.arange(0, d, 2)
    odd = even + 1
    matrix[even, even] = matrix[odd, odd] = torch.cos(angle).float()
    matrix[even, odd] = torch.sin(angle).float()
    matrix[odd, even] = -torch.sin(angle).float()
    return matrix


class LearnedPositionalEncoding(nn.Module):
    """A table with one learned vector for every position (as in GPT and BERT).

    Args:
        max_len: number of rows of the table: the longest sequence that it can serve.
        d: width of a vector.
    """

    def __init__(self, max_len, d):
        super().__init__()
        self.max_len = max_len
        self.embedding = nn.Embedding(max_len, d)

    def forward(self, x):
        """Add to every vector of ``x`` the vector of its position.

        Args:
            x: (B, n, d) tensor, B sequences of n positions; positions count from 0.

        Returns:
            (B, n, d) tensor.

        Raises:
            ValueError: the sequences are longer than the table.
        """
        n = x.shape[1]
        if n > self.max_len:
            raise ValueError(f"{n} positions, but the table has only {self.max_len}")
        return x + self.embedding(torch.arange(n, device=x.device))


def rotary_encoding(x, positions=None, base=10000.0):
    """Turn queries or keys by angles that grow with their position (Su et al. 2021).

    The entries 2i and 2i+1 of a vector at position p are the two coordinates of a point in a
    plane. Each point is turned by the angle θ = p · base^(-2i/d):

        x'[2i] = x[2i] cos θ - x[2i+1] sin θ
        x'[2i+1] = x[2i] sin θ + x[2i+1] cos θ

    Args:
        x: (..., n, d) tensor, float32 or float64, d even; ``...`` is any number of batch axes,
            including none.
        positions: None for 0 … n-1, or an integer tensor (n,): the position of each of the n
            vectors, in any order, the same for all batch entries.
        base: decides how slowly the slowest pair turns.

    Returns:
        (..., n, d) tensor with the dtype of ``x``.
    """
    n, d = x.shape[-2:]
    if positions is None:
        positions = torch.arange(n, device=x.device)
    frequency = base ** (-torch.arange(0, d, 2, dtype=torch.float64, device=x.device) / d)
    angle = positions[:, None] * frequency
    cos, sin = torch.cos(angle).to(x.dtype), torch.sin(angle).to(x.dtype)
    first, second = x[..., 0::2], x[..., 1::2]
    turned = (first * cos - second * sin, first * sin + second * cos)
    return torch.stack(turned, dim=-1).flatten(-2)


def alibi_bias(n, num_heads):
    """Attention with linear biases (Press et al. 2022): the farther back, the less attention.

    In head h = 0 … H-1 the query at position i gets -slope_h · (i - j) added to its score with the
    key at position j ≤ i, with slope_h = 2^(-8(h+1)/H). The future is hidden.

    Args:
        n: number of positions, 1 or more.
        num_heads: number of heads H, 1 or more; it need not be a power of two.

    Returns:
        float32 tensor (H, n, n): the biases where j ≤ i (exactly 0 where j = i), exactly -inf
        where j > i. It is added to scores (B, H, n, n).
    """
    slope = 2.0 ** (-8.0 * torch.arange(1, num_heads + 1) / num_heads)
    position = torch.arange(n, dtype=torch.float32)
    ahead = position - position[:, None]
    return (slope[:, None, None] * ahead).masked_fill(ahead > 0, -math.inf)
