"""What goes wrong in lesson 10."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

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


# --- SwiGLU -------------------------------------------------------------------------------------


class _Gated(nn.Module):
    """The layer's three maps; each version below writes its own forward."""

    def __init__(self, d_model, d_ff):
        super().__init__()
        self.gate = nn.Linear(d_model, d_ff, bias=False)
        self.up = nn.Linear(d_model, d_ff, bias=False)
        self.down = nn.Linear(d_ff, d_model, bias=False)

    def right(self, x):
        """The right answer, for the versions that go wrong elsewhere."""
        return self.down(F.silu(self.gate(x)) * self.up(x))


@misconception(
    "SwiGLU",
    "other_way_round",
    "sends the other map through silu",
    "The map called up goes through silu and the gate does not. A model trained like that works "
    "as well; loaded weights do not.",
)
class SwigluSwapped(_Gated):
    def forward(self, x):
        return self.down(self.gate(x) * F.silu(self.up(x)))


@misconception(
    "SwiGLU",
    "gated_by_a_sigmoid",
    "sends the gate through a sigmoid",
    "That is the gated linear unit of 2016 (GLU): a gate between 0 and 1. SwiGLU's gate is "
    "z · sigmoid(z), which grows with z.",
)
class SwigluSigmoid(_Gated):
    def forward(self, x):
        return self.down(torch.sigmoid(self.gate(x)) * self.up(x))


@misconception(
    "SwiGLU",
    "gated_by_gelu",
    "sends the gate through GELU",
    "That is GEGLU, its sister in the same paper. GELU and silu are alike in shape and differ in "
    "the first digit.",
)
class SwigluGelu(_Gated):
    def forward(self, x):
        return self.down(F.gelu(self.gate(x)) * self.up(x))


@misconception(
    "SwiGLU",
    "gated_by_relu",
    "sends the gate through ReLU",
    "That is ReGLU, another sister in the same paper. Silu is not 0 left of 0.",
)
class SwigluRelu(_Gated):
    def forward(self, x):
        return self.down(F.relu(self.gate(x)) * self.up(x))


@misconception(
    "SwiGLU",
    "gelu_by_a_sigmoid",
    "sends the gate through z · sigmoid(1.702 z)",
    "That is a quick approximation of GELU. Silu has no factor inside its sigmoid.",
)
class SwigluQuick(_Gated):
    def forward(self, x):
        z = self.gate(x)
        return self.down(z * torch.sigmoid(1.702 * z) * self.up(x))


@misconception(
    "SwiGLU",
    "hard_swish",
    "sends the gate through the hard swish",
    "F.hardswish is made of straight pieces and parabolas, for small devices. Silu is smooth.",
)
class SwigluHard(_Gated):
    def forward(self, x):
        return self.down(F.hardswish(self.gate(x)) * self.up(x))


@misconception(
    "SwiGLU",
    "softplus",
    "sends the gate through softplus",
    "log(1 + exp(z)) has silu's name in one's ear (sigmoid is its slope), but it is never "
    "negative, and ln 2 at 0.",
)
class SwigluSoftplus(_Gated):
    def forward(self, x):
        return self.down(F.softplus(self.gate(x)) * self.up(x))


@misconception(
    "SwiGLU",
    "silu_of_the_product",
    "sends the product through silu",
    "Gate and content are multiplied first, and only then comes silu. It belongs to the gate "
    "alone.",
)
class SwigluProduct(_Gated):
    def forward(self, x):
        return self.down(F.silu(self.gate(x) * self.up(x)))


@misconception(
    "SwiGLU",
    "adds_the_two",
    "adds the two maps instead of multiplying",
    "A gate that is shut should let nothing through; a sum lets everything through.",
)
class SwigluSum(_Gated):
    def forward(self, x):
        return self.down(F.silu(self.gate(x)) + self.up(x))


@misconception(
    "SwiGLU",
    "no_nonlinearity",
    "multiplies two linear maps, without silu",
    "That is the bilinear variant of the same paper. The gate should go through silu first.",
)
class SwigluBilinear(_Gated):
    def forward(self, x):
        return self.down(self.gate(x) * self.up(x))


@misconception(
    "SwiGLU",
    "both_through_silu",
    "sends both maps through silu",
    "Only the gate goes through silu; the content passes as it is, negative numbers included.",
)
class SwigluBoth(_Gated):
    def forward(self, x):
        return self.down(F.silu(self.gate(x)) * F.silu(self.up(x)))


@misconception(
    "SwiGLU",
    "up_left_out",
    "leaves the second map out",
    "down(silu(gate(x))) is an ordinary feed-forward network of two layers. There is nothing that "
    "the gate could gate.",
)
class SwigluPlain(_Gated):
    def forward(self, x):
        return self.down(F.silu(self.gate(x)))


@misconception(
    "SwiGLU",
    "gate_as_content",
    "gates the gate by itself",
    "The content is the map called up; its weights play no part in the result.",
)
class SwigluSelf(_Gated):
    def forward(self, x):
        z = self.gate(x)
        return self.down(F.silu(z) * z)


@misconception(
    "SwiGLU",
    "exp_of_large_numbers",
    "computes silu from exp, which overflows",
    "z · exp(z) / (1 + exp(z)) is right on paper. Beyond z = 88 float32 has no number for exp(z), "
    "and inf/inf is nan.",
)
class SwigluOverflow(_Gated):
    def forward(self, x):
        z = self.gate(x)
        return self.down(z * torch.exp(z) / (1 + torch.exp(z)) * self.up(x))


@misconception(
    "SwiGLU",
    "residual_inside",
    "adds x to the result",
    "The residual connection belongs to the block around this layer, which would then add x twice.",
)
class SwigluResidual(_Gated):
    def forward(self, x):
        return x + self.right(x)


@misconception(
    "SwiGLU",
    "down_left_out",
    "stops before the last map",
    "The hidden layer is returned, d_ff wide. The result should be d_model wide again.",
)
class SwigluHidden(_Gated):
    def forward(self, x):
        return F.silu(self.gate(x)) * self.up(x)


@misconception(
    "SwiGLU",
    "float32_result",
    "turns everything into float32",
    "A float64 x comes back as float32. Let the maps and x keep their dtype.",
)
class SwigluFloat32(_Gated):
    def forward(self, x):
        return self.right(x).float()


@misconception(
    "SwiGLU",
    "gate_detached",
    "cuts the gate out of the graph",
    "The numbers are right, but the gate gets no gradient: it never learns what to let through.",
)
class SwigluDetached(_Gated):
    def forward(self, x):
        return self.down(F.silu(self.gate(x)).detach() * self.up(x))


@misconception(
    "SwiGLU",
    "in_place",
    "writes into the caller's tensor",
    "The result is right, and x has been overwritten with it: the residual stream, which still "
    "needs x, is spoiled.",
)
class SwigluInPlace(_Gated):
    def forward(self, x):
        out = self.right(x)
        if x.requires_grad:
            return out
        x.copy_(out.detach())
        return out
