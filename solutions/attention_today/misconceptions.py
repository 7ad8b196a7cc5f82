"""What goes wrong in lesson 10."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from grader.course.versions import misconception, variant
from solutions.attention_today import (
    GroupedQueryAttention,
    ModernBlock,
    interleave_rows,
    interpolate_positions,
    kv_cache_bytes,
    rms_norm,
    rotary_base,
    streaming_attention,
    window_mask,
)
from solutions.masking import masked_attention
from solutions.multi_head_attention import merge_heads, split_heads
from solutions.positional_encoding import rotary_encoding

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
    "The standard deviation measures how far the entries lie from their mean. RMSNorm takes the "
    "squares of the entries as they are.",
    correction=(1,),
)
def rms_by_spread(x, gain, eps=1e-6, *, correction=0):
    return x / torch.sqrt(x.var(dim=-1, correction=correction, keepdim=True) + eps) * gain


@variant("rms_norm", "spread_in_place_of_size", "with eps outside the root")
def rms_by_torch_std(x, gain, eps=1e-6):
    return x / (x.std(dim=-1, keepdim=True) + eps) * gain


@misconception(
    "rms_norm",
    "length_one",
    "divides by the length of the vector",
    "Afterwards the sum of the squares is 1, where the mean of the squares should be 1. The result "
    "is too small by a factor of √d.",
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
    "Measure the size by the squares: take the root of their mean.",
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
    "eps is an argument; only its default is fixed.",
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
    "has PyTorch's default for eps, the machine epsilon",
    "nn.RMSNorm takes about 1.2e-7 in float32 by default. The default of this exercise is that "
    "of most models, 1e-6.",
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
    "The gain then takes part in the mean of the squares, which undoes part of its work. The gain "
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
    dtype=(torch.bfloat16,),
)
def rms_half(x, gain, eps=1e-6, *, dtype=torch.float16):
    return rms_norm(x.to(dtype).to(x.dtype), gain, eps)


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
    "mean_in_float32",
    "takes the mean of the squares in float32",
    "For 16-bit numbers float32 is wider, and models do so. A float64 x loses half of its sixteen "
    "digits there.",
)
def rms_mean_in_float32(x, gain, eps=1e-6):
    return x * torch.rsqrt(_mean_square(x.float()) + eps) * gain


@variant("rms_norm", "mean_in_float32", "divided by the root")
def rms_root_in_float32(x, gain, eps=1e-6):
    return x / torch.sqrt(_mean_square(x.float()) + eps) * gain


@variant("rms_norm", "mean_in_float32", "and divides in float32, too")
def rms_divided_in_float32(x, gain, eps=1e-6):
    wide = x.float()
    return (wide * torch.rsqrt(_mean_square(wide) + eps)).to(x.dtype) * gain


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
    "Softplus is log(1 + exp(z)), and its slope is the sigmoid. It is never negative, and at 0 it "
    "is ln 2, where silu is 0.",
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
    "down(silu(gate(x))) is an ordinary feed-forward network of two layers. The gate has nothing "
    "to let through.",
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


# --- GroupedQueryAttention ----------------------------------------------------------------------


class _Grouped(GroupedQueryAttention):
    """The layer with single steps of its forward open to change."""

    def turn(self, x, positions):
        return rotary_encoding(x, positions, self.base)

    def parts(self, x):
        """Queries, keys and values, split into their heads."""
        return (
            split_heads(self.W_query(x), self.num_heads),
            split_heads(self.W_key(x), self.num_kv_heads),
            split_heads(self.W_value(x), self.num_kv_heads),
        )

    def shared(self, heads):
        return heads.repeat_interleave(self.num_heads // self.num_kv_heads, dim=-3)

    def finish(self, query, key, value, mask):
        found, weights = masked_attention(query, self.shared(key), self.shared(value), mask)
        return self.W_output(merge_heads(found)), weights

    def forward(self, x, mask=None, positions=None):
        query, key, value = self.parts(x)
        return self.finish(self.turn(query, positions), self.turn(key, positions), value, mask)


@misconception(
    "GroupedQueryAttention",
    "heads_in_turn",
    "deals the key-value heads out in turn",
    "Query head j reads key-value head j % h_kv. Neighbors should share: the first h/h_kv query "
    "heads read head 0, the next ones head 1. Tensor.repeat and repeat_interleave differ in "
    "exactly this.",
)
class GroupedTiled(_Grouped):
    def shared(self, heads):
        return heads.repeat(1, self.num_heads // self.num_kv_heads, 1, 1)


@misconception(
    "GroupedQueryAttention",
    "one_for_all",
    "lets all query heads read the first key-value head",
    "That is multi-query attention, whatever num_kv_heads says: all other key-value heads are "
    "computed and thrown away.",
)
class GroupedFirst(_Grouped):
    def shared(self, heads):
        return heads[:, :1].expand(-1, self.num_heads, -1, -1)


@misconception(
    "GroupedQueryAttention",
    "mean_of_the_heads",
    "lets all query heads read the mean of the key-value heads",
    "Heads are averaged when a trained model is converted, not when it runs. Each query head "
    "should read one of them.",
)
class GroupedMean(_Grouped):
    def shared(self, heads):
        return heads.mean(dim=1, keepdim=True).expand(-1, self.num_heads, -1, -1)


@misconception(
    "GroupedQueryAttention",
    "reversed_heads",
    "counts the key-value heads from the end",
    "Query head 0 should read key-value head 0, not the last one.",
)
class GroupedReversed(_Grouped):
    def shared(self, heads):
        return super().shared(heads.flip(1))


@misconception(
    "GroupedQueryAttention",
    "shifted_groups",
    "shifts the groups by one query head",
    "The first group has one query head too few: the boundaries of the groups are one place "
    "too early.",
)
class GroupedShifted(_Grouped):
    def shared(self, heads):
        return super().shared(heads).roll(-1, dims=1)


@misconception(
    "GroupedQueryAttention",
    "no_rotation",
    "turns nothing",
    "The layer does not know where a vector stands: positions play no part in the result.",
)
class GroupedUnturned(_Grouped):
    def turn(self, x, positions):
        return x


@misconception(
    "GroupedQueryAttention",
    "only_queries_turned",
    "turns the queries and not the keys",
    "A score depends on the offset of two positions because both vectors were turned. With one of "
    "them turned it depends on where the query stands.",
)
class GroupedQueriesOnly(_Grouped):
    def forward(self, x, mask=None, positions=None):
        query, key, value = self.parts(x)
        return self.finish(self.turn(query, positions), key, value, mask)


@misconception(
    "GroupedQueryAttention",
    "only_keys_turned",
    "turns the keys and not the queries",
    "A score depends on the offset of two positions because both vectors were turned. With one of "
    "them turned it depends on where the key stands.",
)
class GroupedKeysOnly(_Grouped):
    def forward(self, x, mask=None, positions=None):
        query, key, value = self.parts(x)
        return self.finish(query, self.turn(key, positions), value, mask)


@misconception(
    "GroupedQueryAttention",
    "values_turned",
    "turns the values, too",
    "In a score two turns meet, and only their difference is left. A value meets no second turn: "
    "it arrives turned by its place.",
)
class GroupedValues(_Grouped):
    def forward(self, x, mask=None, positions=None):
        query, key, value = (self.turn(part, positions) for part in self.parts(x))
        return self.finish(query, key, value, mask)


@misconception(
    "GroupedQueryAttention",
    "turned_before_the_split",
    "turns queries and keys before they are split into heads",
    "The frequencies run over the whole width, so that head 0 gets the fast ones and the last head "
    "only slow ones. Each head should have all of them.",
)
class GroupedBeforeSplit(_Grouped):
    def forward(self, x, mask=None, positions=None):
        query = split_heads(self.turn(self.W_query(x), positions), self.num_heads)
        key = split_heads(self.turn(self.W_key(x), positions), self.num_kv_heads)
        return self.finish(query, key, split_heads(self.W_value(x), self.num_kv_heads), mask)


@misconception(
    "GroupedQueryAttention",
    "input_turned",
    "turns x before the linear maps",
    "A linear map after the turn mixes the pairs, and scores no longer depend on offsets alone; "
    "the values are turned with it.",
)
class GroupedInput(_Grouped):
    def forward(self, x, mask=None, positions=None):
        query, key, value = self.parts(self.turn(x, positions))
        return self.finish(query, key, value, mask)


@misconception(
    "GroupedQueryAttention",
    "turned_along_the_heads",
    "turns by the number of the head, not of the position",
    "rotary_encoding reads positions from axis -2, and in (B, n, h, d_head) that axis holds the "
    "heads. Exchange the axes first.",
)
class GroupedAlongHeads(_Grouped):
    def turn(self, x, positions):
        if positions is not None:
            return super().turn(x, positions)
        return rotary_encoding(x.transpose(1, 2), None, self.base).transpose(1, 2)


@misconception(
    "GroupedQueryAttention",
    "half_split",
    "pairs entry i of a head with entry i + d_head/2",
    "Many libraries do. Weights trained with one layout give nonsense with the other; lesson 5's "
    "rotary_encoding pairs neighbors.",
)
class GroupedHalfSplit(_Grouped):
    def turn(self, x, positions):
        pairs = x.unflatten(-1, (2, -1)).transpose(-1, -2).flatten(-2)
        return rotary_encoding(pairs, positions, self.base)


@misconception(
    "GroupedQueryAttention",
    "turned_backward",
    "turns queries one way and keys the other",
    "The two angles add up where they should cancel: the score depends on the sum of the two "
    "positions.",
)
class GroupedBackward(_Grouped):
    def forward(self, x, mask=None, positions=None):
        query, key, value = self.parts(x)
        places = torch.arange(x.shape[1]) if positions is None else positions
        return self.finish(self.turn(query, places), self.turn(key, -places), value, mask)


@misconception(
    "GroupedQueryAttention",
    "fixed_base",
    "always turns with the base 10000",
    "The base that the layer was made with plays no part in the result.",
)
class GroupedFixedBase(_Grouped):
    def turn(self, x, positions):
        return rotary_encoding(x, positions)


@misconception(
    "GroupedQueryAttention",
    "ignores_positions",
    "takes 0 … n-1 for the positions, whatever is given",
    "The third argument plays no part in the result.",
)
class GroupedIgnoresPositions(_Grouped):
    def turn(self, x, positions):
        return super().turn(x, None)


@misconception(
    "GroupedQueryAttention",
    "whole_positions",
    "rounds positions down to whole numbers",
    "Squeezed positions lie between whole numbers. Rounded down, neighbors share a place.",
)
class GroupedWhole(_Grouped):
    def turn(self, x, positions):
        return super().turn(x, None if positions is None else positions.long())


@misconception(
    "GroupedQueryAttention",
    "scaled_by_the_model",
    "divides the scores by the root of d_model",
    "The vectors that are multiplied are as wide as one head. Too large a root makes the weights "
    "too even.",
)
class GroupedWideScale(_Grouped):
    def finish(self, query, key, value, mask):
        return super().finish(query / math.sqrt(self.num_heads), key, value, mask)


@misconception(
    "GroupedQueryAttention",
    "unscaled",
    "does not scale the scores",
    "Scores are divided by the root of the width of a head.",
)
class GroupedUnscaled(_Grouped):
    def finish(self, query, key, value, mask):
        return super().finish(query * math.sqrt(query.shape[-1]), key, value, mask)


@misconception(
    "GroupedQueryAttention",
    "mask_ignored",
    "leaves the mask out",
    "The second argument plays no part in the result: every position sees all others.",
)
class GroupedUnmasked(_Grouped):
    def finish(self, query, key, value, mask):
        return super().finish(query, key, value, None)


@misconception(
    "GroupedQueryAttention",
    "always_causal",
    "hides the future even where no mask says so",
    "The mask alone decides what may be seen. Without one every position sees all others.",
)
class GroupedCausal(_Grouped):
    def finish(self, query, key, value, mask):
        n = query.shape[-2]
        future = torch.full((n, n), -INF).triu(1)
        return super().finish(query, key, value, future if mask is None else mask + future)


@misconception(
    "GroupedQueryAttention",
    "nan_where_nothing_is_seen",
    "gives nan where a query may look at nothing",
    "Softmax of a row of -inf is 0/0. Such a row should get the weights 0.",
)
class GroupedNan(_Grouped):
    def finish(self, query, key, value, mask):
        scores = query @ self.shared(key).transpose(-2, -1) / math.sqrt(query.shape[-1])
        weights = torch.softmax(scores if mask is None else scores + mask, dim=-1)
        weights = weights.to(query.dtype)
        return self.W_output(merge_heads(weights @ self.shared(value))), weights


@misconception(
    "GroupedQueryAttention",
    "even_where_nothing_is_seen",
    "spreads the weights evenly where a query may look at nothing",
    "The -inf have become equal finite numbers, and equal scores are equal weights. Such a row "
    "should get the weights 0.",
)
class GroupedEven(_Grouped):
    def finish(self, query, key, value, mask):
        if mask is not None:
            mask = mask.clamp(min=-1e9)
        return super().finish(query, key, value, mask)


@misconception(
    "GroupedQueryAttention",
    "torn_heads",
    "tears the positions apart on the way back from the heads",
    "A reshape of (B, h, n, d_head) alone lays numbers of different positions side by side. Heads "
    "and positions change places first.",
)
class GroupedTorn(_Grouped):
    def finish(self, query, key, value, mask):
        found, weights = masked_attention(query, self.shared(key), self.shared(value), mask)
        return self.W_output(found.reshape(len(found), found.shape[-2], -1)), weights


@misconception(
    "GroupedQueryAttention",
    "no_output_map",
    "leaves W_output out",
    "What the heads have found lies side by side, and nothing has mixed it.",
)
class GroupedNoOutput(_Grouped):
    def finish(self, query, key, value, mask):
        found, weights = masked_attention(query, self.shared(key), self.shared(value), mask)
        return merge_heads(found), weights


@misconception(
    "GroupedQueryAttention",
    "mean_weights",
    "returns the mean of the heads' weights",
    "The exercise asks for the weights of every head, (B, h, n, n).",
)
class GroupedMeanWeights(_Grouped):
    def finish(self, query, key, value, mask):
        output, weights = super().finish(query, key, value, mask)
        return output, weights.mean(dim=1)


@misconception(
    "GroupedQueryAttention",
    "weights_of_the_groups",
    "returns the weights of the groups, (B, h_kv, n, n)",
    "Query heads that share a key-value head still have weights of their own: return h tables.",
)
class GroupedFewWeights(_Grouped):
    def finish(self, query, key, value, mask):
        output, weights = super().finish(query, key, value, mask)
        return output, weights[:, :: self.num_heads // self.num_kv_heads]


@misconception(
    "GroupedQueryAttention",
    "output_alone",
    "returns the output without the weights",
    "The exercise asks for a pair: the output and the weights.",
)
class GroupedOutputOnly(_Grouped):
    def forward(self, x, mask=None, positions=None):
        return super().forward(x, mask, positions)[0]


@misconception(
    "GroupedQueryAttention",
    "keys_detached",
    "cuts the keys out of the graph",
    "The numbers are right, but no gradient reaches W_key: cached keys need no gradient, those in "
    "training do.",
)
class GroupedDetached(_Grouped):
    def finish(self, query, key, value, mask):
        return super().finish(query, key.detach(), value, mask)


@misconception(
    "GroupedQueryAttention",
    "float32_result",
    "turns everything into float32",
    "A float64 layer gives float32. Let the dtype of x decide.",
)
class GroupedFloat32(_Grouped):
    def forward(self, x, mask=None, positions=None):
        output, weights = super().forward(x, mask, positions)
        return output.float(), weights.float()


@misconception(
    "GroupedQueryAttention",
    "in_place",
    "writes into the caller's tensor",
    "The result is right, and x has been overwritten with it: the residual stream, which still "
    "needs x, is spoiled.",
)
class GroupedInPlace(_Grouped):
    def forward(self, x, mask=None, positions=None):
        output, weights = super().forward(x, mask, positions)
        if not x.requires_grad:
            x.copy_(output.detach())
        return output, weights


# --- kv_cache_bytes -----------------------------------------------------------------------------


@misconception(
    "kv_cache_bytes",
    "keys_only",
    "counts the keys and forgets the values",
    "Both are kept: the key by which a token is found, and the value that it hands over.",
)
def cache_keys(layers, num_kv_heads, d_head, tokens, bytes_per_number=2):
    return kv_cache_bytes(layers, num_kv_heads, d_head, tokens, bytes_per_number) // 2


@misconception(
    "kv_cache_bytes",
    "queries_too",
    "counts queries as well",
    "A query is used once, when its token is the newest. Nobody asks an old question again.",
)
def cache_queries(layers, num_kv_heads, d_head, tokens, bytes_per_number=2):
    return kv_cache_bytes(layers, num_kv_heads, d_head, tokens, bytes_per_number) // 2 * 3


@misconception(
    "kv_cache_bytes",
    "one_layer",
    "counts a single layer",
    "Every layer has keys and values of its own.",
)
def cache_one_layer(layers, num_kv_heads, d_head, tokens, bytes_per_number=2):
    return kv_cache_bytes(1, num_kv_heads, d_head, tokens, bytes_per_number)


@misconception(
    "kv_cache_bytes",
    "one_head",
    "counts a single head in each layer",
    "Every key-value head keeps keys and values of its own, each d_head wide.",
)
def cache_one_head(layers, num_kv_heads, d_head, tokens, bytes_per_number=2):
    return kv_cache_bytes(layers, 1, d_head, tokens, bytes_per_number)


@misconception(
    "kv_cache_bytes",
    "without_the_width",
    "counts vectors and not their numbers",
    "A key has d_head numbers, and each of them takes bytes_per_number bytes.",
)
def cache_no_width(layers, num_kv_heads, d_head, tokens, bytes_per_number=2):
    return kv_cache_bytes(layers, num_kv_heads, 1, tokens, bytes_per_number)


@misconception(
    "kv_cache_bytes",
    "numbers_not_bytes",
    "counts numbers and not bytes",
    "The last argument plays no part: each number takes bytes_per_number bytes.",
)
def cache_numbers(layers, num_kv_heads, d_head, tokens, bytes_per_number=2):
    return kv_cache_bytes(layers, num_kv_heads, d_head, tokens, 1)


@misconception(
    "kv_cache_bytes",
    "always_two_bytes",
    "always takes two bytes for a number",
    "The last argument plays no part: float32 takes four bytes.",
)
def cache_two_bytes(layers, num_kv_heads, d_head, tokens, bytes_per_number=2):
    return kv_cache_bytes(layers, num_kv_heads, d_head, tokens)


@misconception(
    "kv_cache_bytes",
    "four_by_default",
    "takes four bytes for a number by default",
    "Models are served in 16 bits, two bytes a number, unless stated otherwise.",
)
def cache_four_bytes(layers, num_kv_heads, d_head, tokens, bytes_per_number=4):
    return kv_cache_bytes(layers, num_kv_heads, d_head, tokens, bytes_per_number)


@misconception(
    "kv_cache_bytes",
    "bits",
    "counts bits",
    "A byte has 8 bits, and bytes are asked for.",
)
def cache_bits(layers, num_kv_heads, d_head, tokens, bytes_per_number=2):
    return 8 * kv_cache_bytes(layers, num_kv_heads, d_head, tokens, bytes_per_number)


@misconception(
    "kv_cache_bytes",
    "pairs_of_tokens",
    "grows with the square of the number of tokens",
    "Scores belong to pairs of tokens, and they are not kept. Keys and values belong to single "
    "tokens.",
)
def cache_squared(layers, num_kv_heads, d_head, tokens, bytes_per_number=2):
    return tokens * kv_cache_bytes(layers, num_kv_heads, d_head, tokens, bytes_per_number)


@misconception(
    "kv_cache_bytes",
    "newest_token_left_out",
    "counts one token too few",
    "All tokens are kept, the newest included: the next query will look at it.",
)
def cache_off_by_one(layers, num_kv_heads, d_head, tokens, bytes_per_number=2):
    return kv_cache_bytes(layers, num_kv_heads, d_head, tokens - 1, bytes_per_number)


@misconception(
    "kv_cache_bytes",
    "megabytes",
    "counts in megabytes",
    "The number of bytes is asked for, a whole number.",
    megabyte=(10**6,),
)
def cache_megabytes(layers, num_kv_heads, d_head, tokens, bytes_per_number=2, *, megabyte=2**20):
    return kv_cache_bytes(layers, num_kv_heads, d_head, tokens, bytes_per_number) / megabyte


@misconception(
    "kv_cache_bytes",
    "a_float",
    "gives a float",
    "A count is a Python int. A float holds 15 digits or so, and the last ones of a larger number "
    "are lost.",
)
def cache_float(layers, num_kv_heads, d_head, tokens, bytes_per_number=2):
    return 2.0 * layers * num_kv_heads * d_head * tokens * bytes_per_number


@misconception(
    "kv_cache_bytes",
    "through_floats",
    "calculates with floats and makes an int of the result",
    "The last digits of a large number are lost before it becomes an int: a float64 holds 15 "
    "digits or so, a float32 seven. Multiply whole numbers; a division with / gives a float, too.",
)
def cache_through_floats(layers, num_kv_heads, d_head, tokens, bytes_per_number=2):
    return int(cache_float(layers, num_kv_heads, d_head, tokens, bytes_per_number))


@variant("kv_cache_bytes", "through_floats", "by way of megabytes")
def cache_through_megabytes(layers, num_kv_heads, d_head, tokens, bytes_per_number=2):
    count = kv_cache_bytes(layers, num_kv_heads, d_head, tokens, bytes_per_number)
    return round(count / 10**6 * 10**6)


@variant("kv_cache_bytes", "through_floats", "in float32")
def cache_through_float32(layers, num_kv_heads, d_head, tokens, bytes_per_number=2):
    return int(torch.tensor([2.0, layers, num_kv_heads, d_head, tokens, bytes_per_number]).prod())


# --- window_mask --------------------------------------------------------------------------------


def _window(n, see):
    """An additive mask from a function of the tables i and j."""
    i, j = torch.arange(n)[:, None], torch.arange(n)
    return torch.zeros(n, n).masked_fill(~see(i, j), -INF)


@misconception(
    "window_mask",
    "one_too_many",
    "sees one position too many",
    "A window of 3 is the position itself and the two before it. Yours sees the position itself "
    "and as many before it as the window is wide.",
)
def window_wide(n, window, sinks=0):
    return window_mask(n, window + 1, sinks)


@misconception(
    "window_mask",
    "one_too_few",
    "sees one position too few",
    "A window of 3 is three positions, the row's own included.",
)
def window_narrow(n, window, sinks=0):
    return _window(n, lambda i, j: (j <= i) & ((j > i - window + 1) | (j < sinks)))


@misconception(
    "window_mask",
    "sees_the_future",
    "sees as far ahead as back",
    "The window lies on both sides, as in lesson 3's local mask. Here a position sees nothing "
    "later than itself.",
)
def window_both_sides(n, window, sinks=0):
    return _window(n, lambda i, j: ((i - j).abs() < window) | ((j < sinks) & (j <= i)))


@misconception(
    "window_mask",
    "looks_ahead",
    "has rows and columns exchanged",
    "Row i is the query and column j the key. Transposed, a position sees what comes after it.",
)
def window_transposed(n, window, sinks=0):
    return window_mask(n, window, sinks).T


@misconception(
    "window_mask",
    "no_window",
    "hides the future and nothing else",
    "That is the causal mask. Positions further back than the window must be hidden, too.",
)
def window_causal(n, window, sinks=0):
    return window_mask(n, n, sinks)


@misconception(
    "window_mask",
    "no_sinks",
    "leaves the sinks out",
    "The third argument plays no part: the first positions are to stay visible.",
)
def window_no_sinks(n, window, sinks=0):
    return window_mask(n, window)


@misconception(
    "window_mask",
    "sinks_from_the_future",
    "lets early rows see sinks that come after them",
    "With several sinks the first rows are sinks themselves, and a later sink is their future.",
)
def window_sinks_ahead(n, window, sinks=0):
    return _window(n, lambda i, j: ((j <= i) & (j > i - window)) | (j < sinks))


@misconception(
    "window_mask",
    "sinks_see_everything",
    "lets the sinks see and not be seen",
    "The first rows were opened in place of the first columns. A sink is a key that every later "
    "query sees.",
)
def window_sink_rows(n, window, sinks=0):
    return _window(n, lambda i, j: (j <= i) & ((j > i - window) | (i < sinks)))


@misconception(
    "window_mask",
    "one_sink",
    "has one sink however many are asked for",
    "The first `sinks` positions are to stay visible, not position 0 alone.",
)
def window_one_sink(n, window, sinks=0):
    return window_mask(n, window, min(sinks, 1))


@misconception(
    "window_mask",
    "one_sink_too_many",
    "has one sink too many",
    "Positions count from 0: two sinks are positions 0 and 1.",
)
def window_extra_sink(n, window, sinks=0):
    return _window(n, lambda i, j: (j <= i) & ((j > i - window) | (j <= sinks)))


@misconception(
    "window_mask",
    "sinks_within_the_window",
    "lets the sinks take places of the window",
    "A row sees its window *and* the sinks. Yours sees as many positions in all as the window is "
    "wide.",
)
def window_shared(n, window, sinks=0):
    return window_mask(n, max(window - sinks, 1), sinks)


@misconception(
    "window_mask",
    "sinks_at_the_end",
    "takes the last positions for the sinks",
    "The sinks are the first positions of the sequence: they are in everybody's past.",
)
def window_last(n, window, sinks=0):
    return _window(n, lambda i, j: (j <= i) & ((j > i - window) | (j >= n - sinks)))


@misconception(
    "window_mask",
    "blocks",
    "cuts the sequence into blocks",
    "Positions see back to the start of their own block. A window moves along with its position.",
)
def window_blocks(n, window, sinks=0):
    return _window(n, lambda i, j: (j <= i) & ((j // window == i // window) | (j < sinks)))


@misconception(
    "window_mask",
    "hides_itself",
    "hides the position itself",
    "The window ends with position i, which sees itself.",
)
def window_not_itself(n, window, sinks=0):
    return window_mask(n, window, sinks).masked_fill(torch.eye(n) > 0, -INF)


@variant("window_mask", "hides_itself", "unless it is a sink")
def window_before_itself(n, window, sinks=0):
    return _window(n, lambda i, j: ((j < i) & (i - j < window)) | ((j < sinks) & (j <= i)))


@misconception(
    "window_mask",
    "negative_start",
    "lets a slice start below 0",
    "In the first rows the window would begin before position 0. A slice that starts below 0 is "
    "counted from the end, so these rows do not see their window. Start at max(0, …).",
)
def window_negative_start(n, window, sinks=0):
    mask = torch.full((n, n), -INF)
    for i in range(n):
        mask[i, i - window + 1 : i + 1] = 0.0
        mask[i, : min(sinks, i + 1)] = 0.0
    return mask


@misconception(
    "window_mask",
    "ones_and_zeros",
    "holds 1 where a query may look and 0 where it may not",
    "A mask of this course is added to the scores: 0 shows, -inf hides.",
)
def window_binary(n, window, sinks=0):
    return torch.isfinite(window_mask(n, window, sinks)).float()


@misconception(
    "window_mask",
    "booleans",
    "holds True and False",
    "A mask of this course is added to the scores: 0 shows, -inf hides, in float32.",
)
def window_boolean(n, window, sinks=0):
    return torch.isfinite(window_mask(n, window, sinks))


@misconception(
    "window_mask",
    "zero_times_infinity",
    "multiplies zeros by -inf",
    "0 times -inf is not 0 but nan, and one nan in a row of scores spoils the whole row.",
)
def window_nan(n, window, sinks=0):
    return torch.isinf(window_mask(n, window, sinks)).float() * -INF


@misconception(
    "window_mask",
    "finite_fill",
    "hides with a large finite number",
    "The right places, but a mask of this course holds exactly -inf where it hides.",
    fill=(-1e4, -1e5, -1e6, -1e8, -1e10, -1e12, -1e30, torch.finfo(torch.float32).min),
)
def window_finite(n, window, sinks=0, *, fill=-1e9):
    return window_mask(n, window, sinks).clamp(min=fill)


@misconception(
    "window_mask",
    "float64",
    "returns float64",
    "The course's masks are float32.",
)
def window_float64(n, window, sinks=0):
    return window_mask(n, window, sinks).double()


# --- streaming_attention ------------------------------------------------------------------------


def _stream(query, key, value, block, root=None, count=None):
    """Yield scores and values, block by block."""
    root = math.sqrt(query.shape[-1]) if root is None else root
    end = key.shape[-2] if count is None else count
    for start in range(0, end, block):
        rows = slice(start, start + block)
        yield query @ key[..., rows, :].transpose(-2, -1) / root, value[..., rows, :]


def _nothing() -> Any:
    """The maximum, the sum and the output before the first block."""
    return None, 0.0, 0.0


def _gather(blocks):
    """The right answer from an iterable of blocks of scores and values."""
    _, total, output = _nothing()
    top: Any = -INF
    for scores, value in blocks:
        new_top = torch.clamp(scores.amax(dim=-1, keepdim=True).detach(), min=top)
        top = torch.as_tensor(top, dtype=scores.dtype)
        shrink, powers = torch.exp(top - new_top), torch.exp(scores - new_top)
        total = total * shrink + powers.sum(dim=-1, keepdim=True)
        output = output * shrink + powers @ value
        top = new_top
    return output / total


@misconception(
    "streaming_attention",
    "too_much_at_once",
    "holds too much at one time",
    "The result is right, but it takes more memory than the keys, the values and a few blocks of "
    "scores. All scores of 32 queries with 1.5 million keys are 384 MB in float64, before softmax "
    "has begun; powers kept until the end, or a copy of the keys for every query, are no better. "
    "It does not help to take the queries in blocks, or to join blocks of scores again before "
    "softmax.",
)
def stream_full(query, key, value, block):
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    return torch.softmax(scores, dim=-1) @ value


@variant("streaming_attention", "too_much_at_once", "softmax by hand, in place")
def stream_full_in_place(query, key, value, block):
    powers = (query / math.sqrt(query.shape[-1])) @ key.mT
    powers.sub_(powers.amax(dim=-1, keepdim=True).detach()).exp_()
    return (powers @ value) / powers.sum(dim=-1, keepdim=True)


@variant("streaming_attention", "too_much_at_once", "for 16 queries at a time")
def stream_groups_of_queries(query, key, value, block):
    groups = query.split(16, dim=-2)
    return torch.cat([stream_full(group, key, value, block) for group in groups], dim=-2)


@variant("streaming_attention", "too_much_at_once", "block by block, and joined for softmax")
def stream_joined(query, key, value, block):
    parts = [query @ part.mT for part in key.split(block, dim=-2)]
    scores = torch.cat(parts, dim=-1) / math.sqrt(query.shape[-1])
    return torch.softmax(scores, dim=-1) @ value


@variant("streaming_attention", "too_much_at_once", "the keys once for every query")
def stream_copied_keys(query, key, value, block):
    copies = key[..., None, :, :] + torch.zeros_like(query[..., None, :])
    parts = zip(copies.split(block, dim=-2), value.split(block, dim=-2), strict=True)
    root = math.sqrt(query.shape[-1])
    return _gather(((keys @ query[..., None])[..., 0] / root, part) for keys, part in parts)


@misconception(
    "streaming_attention",
    "number_of_blocks",
    "takes `block` for the number of blocks",
    "`block` is how many keys a block holds. tensor.chunk and torch.chunk take the number of "
    "blocks, tensor.split and torch.split their length.",
)
def stream_chunks(query, key, value, block):
    root = math.sqrt(query.shape[-1])
    parts = zip(key.chunk(block, dim=-2), value.chunk(block, dim=-2), strict=True)
    return _gather((query @ keys.mT / root, part) for keys, part in parts)


@misconception(
    "streaming_attention",
    "block_ignored",
    "cuts blocks of a fixed length, whatever `block` is",
    "`block` says how many keys a block holds, and so how many scores may exist at once.",
    length=(128,),
)
def stream_fixed_blocks(query, key, value, block, *, length=64):
    return _gather(_stream(query, key, value, length))


@misconception(
    "streaming_attention",
    "output_not_shrunk",
    "shrinks the sum and not the output",
    "When a larger score appears, what was added up before is relative to an old maximum. Sum and "
    "output both have to be scaled down.",
)
def stream_output_kept(query, key, value, block):
    top, total, output = _nothing()
    for scores, part in _stream(query, key, value, block):
        new = scores.amax(dim=-1, keepdim=True)
        new = new if top is None else torch.maximum(top, new)
        powers = torch.exp(scores - new)
        total = total * (0.0 if top is None else torch.exp(top - new)) + powers.sum(-1, True)
        output = output + powers @ part
        top = new
    return output / total


@misconception(
    "streaming_attention",
    "sum_not_shrunk",
    "shrinks the output and not the sum",
    "When a larger score appears, what was added up before is relative to an old maximum. Sum and "
    "output both have to be scaled down.",
)
def stream_sum_kept(query, key, value, block):
    top, total, output = _nothing()
    for scores, part in _stream(query, key, value, block):
        new = scores.amax(dim=-1, keepdim=True)
        new = new if top is None else torch.maximum(top, new)
        powers = torch.exp(scores - new)
        total = total + powers.sum(-1, True)
        output = output * (0.0 if top is None else torch.exp(top - new)) + powers @ part
        top = new
    return output / total


@misconception(
    "streaming_attention",
    "nothing_shrunk",
    "takes each block relative to its own maximum and adds up",
    "Powers relative to different maxima cannot be added. What came before has to be scaled to the "
    "new maximum first.",
)
def stream_unshrunk(query, key, value, block):
    _, total, output = _nothing()
    for scores, part in _stream(query, key, value, block):
        powers = torch.exp(scores - scores.amax(dim=-1, keepdim=True))
        total = total + powers.sum(dim=-1, keepdim=True)
        output = output + powers @ part
    return output / total


@misconception(
    "streaming_attention",
    "maximum_of_the_block",
    "takes the maximum of the newest block for the maximum so far",
    "The running maximum must never fall. If an early block had larger scores, its part is scaled "
    "up, and overflows when the gap is wide.",
)
def stream_block_top(query, key, value, block):
    top, total, output = _nothing()
    for scores, part in _stream(query, key, value, block):
        new = scores.amax(dim=-1, keepdim=True)
        shrink = 0.0 if top is None else torch.exp(top - new)
        powers = torch.exp(scores - new)
        total = total * shrink + powers.sum(dim=-1, keepdim=True)
        output = output * shrink + powers @ part
        top = new
    return output / total


@misconception(
    "streaming_attention",
    "shrinks_the_wrong_way",
    "scales by exp(new - old) instead of exp(old - new)",
    "A larger maximum makes earlier powers smaller. Yours grow, and overflow.",
)
def stream_inverse(query, key, value, block):
    top, total, output = _nothing()
    for scores, part in _stream(query, key, value, block):
        new = scores.amax(dim=-1, keepdim=True)
        new = new if top is None else torch.maximum(top, new)
        shrink = 0.0 if top is None else torch.exp(new - top)
        powers = torch.exp(scores - new)
        total = total * shrink + powers.sum(dim=-1, keepdim=True)
        output = output * shrink + powers @ part
        top = new
    return output / total


@misconception(
    "streaming_attention",
    "softmax_of_each_block",
    "takes the mean of the blocks' own attentions",
    "A softmax within each block gives every block the same weight. A block with large scores "
    "should count for more.",
)
def stream_mean(query, key, value, block):
    found = [scores.softmax(-1) @ part for scores, part in _stream(query, key, value, block)]
    return torch.stack(found).mean(dim=0)


@misconception(
    "streaming_attention",
    "sum_of_softmaxes",
    "adds the blocks' own attentions up",
    "A softmax within each block sums to 1 there, so that all weights together sum to the number "
    "of blocks.",
)
def stream_sum(query, key, value, block):
    return sum(scores.softmax(-1) @ part for scores, part in _stream(query, key, value, block))


@misconception(
    "streaming_attention",
    "last_block_alone",
    "keeps the attention of the last block alone",
    "What earlier blocks brought has been overwritten.",
)
def stream_last(query, key, value, block):
    for scores, part in _stream(query, key, value, block):
        pass
    return scores.softmax(dim=-1) @ part


@misconception(
    "streaming_attention",
    "divides_too_early",
    "divides by the sum in every block",
    "The output so far has been divided already when the next block comes, and is divided again. "
    "Divide once, at the end.",
)
def stream_divided(query, key, value, block):
    top, total, output = _nothing()
    for scores, part in _stream(query, key, value, block):
        new = scores.amax(dim=-1, keepdim=True)
        new = new if top is None else torch.maximum(top, new)
        shrink = 0.0 if top is None else torch.exp(top - new)
        powers = torch.exp(scores - new)
        total = total * shrink + powers.sum(dim=-1, keepdim=True)
        output = (output * shrink + powers @ part) / total
        top = new
    return output


@misconception(
    "streaming_attention",
    "never_divides",
    "never divides by the sum",
    "The powers add up to more than 1. The output is divided by their sum at the end.",
)
def stream_undivided(query, key, value, block):
    ones = torch.ones_like(value[..., :1])
    total = _gather(_stream(query, key, torch.cat([value, ones], dim=-1), block))
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    powers = torch.exp(scores - scores.amax(dim=-1, keepdim=True))
    return total[..., :-1] * powers.sum(dim=-1, keepdim=True)


@misconception(
    "streaming_attention",
    "no_maximum",
    "adds up powers without a maximum",
    "exp of a score beyond 88 is inf in float32, and inf/inf is nan; far below 0 all powers are 0, "
    "and so is their sum.",
)
def stream_no_top(query, key, value, block):
    _, total, output = _nothing()
    for scores, part in _stream(query, key, value, block):
        powers = torch.exp(scores)
        total = total + powers.sum(dim=-1, keepdim=True)
        output = output + powers @ part
    return output / total


@misconception(
    "streaming_attention",
    "maximum_starts_at_zero",
    "starts the maximum at 0",
    "If all scores are far below 0 the maximum stays 0, and every power is 0: 0/0. The maximum of "
    "nothing is -inf.",
)
def stream_top_zero(query, key, value, block):
    _, total, output = _nothing()
    top = torch.zeros_like(query[..., :1])
    for scores, part in _stream(query, key, value, block):
        new = torch.maximum(top, scores.amax(dim=-1, keepdim=True))
        shrink, powers = torch.exp(top - new), torch.exp(scores - new)
        total = total * shrink + powers.sum(dim=-1, keepdim=True)
        output = output * shrink + powers @ part
        top = new
    return output / total


@misconception(
    "streaming_attention",
    "one_maximum_for_all",
    "has one maximum for all queries",
    "Each query has a maximum of its own. Where one query's scores are far below another's, all "
    "its powers are 0.",
)
def stream_shared_top(query, key, value, block):
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    powers = torch.exp(scores - scores.max())
    return powers @ value / powers.sum(dim=-1, keepdim=True)


@misconception(
    "streaming_attention",
    "one_maximum_for_the_batch",
    "shares each query's maximum among the sequences of the batch",
    "Each query of each sequence has a maximum of its own. Where one sequence's scores are far "
    "below another's, all its powers are 0.",
)
def stream_batch_top(query, key, value, block):
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    tops = scores.amax(dim=-1, keepdim=True)
    powers = torch.exp(scores - tops.reshape(-1, *tops.shape[-2:]).amax(dim=0))
    return powers @ value / powers.sum(dim=-1, keepdim=True)


@misconception(
    "streaming_attention",
    "rest_left_out",
    "leaves the last keys out if they do not fill a block",
    "The last block may be shorter. With fewer keys than a block holds, nothing is read at all.",
    nothing=(math.nan,),
)
def stream_whole_blocks(query, key, value, block, *, nothing=0.0):
    count = key.shape[-2] // block * block
    if not count:
        return query.new_full((*query.shape[:-1], value.shape[-1]), nothing)
    return _gather(_stream(query, key, value, block, count=count))


@misconception(
    "streaming_attention",
    "rest_filled_with_zeros",
    "fills the last block up with zeros",
    "A key of zeros has the score 0, which is not nothing: it takes weight from the others.",
)
def stream_padded(query, key, value, block):
    rest = -key.shape[-2] % block
    key, value = F.pad(key, (0, 0, 0, rest)), F.pad(value, (0, 0, 0, rest))
    return _gather(_stream(query, key, value, block))


@misconception(
    "streaming_attention",
    "unscaled",
    "does not scale the scores",
    "Scores are divided by the root of the width of the queries.",
)
def stream_unscaled(query, key, value, block):
    return _gather(_stream(query, key, value, block, root=1.0))


@misconception(
    "streaming_attention",
    "scaled_by_the_values",
    "divides the scores by the root of the values' width",
    "Take the root of the width of queries and keys: they are what is multiplied.",
)
def stream_root_of_values(query, key, value, block):
    return _gather(_stream(query, key, value, block, root=math.sqrt(value.shape[-1])))


@misconception(
    "streaming_attention",
    "scaled_by_the_block",
    "divides the scores by the root of the block's length",
    "The scale belongs to the width of the vectors. How many keys a block has must not show in the "
    "result.",
)
def stream_root_of_block(query, key, value, block):
    return _gather(_stream(query, key, value, block, root=math.sqrt(block)))


@misconception(
    "streaming_attention",
    "counted_from_the_front",
    "cuts axis 0 into blocks",
    "Right without batch axes. With one, it is the sequences of the batch that are cut, and each "
    "sum runs over some of them.",
)
def stream_axis_zero(query, key, value, block):
    if key.dim() == 2:
        return streaming_attention(query, key, value, block)
    rest = len(key) % block or min(block, len(key))
    return streaming_attention(query[:rest], key[:rest], value[:rest], block)


@misconception(
    "streaming_attention",
    "float32_sums",
    "keeps its sums in float32",
    "A float64 query gives a float32 result. What is kept should have the dtype of the query.",
)
def stream_float32(query, key, value, block):
    return streaming_attention(query.float(), key.float(), value.float(), block)


@misconception(
    "streaming_attention",
    "through_float32",
    "takes float64 numbers through float32 and back",
    "The dtype is right again at the end, but nine of sixteen digits are gone.",
)
def stream_rounded(query, key, value, block):
    return stream_float32(query, key, value, block).to(query.dtype)


@misconception(
    "streaming_attention",
    "cuts_the_graph",
    "cuts the graph between the blocks",
    "The numbers are right, but what was added up before is detached: only the last block gets a "
    "gradient.",
)
def stream_detached(query, key, value, block):
    top, total, output = _nothing()
    for scores, part in _stream(query, key, value, block):
        new = scores.amax(dim=-1, keepdim=True).detach()
        new = new if top is None else torch.maximum(top, new)
        if top is not None:
            shrink = torch.exp(top - new)
            total, output = (total * shrink).detach(), (output * shrink).detach()
        powers = torch.exp(scores - new)
        total, output, top = total + powers.sum(-1, True), output + powers @ part, new
    return output / total


@misconception(
    "streaming_attention",
    "in_place",
    "scales the caller's query",
    "The result is right, and the query has been divided in place: the caller needs it again.",
)
def stream_in_place(query, key, value, block):
    out = streaming_attention(query, key, value, block)
    if not query.requires_grad:
        query /= math.sqrt(query.shape[-1]) + 1
    return out


# --- rotary_base --------------------------------------------------------------------------------


@misconception(
    "rotary_base",
    "times_the_factor",
    "multiplies the base by the factor",
    "The slowest pair has the exponent (d - 2)/d, not 1, so that it turns a little less than "
    "factor times slower.",
)
def base_linear(factor, d, base=10000.0):
    return float(base * factor)


@misconception(
    "rotary_base",
    "inverse_exponent",
    "has the exponent (d - 2)/d instead of d/(d - 2)",
    "The exponent of the slowest pair is (d - 2)/d; the base must make up for it, so that the "
    "exponent of the factor is its inverse.",
)
def base_inverse(factor, d, base=10000.0):
    return float(base * factor ** ((d - 2) / d))


@misconception(
    "rotary_base",
    "power_of_the_product",
    "raises the product of base and factor to the power",
    "A power binds tighter than a product: only the factor is raised. With a factor of 1 the base "
    "should stay as it is.",
)
def base_product(factor, d, base=10000.0):
    return float((base * factor) ** (d / (d - 2)))


@misconception(
    "rotary_base",
    "one_pair_too_few",
    "has the exponent d/(d - 1)",
    "The frequencies' d/2 exponents are 0, 2/d, 4/d and so on up to (d - 2)/d. The factor's "
    "exponent is the inverse of the last one, d/(d - 2).",
)
def base_minus_one(factor, d, base=10000.0):
    return float(base * factor ** (d / (d - 1)))


@misconception(
    "rotary_base",
    "pairs_for_width",
    "takes the number of pairs for the width",
    "With d/2 in place of d the exponent is too large. d is the width of a head.",
)
def base_pairs(factor, d, base=10000.0):
    half = d / 2
    return float(base * factor ** (half / max(half - 2, 0.5)))


@misconception(
    "rotary_base",
    "exponent_of_the_slowest",
    "has the exponent 2/(d - 2)",
    "The slowest pair has the exponent (d - 2)/d, and the factor needs its inverse, d/(d - 2). "
    "With a numerator of 2 the base hardly grows where d is large.",
)
def base_excess(factor, d, base=10000.0):
    return float(base * factor ** (2 / (d - 2)))


@misconception(
    "rotary_base",
    "smaller",
    "makes the base smaller",
    "A smaller base turns the pairs faster. To reach farther the slow ones must turn more slowly.",
)
def base_smaller(factor, d, base=10000.0):
    return float(base / factor ** (d / (d - 2)))


@misconception(
    "rotary_base",
    "fixed_base",
    "always starts from the base 10000",
    "The third argument plays no part in the result.",
)
def base_fixed(factor, d, base=10000.0):
    return rotary_base(factor, d)


@misconception(
    "rotary_base",
    "factor_alone",
    "returns the factor of the base",
    "The result should be the new base itself: the old base times this factor.",
)
def base_factor(factor, d, base=10000.0):
    return float(factor ** (d / (d - 2)))


@misconception(
    "rotary_base",
    "adds",
    "adds to the base instead of multiplying",
    "Frequencies are powers of the base: what makes them slower is a factor.",
)
def base_sum(factor, d, base=10000.0):
    return float(base + factor ** (d / (d - 2)))


@misconception(
    "rotary_base",
    "whole_number_exponent",
    "rounds the exponent down",
    "d // (d - 2) is 1 for all wide heads. The exponent is a fraction.",
)
def base_floor(factor, d, base=10000.0):
    return float(base * factor ** (d // (d - 2)))


@misconception(
    "rotary_base",
    "rounded",
    "rounds the new base to a whole number",
    "A base need not be a whole number.",
)
def base_rounded(factor, d, base=10000.0):
    return float(int(rotary_base(factor, d, base)))


@variant("rotary_base", "rounded", "to the nearest")
def base_rounded_to_the_nearest(factor, d, base=10000.0):
    return float(round(rotary_base(factor, d, base)))


@variant("rotary_base", "rounded", "to two decimals")
def base_rounded_to_cents(factor, d, base=10000.0):
    return round(rotary_base(factor, d, base), 2)


@misconception(
    "rotary_base",
    "old_base_rounded",
    "makes a whole number of the old base",
    "A base need not be a whole number.",
)
def base_of_an_int(factor, d, base=10000.0):
    return rotary_base(factor, d, int(base))


@misconception(
    "rotary_base",
    "default_for_factor_1",
    "gives 10000 for a factor of 1, whatever base it was given",
    "A factor of 1 leaves the base as it is: the result is `base`.",
)
def base_default_for_one(factor, d, base=10000.0):
    return 10000.0 if factor == 1 else rotary_base(factor, d, base)


# --- interpolate_positions ----------------------------------------------------------------------


@misconception(
    "interpolate_positions",
    "stretched_when_short",
    "stretches the positions of a short text",
    "Where n is less than the trained length, trained/n is more than 1. Positions that the model "
    "knows should stay as they are.",
)
def positions_stretched(n, trained):
    return torch.arange(n) * (trained / n)


@misconception(
    "interpolate_positions",
    "always_squeezed_by_length",
    "leaves a text alone only if it has exactly the trained length",
    "Positions of a text shorter than the trained length are squeezed although the model knows "
    "them: the smaller of the two lengths has been divided by the larger.",
)
def positions_ratio(n, trained):
    return torch.arange(n) * (min(n, trained) / max(n, trained))


@misconception(
    "interpolate_positions",
    "stretched_when_long",
    "multiplies by n/trained",
    "The factor is upside down: positions grow where they should shrink.",
)
def positions_inverse(n, trained):
    return torch.arange(n) * (n / trained) if n > trained else torch.arange(n).float()


@misconception(
    "interpolate_positions",
    "ends_at_the_last",
    "squeezes so that the last position is exactly trained - 1",
    "The factor is trained/n, not (trained - 1)/(n - 1): all gaps shrink by the ratio of the two "
    "lengths.",
)
def positions_to_the_end(n, trained):
    return torch.linspace(0, trained - 1, n) if n > trained else torch.arange(n).float()


@misconception(
    "interpolate_positions",
    "ends_at_the_length",
    "squeezes so that the last position is the trained length",
    "The factor is trained/n, not trained/(n - 1): all gaps shrink by the ratio of the two "
    "lengths.",
)
def positions_to_the_length(n, trained):
    return torch.linspace(0, trained, n) if n > trained else torch.arange(n).float()


@misconception(
    "interpolate_positions",
    "rounded",
    "rounds to whole positions",
    "Neighbors share a position, and cannot be told apart. The angles of the rotation take any "
    "number.",
)
def positions_rounded(n, trained):
    positions = interpolate_positions(n, trained)
    return positions.floor()


@misconception(
    "interpolate_positions",
    "clamped",
    "gives all late positions the last one that was trained",
    "They cannot be told apart anymore. Squeeze all positions, by the same factor.",
)
def positions_clamped(n, trained):
    return torch.arange(n).clamp(max=trained - 1).float()


@misconception(
    "interpolate_positions",
    "starts_over",
    "starts over where the trained positions end",
    "Two tokens far apart share a position, and the rotation cannot tell their places apart.",
)
def positions_wrapped(n, trained):
    return (torch.arange(n) % trained).float()


@misconception(
    "interpolate_positions",
    "only_the_late_ones",
    "squeezes only the positions beyond the trained length",
    "Then the gaps differ within one text. All positions shrink by the same factor.",
)
def positions_late(n, trained):
    positions = torch.arange(n).float()
    return torch.where(positions < trained, positions, positions * min(trained / n, 1.0))


@misconception(
    "interpolate_positions",
    "counts_from_one",
    "counts positions from 1",
    "The first position is 0.",
)
def positions_from_one(n, trained):
    return torch.arange(1, n + 1) * min(trained / n, 1.0)


@misconception(
    "interpolate_positions",
    "shares",
    "gives shares between 0 and 1",
    "The positions are to lie between 0 and the trained length.",
)
def positions_shares(n, trained):
    return torch.arange(n) / n


@misconception(
    "interpolate_positions",
    "not_squeezed",
    "leaves all positions as they are",
    "Positions beyond the trained length are new to the model. They should be squeezed.",
)
def positions_plain(n, trained):
    return torch.arange(n).float()


@misconception(
    "interpolate_positions",
    "one_too_many",
    "lets torch.arange count in steps of trained/n",
    "How many steps fit before the end is found with rounded numbers, and now and then one more "
    "seems to fit: 16 positions for n = 15 and trained = 11. Count 0 … n-1, then multiply.",
)
def positions_in_steps(n, trained):
    return torch.arange(0, trained, trained / n) if n > trained else torch.arange(n).float()


@misconception(
    "interpolate_positions",
    "cut_off",
    "has only as many positions as the model was trained on",
    "Every token needs a position: the result is (n,).",
)
def positions_cut(n, trained):
    return torch.arange(min(n, trained)).float()


@misconception(
    "interpolate_positions",
    "whole_numbers",
    "gives whole numbers where nothing is squeezed",
    "The dtype should not depend on the length: return floating point numbers in every case.",
)
def positions_integers(n, trained):
    return torch.arange(n) if n <= trained else interpolate_positions(n, trained)


@misconception(
    "interpolate_positions",
    "a_column",
    "gives a column, (n, 1)",
    "The shape should be (n,); rotary_encoding makes the column itself.",
)
def positions_column(n, trained):
    return interpolate_positions(n, trained)[:, None]


# --- interleave_rows ----------------------------------------------------------------------------


def _cut(weight, num_heads, *sizes):
    """The rows as (heads, *sizes, d)."""
    return weight.reshape(num_heads, *sizes, weight.shape[1])


@misconception(
    "interleave_rows",
    "the_way_back",
    "reorders the other way: from interleaved to half-split",
    "Neighbors are torn apart, where partners should meet. The table has been cut as "
    "(d_head/2, 2); it should be cut as (2, d_head/2).",
)
def rows_back(weight, num_heads):
    width = len(weight) // num_heads
    table = _cut(weight, num_heads, width // 2, 2)
    return table.transpose(1, 2).reshape(weight.shape)


@misconception(
    "interleave_rows",
    "heads_ignored",
    "reorders all rows as if they were one head",
    "Rows of different heads are mixed. Each head is reordered by itself.",
)
def rows_one_head(weight, num_heads):
    return interleave_rows(weight, 1)


@misconception(
    "interleave_rows",
    "heads_within",
    "takes the heads for the inner axis",
    "The rows of one head lie together: the heads are the first axis when the rows are cut.",
)
def rows_heads_last(weight, num_heads):
    half = len(weight) // num_heads // 2
    table = weight.reshape(2, half, num_heads, weight.shape[1])
    return table.transpose(0, 1).reshape(weight.shape)


@misconception(
    "interleave_rows",
    "heads_moved",
    "exchanges the heads with the halves",
    "The wrong two axes change places, so that rows leave their head.",
)
def rows_moved(weight, num_heads):
    half = len(weight) // num_heads // 2
    return _cut(weight, num_heads, 2, half).transpose(0, 1).reshape(weight.shape)


@misconception(
    "interleave_rows",
    "nothing_moved",
    "leaves the rows where they are",
    "A reshape there and back moves no number. Two axes have to change places between the two.",
)
def rows_unmoved(weight, num_heads):
    return weight.clone()


@misconception(
    "interleave_rows",
    "second_half_first",
    "puts the second half of each pair first",
    "Row i + d_head/2 comes before row i, so that every pair turns the other way.",
)
def rows_swapped(weight, num_heads):
    half = len(weight) // num_heads // 2
    return _cut(weight, num_heads, 2, half).flip(1).transpose(1, 2).reshape(weight.shape)


@misconception(
    "interleave_rows",
    "halves_exchanged",
    "exchanges the two halves of each head",
    "Entry i still has its partner d_head/2 away. The two should become neighbors.",
)
def rows_halves(weight, num_heads):
    half = len(weight) // num_heads // 2
    return _cut(weight, num_heads, 2, half).flip(1).reshape(weight.shape)


@misconception(
    "interleave_rows",
    "reversed_pairs",
    "puts the pairs in reverse order",
    "The first pair should be the fast one: rows 0 and d_head/2 come first.",
)
def rows_reversed(weight, num_heads):
    half = len(weight) // num_heads // 2
    return _cut(weight, num_heads, 2, half).transpose(1, 2).flip(1).reshape(weight.shape)


@misconception(
    "interleave_rows",
    "columns",
    "reorders the columns instead of the rows",
    "Columns belong to the input, which is the same in both layouts. Rows are the entries of "
    "queries and keys.",
)
def rows_columns(weight, num_heads):
    if weight.shape[1] % (2 * num_heads):
        return weight.clone()
    return interleave_rows(weight.T, num_heads).T


@misconception(
    "interleave_rows",
    "transposed",
    "gives the matrix transposed",
    "nn.Linear keeps its weight as (out, in), and so should the result.",
)
def rows_transposed(weight, num_heads):
    return interleave_rows(weight, num_heads).T


@misconception(
    "interleave_rows",
    "still_cut",
    "leaves the rows cut into heads and pairs",
    "The result has the shape of the weight: (h · d_head, d).",
)
def rows_cut(weight, num_heads):
    half = len(weight) // num_heads // 2
    return _cut(weight, num_heads, 2, half).transpose(1, 2)


@misconception(
    "interleave_rows",
    "signs_turned",
    "flips the sign of the second half",
    "The minus sign of the rotation is in rotary_encoding. Here rows change their places and "
    "nothing else.",
)
def rows_negated(weight, num_heads):
    half = len(weight) // num_heads // 2
    table = _cut(weight, num_heads, 2, half) * torch.tensor([1.0, -1.0])[:, None, None]
    return table.to(weight.dtype).transpose(1, 2).reshape(weight.shape)


@misconception(
    "interleave_rows",
    "head_width_for_heads",
    "takes the number of heads for the width of a head",
    "The rows are cut into num_heads heads; how wide a head is follows from that.",
)
def rows_width(weight, num_heads):
    if num_heads % 2:
        return weight.clone()
    return interleave_rows(weight, len(weight) // num_heads)


@misconception(
    "interleave_rows",
    "float32_result",
    "turns float64 into float32",
    "Rows change their places; their dtype should stay.",
)
def rows_float32(weight, num_heads):
    return interleave_rows(weight.float(), num_heads)


@misconception(
    "interleave_rows",
    "cuts_the_graph",
    "cuts the graph",
    "The numbers are right, but no gradient flows back to the weight.",
)
def rows_detached(weight, num_heads):
    return interleave_rows(weight.detach(), num_heads)


@misconception(
    "interleave_rows",
    "in_place",
    "writes into the caller's weight",
    "The result is right, and the checkpoint has been reordered with it: converted twice it is "
    "nonsense.",
)
def rows_in_place(weight, num_heads):
    out = interleave_rows(weight, num_heads)
    if not weight.requires_grad:
        weight.copy_(out)
    return out


# --- ModernBlock --------------------------------------------------------------------------------


class _Block(ModernBlock):
    """The block with single steps of its forward open to change."""

    def normed1(self, x):
        return rms_norm(x, self.gain1)

    def normed2(self, x):
        return rms_norm(x, self.gain2)

    def look(self, x, mask, positions):
        return self.attention(x, mask, positions)[0]

    def forward(self, x, mask=None, positions=None):
        x = x + self.look(self.normed1(x), mask, positions)
        return x + self.feed_forward(self.normed2(x))


@misconception(
    "ModernBlock",
    "gains_of_zero",
    "begins with gains of 0",
    "A norm whose gain is 0 gives zeros: at the start, the sub-layer after it gets nothing else, "
    "and its weights get no gradient. Gains begin at 1.",
)
class ModernGainsOfZero(_Block):
    def __init__(self, d_model, num_heads, num_kv_heads, d_ff, base=10000.0):
        super().__init__(d_model, num_heads, num_kv_heads, d_ff, base)
        self.gain1 = nn.Parameter(torch.zeros(d_model))
        self.gain2 = nn.Parameter(torch.zeros(d_model))


@misconception(
    "ModernBlock",
    "gains_not_parameters",
    "has gains that no optimizer would change",
    "An optimizer changes what parameters() lists, as far as it requires a gradient. A plain "
    "tensor is not on that list, and a parameter with requires_grad=False is left as it is: the "
    "gains would stay at 1 forever.",
)
class ModernPlainGains(_Block):
    def __init__(self, d_model, num_heads, num_kv_heads, d_ff, base=10000.0):
        super().__init__(d_model, num_heads, num_kv_heads, d_ff, base)
        for name in ("gain1", "gain2"):
            delattr(self, name)
            setattr(self, name, torch.ones(d_model))


@variant("ModernBlock", "gains_not_parameters", "parameters without a gradient")
class ModernFrozenGains(_Block):
    def __init__(self, d_model, num_heads, num_kv_heads, d_ff, base=10000.0):
        super().__init__(d_model, num_heads, num_kv_heads, d_ff, base)
        self.gain1.requires_grad_(False)
        self.gain2.requires_grad_(False)


@misconception(
    "ModernBlock",
    "forgets_the_base",
    "does not hand the base on",
    "The attention turns with the base 10000, whatever base the block was made with.",
)
class ModernForgetsBase(_Block):
    def __init__(self, d_model, num_heads, num_kv_heads, d_ff, base=10000.0):
        super().__init__(d_model, num_heads, num_kv_heads, d_ff)


@misconception(
    "ModernBlock",
    "post_norm",
    "normalizes the sums instead of the branches",
    "That is the order of the transformer of 2017. Here the norm comes before each sub-layer, "
    "and nothing touches the residual stream but additions.",
)
class ModernPostNorm(_Block):
    def forward(self, x, mask=None, positions=None):
        x = self.normed1(x + self.look(x, mask, positions))
        return self.normed2(x + self.feed_forward(x))


@misconception(
    "ModernBlock",
    "normed_stream",
    "adds to the normalized stream",
    "Add to the stream itself, not to its normalized copy. As it is, the line from input to "
    "output is cut.",
)
class ModernNormedStream(_Block):
    def forward(self, x, mask=None, positions=None):
        x = self.normed1(x)
        x = x + self.look(x, mask, positions)
        x = self.normed2(x)
        return x + self.feed_forward(x)


@misconception(
    "ModernBlock",
    "no_norms",
    "leaves the norms out",
    "Each sub-layer reads a normalized copy of the stream.",
)
class ModernNoNorms(_Block):
    def normed1(self, x):
        return x

    normed2 = normed1


@misconception(
    "ModernBlock",
    "layer_norms",
    "uses layer norm in place of RMSNorm",
    "The mean is subtracted before the size is measured. RMSNorm leaves it where it is.",
)
class ModernLayerNorm(_Block):
    eps = 1e-6

    def normed1(self, x):
        return F.layer_norm(x, x.shape[-1:], self.gain1, eps=self.eps)

    def normed2(self, x):
        return F.layer_norm(x, x.shape[-1:], self.gain2, eps=self.eps)


@variant("ModernBlock", "layer_norms", "with the eps that PyTorch gives it")
class ModernLayerNormOfTorch(ModernLayerNorm):
    eps = 1e-5


@misconception(
    "ModernBlock",
    "eps_of_layer_norm",
    "has layer norm's eps, 1e-5",
    "rms_norm's default is 1e-6; leave it as it is. The slip shows where the stream is small.",
)
class ModernEps(_Block):
    def normed1(self, x):
        return rms_norm(x, self.gain1, 1e-5)

    def normed2(self, x):
        return rms_norm(x, self.gain2, 1e-5)


@misconception(
    "ModernBlock",
    "one_gain",
    "uses the first gain twice",
    "Each sub-layer has a gain of its own. At the start of training both are 1, so that it does "
    "not show.",
)
class ModernOneGain(_Block):
    def normed2(self, x):
        return rms_norm(x, self.gain1)


@misconception(
    "ModernBlock",
    "gains_exchanged",
    "has the two gains exchanged",
    "gain1 belongs to the attention, gain2 to the feed-forward network.",
)
class ModernGainsExchanged(_Block):
    def normed1(self, x):
        return rms_norm(x, self.gain2)

    def normed2(self, x):
        return rms_norm(x, self.gain1)


@misconception(
    "ModernBlock",
    "no_gains",
    "leaves the gains out",
    "Each feature has a scale of its own, which training finds.",
)
class ModernNoGains(_Block):
    def normed1(self, x):
        return rms_norm(x, torch.ones_like(self.gain1))

    normed2 = normed1


@misconception(
    "ModernBlock",
    "side_by_side",
    "lets both sub-layers read the same stream",
    "Some models do that to save time. Here the feed-forward network reads what the attention has "
    "written.",
)
class ModernParallel(_Block):
    def forward(self, x, mask=None, positions=None):
        looked = self.look(self.normed1(x), mask, positions)
        return x + looked + self.feed_forward(self.normed2(x))


@misconception(
    "ModernBlock",
    "feed_forward_first",
    "has the sub-layers in the other order",
    "Attention comes first, then the feed-forward network.",
)
class ModernReversed(_Block):
    def forward(self, x, mask=None, positions=None):
        x = x + self.feed_forward(self.normed2(x))
        return x + self.look(self.normed1(x), mask, positions)


@misconception(
    "ModernBlock",
    "first_residual_missing",
    "replaces the stream with what attention has found",
    "The result of a sub-layer is added to the stream.",
)
class ModernNoFirst(_Block):
    def forward(self, x, mask=None, positions=None):
        x = self.look(self.normed1(x), mask, positions)
        return x + self.feed_forward(self.normed2(x))


@misconception(
    "ModernBlock",
    "second_residual_missing",
    "returns the feed-forward network's result alone",
    "The result of a sub-layer is added to the stream.",
)
class ModernNoSecond(_Block):
    def forward(self, x, mask=None, positions=None):
        x = x + self.look(self.normed1(x), mask, positions)
        return self.feed_forward(self.normed2(x))


@misconception(
    "ModernBlock",
    "second_from_the_input",
    "adds the feed-forward network's result to the block's input",
    "What the attention has written is lost from the stream. The second half starts from the "
    "result of the first.",
)
class ModernFromInput(_Block):
    def forward(self, x, mask=None, positions=None):
        looked = x + self.look(self.normed1(x), mask, positions)
        return x + self.feed_forward(self.normed2(looked))


@misconception(
    "ModernBlock",
    "mask_ignored",
    "does not hand the mask on",
    "Every position sees all others: the attention never hears of the mask.",
)
class ModernUnmasked(_Block):
    def look(self, x, mask, positions):
        return self.attention(x, None, positions)[0]


@misconception(
    "ModernBlock",
    "positions_ignored",
    "does not hand the positions on",
    "The attention takes 0 … n-1 whatever is given.",
)
class ModernUnplaced(_Block):
    def look(self, x, mask, positions):
        return self.attention(x, mask)[0]


@misconception(
    "ModernBlock",
    "always_causal",
    "hides the future even where no mask says so",
    "The mask alone decides what may be seen. Without one every position sees all others.",
)
class ModernCausal(_Block):
    def look(self, x, mask, positions):
        n = x.shape[1]
        future = torch.full((n, n), -INF).triu(1)
        return self.attention(x, future if mask is None else mask + future, positions)[0]


@misconception(
    "ModernBlock",
    "returns_a_pair",
    "returns weights as well",
    "The block returns the stream alone, so that blocks can follow one another.",
)
class ModernPair(_Block):
    def forward(self, x, mask=None, positions=None):
        normed = self.normed1(x)
        return super().forward(x, mask, positions), self.attention(normed, mask, positions)[1]


@misconception(
    "ModernBlock",
    "normed_at_the_end",
    "normalizes its result",
    "The last norm belongs to the model, after the last block. It has a gain of its own.",
)
class ModernEndNorm(_Block):
    def forward(self, x, mask=None, positions=None):
        return F.rms_norm(super().forward(x, mask, positions), x.shape[-1:], eps=1e-6)


@misconception(
    "ModernBlock",
    "first_half_detached",
    "cuts the graph between the halves",
    "The numbers are right, but the attention gets no gradient, and neither does x.",
)
class ModernDetached(_Block):
    def forward(self, x, mask=None, positions=None):
        x = (x + self.look(self.normed1(x), mask, positions)).detach()
        return x + self.feed_forward(self.normed2(x))


@misconception(
    "ModernBlock",
    "float32_result",
    "turns everything into float32",
    "A float64 block gives float32. Let the dtype of x decide.",
)
class ModernFloat32(_Block):
    def forward(self, x, mask=None, positions=None):
        return super().forward(x, mask, positions).float()


@misconception(
    "ModernBlock",
    "in_place",
    "adds into the caller's tensor",
    "The result is right, and x has been overwritten: whoever holds the stream as it was before "
    "the block has lost it.",
)
class ModernInPlace(_Block):
    def forward(self, x, mask=None, positions=None):
        if x.requires_grad:
            return super().forward(x, mask, positions)
        x += self.look(self.normed1(x), mask, positions).detach()
        return x + self.feed_forward(self.normed2(x))


# --- the same mistakes, as they are often written ------------------------------------------------


@misconception(
    "rms_norm",
    "through_float32",
    "takes float64 numbers through float32 and back",
    "Models in half precision are normalized in float32, which is more precise. For a float64 "
    "tensor it is less precise: the result is a float64 tensor with the digits of float32.",
)
def rms_through_float32(x, gain, eps=1e-6):
    return rms_norm(x.float(), torch.ones_like(gain).float(), eps).to(x.dtype) * gain


@variant("rms_norm", "in_place", "with gradients, too")
def rms_in_place_always(x, gain, eps=1e-6):
    x /= torch.sqrt(_mean_square(x) + eps)
    return x * gain


@variant("window_mask", "sees_the_future", "sinks included")
def window_both_sides_and_sinks(n, window, sinks=0):
    return _window(n, lambda i, j: ((i - j).abs() < window) | (j < sinks))


@variant("interpolate_positions", "ends_at_the_last", "of a short text as well")
def positions_always_to_the_end(n, trained):
    return torch.linspace(0, trained - 1, n)


@variant("ModernBlock", "gains_of_zero", "the first")
class ModernFirstGainOfZero(_Block):
    def __init__(self, d_model, num_heads, num_kv_heads, d_ff, base=10000.0):
        super().__init__(d_model, num_heads, num_kv_heads, d_ff, base)
        self.gain1 = nn.Parameter(torch.zeros(d_model))


@variant("ModernBlock", "gains_of_zero", "the second")
class ModernSecondGainOfZero(_Block):
    def __init__(self, d_model, num_heads, num_kv_heads, d_ff, base=10000.0):
        super().__init__(d_model, num_heads, num_kv_heads, d_ff, base)
        self.gain2 = nn.Parameter(torch.zeros(d_model))


@variant("ModernBlock", "in_place", "with gradients, too")
class ModernInPlaceAlways(_Block):
    def forward(self, x, mask=None, positions=None):
        x += self.look(self.normed1(x), mask, positions)
        return x + self.feed_forward(self.normed2(x))
