"""What goes wrong in lesson 10."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from grader.course.versions import misconception
from solutions.attention_today import (
    rms_norm,
)

INF = math.inf


# --- rms_norm -----------------------------------------------------------------------------------


def _mean_square(x, axis=-1):
    return x.square().mean(dim=axis, keepdim=True)


@misconception(
    "rms_norm",
    "mean_subtracted",
    "subtracts the mean first",
    "That is layer norm without its bias. RMSNorm leaves the mean where it is.",
)
def rms_centered(x, gain, eps=1e-6):
    return rms_norm(x - x.mean(dim=-1, keepdim=True), gain, eps)


@misconception(
    "rms_norm",
    "spread_in_place_of_size",
    "divides by the standard deviation",
    "The mean is not subtracted from the numerator, but from the squares it is. What is wanted "
    "is the mean of the squares of the entries as they are.",
)
def rms_by_spread(x, gain, eps=1e-6):
    return x / torch.sqrt(x.var(dim=-1, correction=0, keepdim=True) + eps) * gain


@misconception(
    "rms_norm",
    "length_one",
    "divides by the length of the vector",
    "The sum of the squares is 1 afterwards; their mean should be. The result is too small by the "
    "root of d.",
)
def rms_length(x, gain, eps=1e-6):
    return x / torch.sqrt(x.square().sum(dim=-1, keepdim=True) + eps) * gain


@misconception(
    "rms_norm",
    "no_root",
    "divides by the mean square instead of its root",
    "A vector twice as long comes out half as long, where it should come out the same.",
)
def rms_no_root(x, gain, eps=1e-6):
    return x / (_mean_square(x) + eps) * gain


@misconception(
    "rms_norm",
    "mean_of_sizes",
    "divides by the mean of the absolute values",
    "The size is to be measured by squares: the root of their mean.",
)
def rms_absolute(x, gain, eps=1e-6):
    return x / (x.abs().mean(dim=-1, keepdim=True) + eps) * gain


@misconception(
    "rms_norm",
    "eps_outside_the_root",
    "adds eps to the root mean square",
    "eps belongs to the mean of the squares. Where the entries are large nobody sees the "
    "difference; near 0 the result is too large.",
)
def rms_eps_outside(x, gain, eps=1e-6):
    return x / (torch.sqrt(_mean_square(x)) + eps) * gain


@misconception(
    "rms_norm",
    "no_eps",
    "leaves eps out",
    "Right where the entries are large. A vector of zeros becomes 0/0, which is nan.",
)
def rms_no_eps(x, gain, eps=1e-6):
    return x / torch.sqrt(_mean_square(x)) * gain


@misconception(
    "rms_norm",
    "eps_fixed",
    "uses 1e-6 whatever the caller says",
    "eps is an argument; its default is all that is fixed.",
)
def rms_eps_fixed(x, gain, eps=1e-6):
    return rms_norm(x, gain)


@misconception(
    "rms_norm",
    "eps_of_layer_norm",
    "has layer norm's default for eps, 1e-5",
    "Loaded weights were trained with one eps. Where the entries are near 0.001, an eps ten times "
    "as large more than halves the result.",
)
def rms_other_default(x, gain, eps=1e-5):
    return rms_norm(x, gain, eps)


@misconception(
    "rms_norm",
    "eps_of_pytorch",
    "has PyTorch's default for eps, the smallest step at 1",
    "nn.RMSNorm takes about 1.2e-7 in float32 if nothing is said. This exercise, as most models "
    "do, says 1e-6.",
)
def rms_machine_eps(x, gain, eps=None):
    return F.rms_norm(x, x.shape[-1:], gain, eps)


@misconception(
    "rms_norm",
    "eps_as_a_floor",
    "raises small mean squares to eps",
    "A mean square below eps becomes eps and others stay. eps should be added to all of them.",
)
def rms_floor(x, gain, eps=1e-6):
    return x / torch.sqrt(_mean_square(x).clamp(min=eps)) * gain


@misconception(
    "rms_norm",
    "no_gain",
    "leaves the gain out",
    "Each feature has a scale of its own. At the start of training it is 1, so that its absence "
    "does not show.",
)
def rms_no_gain(x, gain, eps=1e-6):
    return rms_norm(x, torch.ones_like(gain), eps)


@misconception(
    "rms_norm",
    "one_plus_gain",
    "scales by 1 + gain",
    "Some models (Gemma among them) store the gain as a difference from 1. Here it is the scale "
    "itself.",
)
def rms_one_plus_gain(x, gain, eps=1e-6):
    return rms_norm(x, 1 + gain, eps)


@misconception(
    "rms_norm",
    "gain_first",
    "scales before it normalizes",
    "The gain takes part in the mean of the squares, so that part of what it does is undone. It "
    "comes last.",
)
def rms_gain_first(x, gain, eps=1e-6):
    return rms_norm(x * gain, torch.ones_like(gain), eps)


@misconception(
    "rms_norm",
    "over_everything",
    "takes one mean over all numbers",
    "Every vector should have a root mean square of its own.",
)
def rms_everything(x, gain, eps=1e-6):
    return x / torch.sqrt(x.square().mean() + eps) * gain


@misconception(
    "rms_norm",
    "positions",
    "normalizes along the positions",
    "Axis -2 holds the positions of a sequence. Each position should be normalized by itself, or "
    "later ones leak into earlier ones.",
)
def rms_positions(x, gain, eps=1e-6):
    return x / torch.sqrt(_mean_square(x, -2 if x.dim() > 1 else -1) + eps) * gain


@misconception(
    "rms_norm",
    "counts_from_the_front",
    "always normalizes axis 1",
    "Right for one leading axis. Count from the end.",
)
def rms_axis_one(x, gain, eps=1e-6):
    return x / torch.sqrt(_mean_square(x, 1) + eps) * gain


@misconception(
    "rms_norm",
    "axis_not_kept",
    "drops the axis of the mean",
    "Without keepdim a mean of shape (...,) meets x of shape (..., d), and broadcasting lines it "
    "up with the features. With as many positions as features it even runs.",
)
def rms_axis_dropped(x, gain, eps=1e-6):
    return x / torch.sqrt(x.square().mean(-1) + eps) * gain


@misconception(
    "rms_norm",
    "through_half_precision",
    "computes in half precision and converts back",
    "Three digits are left. Models that run in 16 bits do the opposite: they compute this norm in "
    "float32 and convert the result.",
)
def rms_half(x, gain, eps=1e-6):
    return rms_norm(x.half().to(x.dtype), gain, eps)


@misconception(
    "rms_norm",
    "float32_result",
    "turns float64 into float32",
    "A float64 x comes back as float32. The result has the dtype of x.",
)
def rms_float32(x, gain, eps=1e-6):
    return rms_norm(x.float(), gain.float(), eps)


@misconception(
    "rms_norm",
    "size_detached",
    "treats the root mean square as a constant",
    "The numbers are right, the gradient is not: the root mean square changes when x changes, and "
    "backpropagation has to know.",
)
def rms_constant(x, gain, eps=1e-6):
    return x / torch.sqrt(_mean_square(x.detach()) + eps) * gain


@misconception(
    "rms_norm",
    "cuts_the_graph",
    "cuts the graph",
    "The numbers are right, and no gradient reaches x.",
)
def rms_detached(x, gain, eps=1e-6):
    return rms_norm(x.detach(), gain, eps)


@misconception(
    "rms_norm",
    "in_place",
    "writes into the caller's tensor",
    "The result is right, and x has been normalized with it: the residual stream, which still "
    "needs x, is spoiled.",
)
def rms_in_place(x, gain, eps=1e-6):
    if x.requires_grad:
        return rms_norm(x, gain, eps)
    x /= torch.sqrt(_mean_square(x) + eps)
    return x * gain
