"""Lesson 6: layer norm, feed-forward and residual: the block that transformers stack (PyTorch)."""

from __future__ import annotations

import math

import torch
from torch import nn

from solutions.multi_head_attention import MultiHeadAttention


def layer_norm(x, gain, bias, eps=1e-5):
    """Bring every vector to mean 0 and variance 1, then give each feature a scale and a shift.

    Ba, Kiros and Hinton 2016, section 3, over the last axis. Every position is normalized on its
    own: neither other positions nor other sequences of the batch take part.

    Args:
        x: (..., d) tensor, float32 or float64; ``...`` is any number of leading axes, none
            included. The mean of a vector may be 1000 times as large as its spread.
        gain: (d,) tensor, the scale of each feature.
        bias: (d,) tensor, the shift of each feature.
        eps: a small number ≥ 0, added to the variance before the root is taken. The variance is
            the mean of the d squared deviations (divided by d, not by d - 1).

    Returns:
        (..., d) tensor with the dtype of ``x``.
    """
    centered = x - x.mean(dim=-1, keepdim=True)
    variance = centered.square().mean(dim=-1, keepdim=True)
    return centered / torch.sqrt(variance + eps) * gain + bias


def gelu(x):
    """The Gaussian error linear unit: every number times the share of N(0, 1) that lies below it.

    The exact function, with the distribution function Φ of N(0, 1), not an approximation of it
    (Hendrycks and Gimpel 2016, section 2).

    Args:
        x: tensor of any shape, float32 or float64.

    Returns:
        Tensor x · Φ(x) of the shape and dtype of ``x``.
    """
    return x * 0.5 * (1.0 + torch.erf(x / math.sqrt(2.0)))


class FeedForward(nn.Module):
    """A small network of two layers that works on every position by itself.

    Vaswani et al. 2017, section 3.3, with the exact GELU in the middle.

    Args:
        d_model: width of an input vector and of an output vector.
        d_ff: width of the hidden layer in between.
    """

    def __init__(self, d_model, d_ff):
        super().__init__()
        self.up = nn.Linear(d_model, d_ff)
        self.down = nn.Linear(d_ff, d_model)

    def forward(self, x):
        """Apply the network to every vector of ``x``.

        Args:
            x: (..., d_model) tensor.

        Returns:
            (..., d_model) tensor in the dtype of ``x``. A position's result depends on that
            position alone.
        """
        return self.down(gelu(self.up(x)))


class TransformerBlock(nn.Module):
    """Attention, then a feed-forward network, each with its own layer norm and residual.

    The pre-norm order (drawn by Xiong et al. 2020, figure 1b): what goes *into* a sub-layer is
    normalized, and what comes out of it is added to a stream that no layer norm touches.

    Args:
        d_model: width of an input vector and of an output vector.
        num_heads: how many attention heads share that width. It divides ``d_model``.
        d_ff: width of the hidden layer of the feed-forward network.
        dropout: the probability p with which, in training mode, an entry of a sub-layer's output
            is set to 0 before it is added to the stream; the others are divided by 1 - p.
    """

    def __init__(self, d_model, num_heads, d_ff, dropout=0.0):
        super().__init__()
        self.attention = MultiHeadAttention(d_model, num_heads)
        self.feed_forward = FeedForward(d_model, d_ff)
        self.norm1 = nn.LayerNorm(d_model)
        self.norm2 = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, mask=None):
        """Let the positions look at each other, then let each think on its own.

        Args:
            x: (B, n, d_model) tensor, the stream.
            mask: None, or an additive tensor that broadcasts against the scores
                (B, num_heads, n, n), handed to the attention as it is.

        Returns:
            (B, n, d_model) tensor in the dtype of ``x``: the stream after both sub-layers. No
            weights are returned.
        """
        x = x + self.dropout(self.attention(self.norm1(x), mask=mask)[0])
        return x + self.dropout(self.feed_forward(self.norm2(x)))


def block_gradients(blocks, final, x, target, pre_norm):
    """Measure the gradient of every block of a stack: one number for each.

    ``x`` goes through all blocks, the first one first, and then, in both orders, through the layer
    norm ``final``. The loss is the mean squared error between what comes out and ``target``: the
    mean over all B · n · d numbers. A block's number is the L2 norm of the gradient of the loss
    with respect to all parameters of that block, taken together: those of the attention, of the
    feed-forward network and of both layer norms. A frozen parameter has no gradient and adds
    nothing; the parameters of ``final`` belong to no block.

    Measuring leaves no trace. A gradient that a parameter holds in ``.grad`` from elsewhere does
    not count, and it is still there afterwards; where ``.grad`` was None, it is None again.
    Parameters, ``x`` and ``target`` stay as they are.

    Args:
        blocks: at least one ``TransformerBlock`` of width d without dropout, each with parameters
            of its own, in a list, a tuple or an ``nn.ModuleList``. Parameters may be frozen
            (``requires_grad`` is False), even all those of one block, but not those of all blocks.
        final: an ``nn.LayerNorm`` of width d, with or without gain and bias.
        x: (B, n, d) tensor in the dtype of the parameters, float32 or float64.
        target: tensor of the shape and dtype of ``x``.
        pre_norm: True for the block of this lesson. False for the order of Vaswani et al. 2017,
            where each layer norm works on the sum of the stream and a sub-layer's output:
            norm1 after the attention, norm2 after the feed-forward network.

    Returns:
        A list of Python floats, one for each block, the first block's first; 0.0 for a block that
        is frozen as a whole.
    """
    for block in blocks:
        if pre_norm:
            x = block(x)
        else:
            x = block.norm1(x + block.attention(x)[0])
            x = block.norm2(x + block.feed_forward(x))
    loss = nn.functional.mse_loss(final(x), target)
    parameters = [[p for p in block.parameters() if p.requires_grad] for block in blocks]
    gradients = iter(torch.autograd.grad(loss, sum(parameters, [])))
    return [
        math.sqrt(sum(next(gradients).square().sum().item() for _ in own)) for own in parameters
    ]


def gradient_by_depth(depth, pre_norm):
    """Measure the gradient of every block of a stack before the first step of training.

    A small version of an experiment of Xiong et al. 2020. A stack of ``depth`` transformer
    blocks of width 32 with 4 heads, d_ff 128 and no dropout; every weight matrix Xavier-uniform,
    every bias 0, every gain 1; in both orders one more layer norm after the last block. The input
    and the target are standard normal, (4, 16, 32) each, and the loss is the mean squared error
    between the output and the target. Everything is drawn with seed 0, in any order you like.

    Args:
        depth: number of blocks, at least 1.
        pre_norm: True for the block of this lesson. False for the order of Vaswani et al. 2017,
            where each layer norm works on the sum of the stream and a sub-layer's output:
            norm1 after the attention, norm2 after the feed-forward network.

    Returns:
        A list of ``depth`` Python floats, the first block's first: the L2 norm of the gradient of
        the loss with respect to all parameters of that block, taken together.
    """
    with torch.random.fork_rng():  # the caller's random numbers stay as they were
        torch.manual_seed(0)
        blocks = [TransformerBlock(32, 4, 128) for _ in range(depth)]
        for block in blocks:
            for parameter in block.parameters():
                if parameter.dim() == 2:
                    nn.init.xavier_uniform_(parameter)
            nn.init.zeros_(block.feed_forward.up.bias)
            nn.init.zeros_(block.feed_forward.down.bias)
        x, target = torch.randn(4, 16, 32), torch.randn(4, 16, 32)
    return block_gradients(blocks, nn.LayerNorm(32), x, target, pre_norm)


def repaired_layer_norm(x, gain, bias, eps=1e-5):
    """Layer norm as a well-known tutorial has it. It runs, it trains, and it has two faults.

    It should return what ``torch.nn.functional.layer_norm(x, (d,), gain, bias, eps)`` returns, for
    every input. Find both faults and fix them.

    Args:
        x: (..., d) tensor, float32 or float64; ``...`` is any number of leading axes, none
            included. d may be 1.
        gain: (d,) tensor, the scale of each feature.
        bias: (d,) tensor, the shift of each feature.
        eps: a small number ≥ 0 that keeps the division safe.

    Returns:
        (..., d) tensor with the dtype of ``x``.
    """
    average = x.mean(-1, keepdim=True)
    variance = x.var(-1, keepdim=True, correction=0)
    return gain * (x - average) / (variance + eps).sqrt() + bias


def failing_vectors():
    """Return two vectors: one shows the first fault and hides the second, one the other way around.

    The faults are those of ``repaired_layer_norm`` as it was given: the squared deviations are
    divided by d - 1, and eps is added outside the root. Each fault is tried by itself, in a layer
    norm that is right otherwise, with gain 1, bias 0 and eps = 1e-5. A fault's error is the
    largest difference from the right result, as a share of the largest number in that result.

    Returns:
        A tuple of two tensors, (d,) and (d',), float32 or float64, with finite entries. On the
        first, dividing by d - 1 causes an error of more than 25 %, and the misplaced eps one of
        less than 1 %; on the second, eps causes more than 25 % and the division less than 1 %. A
        result that is nan counts as an error, too.
    """
    return torch.tensor([1.0, 0.0]), torch.tensor([1e-5, 0.0])
