"""Lesson 10: what changed in the transformer between 2017 and today (PyTorch)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from solutions.masking import masked_attention
from solutions.multi_head_attention import merge_heads, split_heads
from solutions.positional_encoding import rotary_encoding


def rms_norm(x, gain, eps=1e-6):
    """Divide every vector by its root mean square, then give each feature a scale.

    Zhang and Sennrich 2019, over the last axis: x / √(mean(x²) + eps) · gain. Unlike layer norm it
    subtracts no mean and adds no bias. Every position is normalized on its own.

    Args:
        x: (..., d) tensor, float32 or float64; ``...`` is any number of leading axes, none
            included.
        gain: (d,) tensor, the scale of each feature.
        eps: a small number ≥ 0, added to the mean of the squares before the root is taken.

    Returns:
        (..., d) tensor with the dtype of ``x``.
    """
    mean_square = x.square().mean(dim=-1, keepdim=True)
    return x / torch.sqrt(mean_square + eps) * gain


class SwiGLU(nn.Module):
    """A feed-forward network with a gate: one linear map decides what passes of another.

    Shazeer 2020: down(silu(gate(x)) · up(x)), with silu(z) = z · sigmoid(z) and the product taken
    entry by entry.

    Args:
        d_model: width of an input vector and of an output vector.
        d_ff: width of the hidden layer, of the gate and of what is gated.
    """

    def __init__(self, d_model, d_ff):
        super().__init__()
        self.gate = nn.Linear(d_model, d_ff, bias=False)
        self.up = nn.Linear(d_model, d_ff, bias=False)
        self.down = nn.Linear(d_ff, d_model, bias=False)

    def forward(self, x):
        """Apply the network to every vector of ``x``.

        Args:
            x: (..., d_model) tensor.

        Returns:
            (..., d_model) tensor in the dtype of ``x``. A position's result depends on that
            position alone.
        """
        return self.down(F.silu(self.gate(x)) * self.up(x))


class GroupedQueryAttention(nn.Module):
    """Multi-head self-attention in which several query heads share one key-value head.

    Ainslie et al. 2023, with the rotary encoding of Su et al. 2021 on the queries and keys of every
    head. With as many key-value heads as query heads it is multi-head attention; with a single
    one it is multi-query attention (Shazeer 2019).

    Args:
        d_model: width of an input vector and of an output vector.
        num_heads: h, how many query heads share that width.
        num_kv_heads: h_kv, how many key-value heads there are. Query head j reads key-value head
            j // (h / h_kv).
        base: the base of the rotary encoding.

    Raises:
        ValueError: h does not divide ``d_model``, a head's width is odd, or h_kv does not divide h.
    """

    def __init__(self, d_model, num_heads, num_kv_heads, base=10000.0):
        super().__init__()
        if d_model % num_heads != 0:
            raise ValueError(f"{num_heads} heads cannot share a width of {d_model} evenly")
        d_head = d_model // num_heads
        if d_head % 2 != 0:
            raise ValueError(f"a head of width {d_head} cannot be turned in pairs: it is odd")
        if num_heads % num_kv_heads != 0:
            raise ValueError(
                f"{num_heads} query heads cannot share {num_kv_heads} key-value heads evenly"
            )
        self.num_heads = num_heads
        self.num_kv_heads = num_kv_heads
        self.base = base
        self.W_query = nn.Linear(d_model, d_model, bias=False)
        self.W_key = nn.Linear(d_model, num_kv_heads * d_head, bias=False)
        self.W_value = nn.Linear(d_model, num_kv_heads * d_head, bias=False)
        self.W_output = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x, mask=None, positions=None):
        """Let every position of ``x`` look at the others, with each query head on its own.

        Args:
            x: (B, n, d_model) tensor.
            mask: None, or an additive tensor that broadcasts against the scores (B, h, n, n): 0
                where a query may look, -inf where it may not; other finite numbers are biases. It
                may be float32 where ``x`` is float64.
            positions: None for 0 … n-1, or a tensor (n,) of whole or fractional numbers: where
                each of the n vectors stands, for the rotary encoding.

        Returns:
            A pair (output (B, n, d_model), weights (B, h, n, n)) in the dtype of ``x``. Where a
            head may look at nothing, its weights are 0, its part of the result before ``W_output``
            is 0, and every gradient stays finite.
        """
        query = split_heads(self.W_query(x), self.num_heads)
        key = split_heads(self.W_key(x), self.num_kv_heads)
        value = split_heads(self.W_value(x), self.num_kv_heads)
        query = rotary_encoding(query, positions, self.base)
        key = rotary_encoding(key, positions, self.base)
        group = self.num_heads // self.num_kv_heads
        key = key.repeat_interleave(group, dim=-3)
        value = value.repeat_interleave(group, dim=-3)
        found, weights = masked_attention(query, key, value, mask)
        return self.W_output(merge_heads(found)), weights


def kv_cache_bytes(layers, num_kv_heads, d_head, tokens, bytes_per_number=2):
    """Count the bytes that the keys and values of one sequence take while text is generated.

    Every layer keeps one key and one value of width d_head for each token and key-value head.

    Args:
        layers: number of layers.
        num_kv_heads: number of key-value heads in each layer.
        d_head: width of a key and of a value in one head.
        tokens: number of tokens kept so far.
        bytes_per_number: 2 for float16 and bfloat16, 4 for float32.

    Returns:
        A Python int, the number of bytes.
    """
    return 2 * layers * num_kv_heads * d_head * tokens * bytes_per_number


def window_mask(n, window, sinks=0):
    """Causal attention within a window, plus a few first positions that stay visible.

    Position i sees the ``window`` positions i - window + 1 … i and, of the positions before those,
    the first ``sinks`` (Xiao et al. 2023 call them attention sinks). It sees nothing later than i.

    Args:
        n: number of positions, 1 or more.
        window: how many positions are visible, position i included; 1 or more, and it may be
            larger than n.
        sinks: how many of the first positions stay visible; 0 or more.

    Returns:
        float32 tensor (n, n), additive: exactly 0 where i may look at j, exactly -inf elsewhere.
    """
    query, key = torch.arange(n)[:, None], torch.arange(n)
    seen = (key > query - window) | (key < sinks)
    return torch.zeros(n, n).masked_fill(~seen | (key > query), -math.inf)


def streaming_attention(query, key, value, block):
    """Scaled dot-product attention that reads the keys and values block by block.

    No more than (n_q, block) scores exist at a time. A running maximum and a running sum stand in
    for the softmax over all keys (Milakov and Gimelshein 2018); what was added up under a smaller
    maximum is scaled down when a larger one appears. It is the idea within FlashAttention (Dao et
    al. 2022).

    Args:
        query: (..., n_q, d_k) tensor, float32 or float64; ``...`` is any number of batch axes, none
            included.
        key: (..., n_k, d_k).
        value: (..., n_k, d_v).
        block: number of keys in a block, 1 or more. The last block may be shorter, and a block may
            be larger than n_k.

    Returns:
        (..., n_q, d_v) tensor with the dtype of ``query``: softmax(query keyᵀ / √d_k) value.
    """
    root = math.sqrt(query.shape[-1])
    top = query.new_full((*query.shape[:-1], 1), -math.inf)
    total = torch.zeros_like(top)
    output = query.new_zeros(*query.shape[:-1], value.shape[-1])
    for start in range(0, key.shape[-2], block):
        scores = query @ key[..., start : start + block, :].transpose(-2, -1) / root
        new_top = torch.maximum(top, scores.detach().amax(dim=-1, keepdim=True))
        shrink, powers = torch.exp(top - new_top), torch.exp(scores - new_top)
        total = total * shrink + powers.sum(dim=-1, keepdim=True)
        output = output * shrink + powers @ value[..., start : start + block, :]
        top = new_top
    return output / total


def rotary_base(factor, d, base=10000.0):
    """The larger base with which rotary encoding reaches ``factor`` times as far.

    The "NTK-aware" rule: base · factor^(d/(d - 2)). The slowest pair of the encoding then turns
    exactly ``factor`` times slower than before, and the fastest pair turns as before.

    Args:
        factor: how many times as long the context is to be, a number ≥ 1.
        d: width of the vectors that are turned (a head's width): even, more than 2.
        base: the base that the model was trained with.

    Returns:
        A Python float, the new base.
    """
    return float(base * factor ** (d / (d - 2)))


def interpolate_positions(n, trained):
    """Positions squeezed into the range that a model was trained on (Chen et al. 2023).

    Args:
        n: number of positions, 1 or more.
        trained: the length that the model was trained on, 1 or more.

    Returns:
        Floating point tensor (n,): 0 … n-1, multiplied by trained/n where n is more than
        ``trained``, and as they are otherwise.
    """
    positions = torch.arange(n, dtype=torch.float32)
    return positions * (trained / n) if n > trained else positions


def interleave_rows(weight, num_heads):
    """Reorder a query or key matrix trained with half-split rotation for the interleaved one.

    Half-split rotation turns entries i and i + d_head/2 of each head together; ``rotary_encoding``
    turns entries 2i and 2i + 1. Given to a query and a key matrix alike, the new order leaves every
    score as it was.

    Args:
        weight: (h · d_head, d) tensor, laid out as the weight of an nn.Linear: head 0 has the first
            d_head rows. d_head is even.
        num_heads: h, how many heads the rows belong to.

    Returns:
        (h · d_head, d) tensor with the dtype of ``weight``: the same rows in another order.
    """
    rows, d = weight.shape
    halves = weight.reshape(num_heads, 2, rows // num_heads // 2, d)
    return halves.transpose(1, 2).reshape(rows, d)


class ModernBlock(nn.Module):
    """A transformer block as most open models have it today.

    Lesson 6's block with its parts replaced: RMSNorm for layer norm, grouped-query attention with
    rotary encoding for multi-head attention, SwiGLU for the feed-forward network, and no biases
    (Touvron et al. 2023).

    Args:
        d_model: width of an input vector and of an output vector.
        num_heads: number of query heads.
        num_kv_heads: number of key-value heads.
        d_ff: width of the hidden layer of the SwiGLU.
        base: the base of the rotary encoding.
    """

    def __init__(self, d_model, num_heads, num_kv_heads, d_ff, base=10000.0):
        super().__init__()
        self.gain1 = nn.Parameter(torch.ones(d_model))
        self.gain2 = nn.Parameter(torch.ones(d_model))
        self.attention = GroupedQueryAttention(d_model, num_heads, num_kv_heads, base)
        self.feed_forward = SwiGLU(d_model, d_ff)

    def forward(self, x, mask=None, positions=None):
        """Let the positions look at each other, then work on each of them alone.

        Args:
            x: (B, n, d_model) tensor, the residual stream.
            mask: None, or an additive tensor that broadcasts against the scores (B, h, n, n),
                handed to the attention as it is.
            positions: None for 0 … n-1, or a tensor (n,), handed to the attention as it is.

        Returns:
            (B, n, d_model) tensor in the dtype of ``x``: the residual stream after both
            sub-layers. No weights are returned.
        """
        x = x + self.attention(rms_norm(x, self.gain1), mask, positions)[0]
        return x + self.feed_forward(rms_norm(x, self.gain2))
