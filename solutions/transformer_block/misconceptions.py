"""What goes wrong in lesson 6."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from grader.course.versions import misconception, variant
from solutions.multi_head_attention import MultiHeadAttention
from solutions.transformer_block import (
    FeedForward,
    TransformerBlock,
    block_gradients,
    gelu,
    layer_norm,
)

# --- layer_norm ---------------------------------------------------------------------------------


def _moments(x, axis=-1):
    """Mean and biased variance along an axis, kept."""
    return x.mean(axis, keepdim=True), x.var(axis, keepdim=True, correction=0)


@misconception(
    "layer_norm",
    "unbiased_variance",
    "divides the sum of squares by d - 1",
    "That is the estimate for a sample (torch.var and torch.std do it by default). Layer norm "
    "takes the variance of the d numbers themselves. With few features the difference is large; "
    "with a single feature the result is 0/0.",
)
def norm_unbiased(x, gain, bias, eps=1e-5):
    mean, variance = x.mean(dim=-1, keepdim=True), x.var(-1, keepdim=True)
    return (x - mean) / torch.sqrt(variance + eps) * gain + bias


@misconception(
    "layer_norm",
    "pytorchs_own",
    "calls PyTorch's own layer norm",
    "It gives the right numbers. The exercise is to write the formula out: mean, variance, root.",
)
def norm_library(x, gain, bias, eps=1e-5):
    return F.layer_norm(x, x.shape[-1:], gain, bias, eps)


@misconception(
    "layer_norm",
    "eps_outside_the_root",
    "adds eps to the standard deviation",
    "eps belongs to the variance. Where the variance is far above eps nobody sees the difference; "
    "where it is small the result is too large.",
)
def norm_eps_outside(x, gain, bias, eps=1e-5):
    mean, variance = _moments(x)
    return (x - mean) / (torch.sqrt(variance) + eps) * gain + bias


@misconception(
    "layer_norm",
    "sample_std_plus_eps",
    "divides by the sample standard deviation plus eps",
    "Two slips at once: the squares are averaged over d - 1, and eps is added to the root instead "
    "of the variance.",
)
def norm_sample_std(x, gain, bias, eps=1e-5):
    return (x - x.mean(dim=-1, keepdim=True)) / (x.std(-1, keepdim=True) + eps) * gain + bias


@misconception(
    "layer_norm",
    "no_eps",
    "leaves eps out",
    "Right where the variance is large. A vector whose entries are all equal has variance 0, and "
    "0/0 is nan.",
)
def norm_no_eps(x, gain, bias, eps=1e-5):
    mean, variance = _moments(x)
    return (x - mean) / variance.sqrt() * gain + bias


@misconception(
    "layer_norm",
    "eps_fixed",
    "uses 1e-5 whatever the caller says",
    "eps is an argument; 1e-5 is only its default.",
)
def norm_eps_fixed(x, gain, bias, eps=1e-5):
    return F.layer_norm(x, x.shape[-1:], gain, bias)


@misconception(
    "layer_norm",
    "eps_squared",
    "adds the square of eps",
    "As if eps were a standard deviation. It is a variance already.",
)
def norm_eps_squared(x, gain, bias, eps=1e-5):
    mean, variance = _moments(x)
    return (x - mean) / (variance + eps**2).sqrt() * gain + bias


@misconception(
    "layer_norm",
    "eps_as_a_floor",
    "raises small variances to eps",
    "A variance below eps becomes eps, and the others stay. eps should be added to every variance.",
)
def norm_eps_floor(x, gain, bias, eps=1e-5):
    mean, variance = _moments(x)
    return (x - mean) / variance.clamp(min=eps).sqrt() * gain + bias


@misconception(
    "layer_norm",
    "eps_as_a_floor_of_the_deviation",
    "raises small standard deviations to eps",
    "A deviation below eps becomes eps and others stay. eps should be added to every variance.",
)
def norm_deviation_floor(x, gain, bias, eps=1e-5):
    mean, variance = _moments(x)
    return (x - mean) / variance.sqrt().clamp(min=eps) * gain + bias


@misconception(
    "layer_norm",
    "mean_not_subtracted",
    "divides by the root of the mean square",
    "That is RMSNorm, which leaves the mean where it is. Layer norm subtracts the mean first.",
)
def norm_rms(x, gain, bias, eps=1e-5):
    return x / (x.square().mean(-1, keepdim=True) + eps).sqrt() * gain + bias


@misconception(
    "layer_norm",
    "mean_left_in_the_numerator",
    "uses the variance but does not subtract the mean",
    "The spread is 1 afterwards, the mean is not 0.",
)
def norm_uncentered(x, gain, bias, eps=1e-5):
    return x / (_moments(x)[1] + eps).sqrt() * gain + bias


@misconception(
    "layer_norm",
    "divides_by_variance",
    "divides by the variance instead of its root",
    "A vector twice as spread out comes out half as large; it should come out the same.",
)
def norm_by_variance(x, gain, bias, eps=1e-5):
    mean, variance = _moments(x)
    return (x - mean) / (variance + eps) * gain + bias


@misconception(
    "layer_norm",
    "mean_absolute_deviation",
    "divides by the mean distance from the mean",
    "The spread is the root of the mean of the squared distances.",
)
def norm_absolute(x, gain, bias, eps=1e-5):
    centered = x - x.mean(dim=-1, keepdim=True)
    return centered / (centered.abs().mean(-1, keepdim=True) + eps) * gain + bias


@misconception(
    "layer_norm",
    "length_one",
    "divides by the length of the centered vector",
    "The sum of the squares is 1 afterwards; their mean should be.",
)
def norm_length(x, gain, bias, eps=1e-5):
    centered = x - x.mean(dim=-1, keepdim=True)
    return centered / (centered.square().sum(-1, keepdim=True) + eps).sqrt() * gain + bias


@misconception(
    "layer_norm",
    "first_axis",
    "normalizes along the first axis",
    "That is nearly batch norm: each feature is compared with other vectors. A vector should be "
    "normalized by itself.",
)
def norm_first_axis(x, gain, bias, eps=1e-5):
    mean, variance = _moments(x, 0)
    return (x - mean) / (variance + eps).sqrt() * gain + bias


@misconception(
    "layer_norm",
    "positions",
    "normalizes along the positions",
    "Axis -2 holds the positions of a sequence. Each position should be normalized by itself, or "
    "later ones leak into earlier ones.",
)
def norm_positions(x, gain, bias, eps=1e-5):
    mean, variance = _moments(x, -2 if x.dim() > 1 else -1)
    return (x - mean) / (variance + eps).sqrt() * gain + bias


@misconception(
    "layer_norm",
    "counts_from_the_front",
    "always normalizes axis 1",
    "Right only where exactly one axis comes before the features, as in (n, d). Count from the "
    "end.",
)
def norm_axis_one(x, gain, bias, eps=1e-5):
    mean, variance = _moments(x, 1)
    return (x - mean) / (variance + eps).sqrt() * gain + bias


@misconception(
    "layer_norm",
    "last_two_axes",
    "takes one mean over positions and features",
    "All positions of a sequence share one mean and one variance, so that each one depends on the "
    "others.",
)
def norm_two_axes(x, gain, bias, eps=1e-5):
    mean, variance = _moments(x, (-2, -1) if x.dim() > 1 else -1)
    return (x - mean) / (variance + eps).sqrt() * gain + bias


@misconception(
    "layer_norm",
    "over_everything",
    "takes one mean over all numbers",
    "Every vector should have a mean and a variance of its own.",
)
def norm_everything(x, gain, bias, eps=1e-5):
    return (x - x.mean()) / (x.var(correction=0) + eps).sqrt() * gain + bias


@misconception(
    "layer_norm",
    "no_gain",
    "leaves the gain out",
    "Each feature has a scale of its own, which training finds. At the start it is 1, so nobody "
    "notices that it is missing.",
)
def norm_no_gain(x, gain, bias, eps=1e-5):
    mean, variance = _moments(x)
    return (x - mean) / (variance + eps).sqrt() + bias


@misconception(
    "layer_norm",
    "no_bias",
    "leaves the bias out",
    "Each feature has a shift of its own, which training finds. At the start it is 0, so nobody "
    "notices that it is missing.",
)
def norm_no_bias(x, gain, bias, eps=1e-5):
    mean, variance = _moments(x)
    return (x - mean) / (variance + eps).sqrt() * gain


@misconception(
    "layer_norm",
    "bias_before_gain",
    "shifts first, then scales",
    "The bias is scaled along with the rest. It should be added unscaled.",
)
def norm_bias_first(x, gain, bias, eps=1e-5):
    mean, variance = _moments(x)
    return ((x - mean) / (variance + eps).sqrt() + bias) * gain


@misconception(
    "layer_norm",
    "one_plus_gain",
    "scales by 1 + gain",
    "Some libraries store the gain as a difference from 1. Here it is the scale itself.",
)
def norm_one_plus_gain(x, gain, bias, eps=1e-5):
    mean, variance = _moments(x)
    return (x - mean) / (variance + eps).sqrt() * (1 + gain) + bias


@misconception(
    "layer_norm",
    "gain_before_the_statistics",
    "scales and shifts before it normalizes",
    "Part of what the gain and the bias do is then normalized away. They come last.",
)
def norm_scaled_first(x, gain, bias, eps=1e-5):
    x = x * gain + bias
    mean, variance = _moments(x)
    return (x - mean) / (variance + eps).sqrt()


@misconception(
    "layer_norm",
    "difference_of_large_numbers",
    "computes the variance as the mean square minus the squared mean",
    "On paper that is the same. When the mean is 1000 times the spread, two numbers near a million "
    "are subtracted, and float32 has seven digits: the result is off by several percent, or the "
    "root is taken of a negative number.",
)
def norm_single_pass(x, gain, bias, eps=1e-5):
    mean, power = x.mean(dim=-1, keepdim=True), x.square().mean(-1, keepdim=True)
    variance = (power - mean.square()).clamp(min=0.0)
    return (x - mean) / torch.sqrt(variance + eps) * gain + bias


@misconception(
    "layer_norm",
    "zero_where_nothing_varies",
    "leaves eps out, but returns the bias where all entries are equal",
    "That avoids 0/0, but eps matters before the variance is 0: wherever it is not far above eps.",
)
def norm_guarded(x, gain, bias, eps=1e-5):
    mean, variance = _moments(x)
    spread = variance.sqrt()
    normed = torch.where(spread > 0, (x - mean) / spread, torch.zeros_like(x))
    return normed * gain + bias


@misconception(
    "layer_norm",
    "axis_not_kept",
    "drops the axis of the mean",
    "Without keepdim a mean of shape (..., ) meets x of shape (..., d), and broadcasting lines it "
    "up with the features. With as many positions as features it even runs.",
)
def norm_axis_dropped(x, gain, bias, eps=1e-5):
    return (x - x.mean(-1)) / (x.var(-1, correction=0) + eps).sqrt() * gain + bias


@misconception(
    "layer_norm",
    "statistics_detached",
    "treats mean and variance as constants",
    "The numbers are right, the gradient is not: mean and variance change when x changes, and "
    "backpropagation has to know that.",
)
def norm_statistics_detached(x, gain, bias, eps=1e-5):
    mean, variance = _moments(x.detach())
    return (x - mean) / (variance + eps).sqrt() * gain + bias


@misconception(
    "layer_norm",
    "detached",
    "cuts the graph",
    "The numbers are right, and no gradient reaches x.",
)
def norm_detached(x, gain, bias, eps=1e-5):
    return F.layer_norm(x.detach(), x.shape[-1:], gain, bias, eps)


@misconception(
    "layer_norm",
    "fixed_to_float32",
    "returns float32 whatever it is given",
    "A float64 input should give a float64 result.",
)
def norm_fixed_dtype(x, gain, bias, eps=1e-5):
    return F.layer_norm(x.float(), x.shape[-1:], gain.float(), bias.float(), eps)


@misconception(
    "layer_norm",
    "changes_its_input",
    "centers the caller's tensor",
    "-= works in place: after the call x holds other numbers, and a residual that still needs x "
    "gets the wrong ones.",
)
def norm_in_place(x, gain, bias, eps=1e-5):
    mean, variance = _moments(x)
    x -= mean
    return x / (variance + eps).sqrt() * gain + bias


# --- gelu ---------------------------------------------------------------------------------------


@misconception(
    "gelu",
    "tanh_formula",
    "uses the approximation with tanh",
    "It is within 0.0005 of the exact function, which is close but not the same: weights that "
    "were trained with one give slightly different results with the other. torch has erf, so "
    "nothing needs to be approximated.",
)
def gelu_tanh(x):
    return F.gelu(x, approximate="tanh")


@misconception(
    "gelu",
    "sigmoid_formula",
    "uses the approximation x · sigmoid(1.702 x)",
    "It is off by up to 0.02.",
)
def gelu_sigmoid(x):
    return x * torch.sigmoid(1.702 * x)


@misconception(
    "gelu",
    "silu",
    "multiplies by the logistic function",
    "x · sigmoid(x) is called SiLU or swish. It is a relative of GELU with a wider bend.",
)
def gelu_silu(x):
    return F.silu(x)


@misconception(
    "gelu",
    "relu",
    "cuts off everything below 0",
    "That is ReLU. GELU lets a little through to the left of 0 and holds a little back to the "
    "right.",
)
def gelu_relu(x):
    return x.clamp(min=0)


@misconception(
    "gelu",
    "share_only",
    "returns the share that lies below x, not x times that share",
    "The result goes from 0 to 1. It should be close to x for large x.",
)
def gelu_share(x):
    return 0.5 * (1 + torch.erf(x / math.sqrt(2)))


@misconception(
    "gelu",
    "no_root_of_two",
    "passes x itself to erf, and not x/√2",
    "erf belongs to a bell curve with variance 1/2; for the standard normal curve its argument "
    "has to be divided by √2. Without that the bend is too sharp.",
)
def gelu_no_root(x):
    return x * 0.5 * (1 + torch.erf(x))


@misconception(
    "gelu",
    "divided_by_two",
    "divides the argument of erf by 2 instead of √2",
    "The bend comes out too wide.",
)
def gelu_divided_by_two(x):
    return x * 0.5 * (1 + torch.erf(x / 2))


@misconception(
    "gelu",
    "no_half",
    "forgets to halve",
    "1 + erf goes from 0 to 2, but a share goes from 0 to 1. For large x the result is 2x.",
)
def gelu_no_half(x):
    return x * (1 + torch.erf(x / math.sqrt(2)))


@misconception(
    "gelu",
    "erf_for_the_share",
    "uses erf as the distribution function",
    "erf goes from -1 to 1; a share goes from 0 to 1. To the left of 0 the result even turns "
    "upward.",
)
def gelu_erf(x):
    return x * torch.erf(x / math.sqrt(2))


@misconception(
    "gelu",
    "density",
    "multiplies by the height of the bell curve",
    "The density tells how likely numbers near x are; GELU needs the share below x.",
)
def gelu_density(x):
    return x * torch.exp(-x.square() / 2) / math.sqrt(2 * math.pi)


@misconception(
    "gelu",
    "gate_of_a_coin",
    "drops entries at random",
    "The paper derives GELU from a random gate, and then takes its average: the function itself "
    "has nothing random in it.",
)
def gelu_random(x):
    share = 0.5 * (1 + torch.erf(x / math.sqrt(2)))
    coin = torch.Generator()
    coin.manual_seed(0)
    return x * (torch.rand(x.shape, generator=coin) < share).to(x.dtype)


@variant("gelu", "gate_of_a_coin", "anew in every call")
def gelu_random_anew(x):
    return x * torch.bernoulli(0.5 * (1 + torch.erf(x / math.sqrt(2))))


@variant("gelu", "gate_of_a_coin", "by comparison with a draw")
def gelu_random_compared(x):
    return torch.where(torch.randn_like(x) < x, x, torch.zeros_like(x))


@misconception(
    "gelu",
    "through_exp",
    "writes tanh out with exp",
    "exp of a large number is inf, and inf/inf is nan. Besides, this is the approximation, not "
    "GELU.",
)
def gelu_exp(x):
    z = 2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    return x * torch.exp(z) / (1 + torch.exp(z))


@misconception(
    "gelu",
    "detached",
    "cuts the graph",
    "The numbers are right, and no gradient flows back to x.",
)
def gelu_detached(x):
    return F.gelu(x.detach())


@misconception(
    "gelu",
    "share_detached",
    "treats the share as a constant",
    "The numbers are right, but the slope lacks a part: the share changes with x as well.",
)
def gelu_share_detached(x):
    return x * gelu_share(x.detach())


@misconception(
    "gelu",
    "fixed_to_float32",
    "returns float32 whatever it is given",
    "A float64 input should give a float64 result.",
)
def gelu_fixed_dtype(x):
    return F.gelu(x.float())


@misconception(
    "gelu",
    "changes_its_input",
    "multiplies the caller's tensor",
    "*= works in place: after the call x holds other numbers.",
)
def gelu_in_place(x):
    x *= gelu_share(x)
    return x


# --- FeedForward --------------------------------------------------------------------------------


class _Feed(nn.Module):
    """The given part; each version below gets forward wrong."""

    def __init__(self, d_model, d_ff):
        super().__init__()
        self.up = nn.Linear(d_model, d_ff)
        self.down = nn.Linear(d_ff, d_model)


@misconception(
    "FeedForward",
    "relu",
    "bends with ReLU",
    "The paper of 2017 did that; this exercise asks for the exact GELU.",
)
class FeedRelu(_Feed):
    def forward(self, x):
        return self.down(torch.relu(self.up(x)))


@misconception(
    "FeedForward",
    "tanh_gelu",
    "bends with the approximation of GELU",
    "It is off in the fourth digit: weights that were trained with the exact function give "
    "slightly different results.",
)
class FeedTanhGelu(_Feed):
    def forward(self, x):
        return self.down(F.gelu(self.up(x), approximate="tanh"))


@misconception(
    "FeedForward",
    "silu",
    "bends with SiLU",
    "x · sigmoid(x) has a wider bend than GELU.",
)
class FeedSilu(_Feed):
    def forward(self, x):
        return self.down(F.silu(self.up(x)))


@misconception(
    "FeedForward",
    "no_bend",
    "leaves out the activation function",
    "Two linear maps in a row are one linear map: the wide layer in between achieves nothing.",
)
class FeedLinear(_Feed):
    def forward(self, x):
        return self.down(self.up(x))


@misconception(
    "FeedForward",
    "bend_at_the_end",
    "bends after the second layer",
    "Two linear maps in a row are one, and the result can hardly go below 0.",
)
class FeedBendLast(_Feed):
    def forward(self, x):
        return gelu(self.down(self.up(x)))


@misconception(
    "FeedForward",
    "bend_twice",
    "bends after the second layer as well",
    "What goes back to the stream should be free to have either sign.",
)
class FeedBendTwice(_Feed):
    def forward(self, x):
        return gelu(self.down(gelu(self.up(x))))


@misconception(
    "FeedForward",
    "bend_first",
    "bends before the first layer",
    "The bend belongs to the wide hidden layer.",
)
class FeedBendFirst(_Feed):
    def forward(self, x):
        return self.down(self.up(gelu(x)))


@misconception(
    "FeedForward",
    "adds_its_input",
    "adds x to the result",
    "The residual is the block's job: there x would be added a second time.",
)
class FeedResidual(_Feed):
    def forward(self, x):
        return x + self.down(gelu(self.up(x)))


@misconception(
    "FeedForward",
    "normalizes",
    "normalizes x first",
    "The layer norm is the block's job: there x would be normalized a second time.",
)
class FeedNormed(_Feed):
    def forward(self, x):
        return self.down(gelu(self.up(F.layer_norm(x, x.shape[-1:]))))


@misconception(
    "FeedForward",
    "no_first_bias",
    "leaves out the bias of the first layer",
    "Only the matrix of the first layer is used.",
)
class FeedNoUpBias(_Feed):
    def forward(self, x):
        return self.down(gelu(x @ self.up.weight.T))


@misconception(
    "FeedForward",
    "no_second_bias",
    "leaves out the bias of the second layer",
    "Only the matrix of the second layer is used.",
)
class FeedNoDownBias(_Feed):
    def forward(self, x):
        return gelu(self.up(x)) @ self.down.weight.T


@misconception(
    "FeedForward",
    "one_matrix",
    "comes back down with the transpose of the first matrix",
    "The second layer has a matrix of its own.",
)
class FeedTied(_Feed):
    def forward(self, x):
        return gelu(self.up(x)) @ self.up.weight + self.down.bias


@misconception(
    "FeedForward",
    "averages_positions",
    "mixes the positions",
    "The network works on every position by itself; looking at each other is the attention's job.",
)
class FeedMixed(_Feed):
    def forward(self, x):
        hidden = gelu(self.up(x))
        return self.down(hidden.mean(-2, keepdim=True).expand_as(hidden) if x.dim() > 1 else hidden)


@misconception(
    "FeedForward",
    "only_three_axes",
    "works only with exactly one batch axis",
    "There may be any number of leading axes; nn.Linear works on the last one.",
)
class FeedThreeAxes(_Feed):
    def forward(self, x):
        batch, n, d = x.shape
        return self.down(gelu(self.up(x.reshape(batch * n, d)))).reshape(batch, n, d)


@misconception(
    "FeedForward",
    "detached",
    "cuts the graph before the network",
    "The weights learn, but no gradient flows back to the layers below.",
)
class FeedDetached(_Feed):
    def forward(self, x):
        return self.down(gelu(self.up(x.detach())))


@misconception(
    "FeedForward",
    "hidden_detached",
    "cuts the graph at the hidden layer",
    "The second layer learns; the first one and the layers below get no gradient.",
)
class FeedHiddenDetached(_Feed):
    def forward(self, x):
        return self.down(gelu(self.up(x)).detach())


@misconception(
    "FeedForward",
    "changes_its_input",
    "writes the result into the caller's tensor",
    "After the call x holds other numbers, and the residual that still needs x gets the wrong "
    "ones.",
)
class FeedInPlace(_Feed):
    def forward(self, x):
        return x.copy_(self.down(gelu(self.up(x))))


# --- TransformerBlock ---------------------------------------------------------------------------


class _Block(nn.Module):
    """The block in steps; each version below gets one of them wrong."""

    def __init__(self, d_model, num_heads, d_ff, dropout=0.0):
        super().__init__()
        self.attention = MultiHeadAttention(d_model, num_heads)
        self.feed_forward = FeedForward(d_model, d_ff)
        self.norm1 = nn.LayerNorm(d_model)
        self.norm2 = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def look(self, x, mask):
        return self.attention(x, mask=mask)[0]

    def first(self, x, mask):
        return x + self.dropout(self.look(self.norm1(x), mask))

    def second(self, x):
        return x + self.dropout(self.feed_forward(self.norm2(x)))

    def forward(self, x, mask=None):
        return self.second(self.first(x, mask))


@misconception(
    "TransformerBlock",
    "post_norm",
    "normalizes after the sum (post-norm)",
    "That is the order of the 2017 paper. Here the stream itself is never normalized: with both "
    "sub-layers silent it should come out unchanged.",
)
class PostNorm(_Block):
    def first(self, x, mask):
        return self.norm1(x + self.dropout(self.look(x, mask)))

    def second(self, x):
        return self.norm2(x + self.dropout(self.feed_forward(x)))


@misconception(
    "TransformerBlock",
    "norm_behind_the_sub_layer",
    "normalizes what comes out of a sub-layer",
    "The norm sits on the branch, but after the sub-layer; the sub-layer gets the stream as it "
    "is, however large it has become.",
)
class NormBehind(_Block):
    def first(self, x, mask):
        return x + self.dropout(self.norm1(self.look(x, mask)))

    def second(self, x):
        return x + self.dropout(self.norm2(self.feed_forward(x)))


@misconception(
    "TransformerBlock",
    "no_norm",
    "leaves out both layer norms",
    "The sub-layers get the stream as it is, and the stream grows from block to block.",
)
class NoNorm(_Block):
    def first(self, x, mask):
        return x + self.dropout(self.look(x, mask))

    def second(self, x):
        return x + self.dropout(self.feed_forward(x))


@misconception(
    "TransformerBlock",
    "no_first_norm",
    "does not normalize before the attention",
    "The feed-forward network gets a normalized stream, the attention does not.",
)
class NoFirstNorm(_Block):
    def first(self, x, mask):
        return x + self.dropout(self.look(x, mask))


@misconception(
    "TransformerBlock",
    "no_second_norm",
    "does not normalize before the feed-forward network",
    "The attention gets a normalized stream, the feed-forward network does not.",
)
class NoSecondNorm(_Block):
    def second(self, x):
        return x + self.dropout(self.feed_forward(x))


@misconception(
    "TransformerBlock",
    "first_norm_twice",
    "uses norm1 in both places",
    "As long as gains are 1 and biases 0, both norms are the same, which is why this slip "
    "survives so long. After training they differ.",
)
class FirstNormTwice(_Block):
    def second(self, x):
        return x + self.dropout(self.feed_forward(self.norm1(x)))


@misconception(
    "TransformerBlock",
    "norms_exchanged",
    "uses norm2 before the attention and norm1 before the feed-forward network",
    "As long as gains are 1 and biases 0, both norms are the same. After training they differ.",
)
class NormsExchanged(_Block):
    def first(self, x, mask):
        return x + self.dropout(self.look(self.norm2(x), mask))

    def second(self, x):
        return x + self.dropout(self.feed_forward(self.norm1(x)))


@misconception(
    "TransformerBlock",
    "norm_without_gain_and_bias",
    "normalizes without the gains and biases",
    "The layer norms have learned a scale and a shift for every feature; here they are not used.",
)
class BareNorm(_Block):
    def first(self, x, mask):
        return x + self.dropout(self.look(F.layer_norm(x, x.shape[-1:]), mask))

    def second(self, x):
        return x + self.dropout(self.feed_forward(F.layer_norm(x, x.shape[-1:])))


@misconception(
    "TransformerBlock",
    "norm_at_the_end",
    "normalizes the stream once more at the end",
    "A layer norm on the stream cuts the straight line from the last block to the first. There is "
    "one after the last block of a stack, but none at the end of each block.",
)
class NormAtTheEnd(_Block):
    def forward(self, x, mask=None):
        return F.layer_norm(super().forward(x, mask), x.shape[-1:])


@misconception(
    "TransformerBlock",
    "adds_to_the_normed",
    "adds the sub-layer's output to the normalized stream",
    "The residual starts after the layer norm, so the stream is normalized after all.",
)
class AddsToNormed(_Block):
    def first(self, x, mask):
        x = self.norm1(x)
        return x + self.dropout(self.look(x, mask))

    def second(self, x):
        x = self.norm2(x)
        return x + self.dropout(self.feed_forward(x))


@misconception(
    "TransformerBlock",
    "no_residual",
    "returns what the sub-layers give, without adding it to the stream",
    "Only the branches are left: everything that the stream carried is gone after one block.",
)
class NoResidual(_Block):
    def first(self, x, mask):
        return self.dropout(self.look(self.norm1(x), mask))

    def second(self, x):
        return self.dropout(self.feed_forward(self.norm2(x)))


@misconception(
    "TransformerBlock",
    "no_first_residual",
    "does not add the stream after the attention",
    "What the stream carried is replaced by what the attention has found.",
)
class NoFirstResidual(_Block):
    def first(self, x, mask):
        return self.dropout(self.look(self.norm1(x), mask))


@misconception(
    "TransformerBlock",
    "no_second_residual",
    "does not add the stream after the feed-forward network",
    "What the stream carried is replaced by what the network makes of it.",
)
class NoSecondResidual(_Block):
    def second(self, x):
        return self.dropout(self.feed_forward(self.norm2(x)))


@misconception(
    "TransformerBlock",
    "old_stream_at_the_end",
    "adds the second branch to the stream from before the attention",
    "What the attention has found reaches the output only through the feed-forward network.",
)
class OldStream(_Block):
    def forward(self, x, mask=None):
        looked = self.first(x, mask)
        return x + self.dropout(self.feed_forward(self.norm2(looked)))


@misconception(
    "TransformerBlock",
    "parallel",
    "lets both sub-layers read the same stream",
    "Some models are built this way, to save time. Here the feed-forward network reads a stream "
    "that already holds what the attention has added.",
)
class Parallel(_Block):
    def forward(self, x, mask=None):
        return self.first(x, mask) + self.second(x) - x


@misconception(
    "TransformerBlock",
    "thinks_before_it_looks",
    "puts the feed-forward network first",
    "First the positions look at each other, then each thinks about what it has seen.",
)
class Exchanged(_Block):
    def forward(self, x, mask=None):
        return self.first(self.second(x), mask)


@misconception(
    "TransformerBlock",
    "context_not_normed",
    "takes keys and values from the stream as it is",
    "The queries are made from the normalized stream, keys and values from the raw one. In "
    "self-attention all three come from the same vectors.",
)
class ContextNotNormed(_Block):
    def first(self, x, mask):
        return x + self.dropout(self.attention(self.norm1(x), x, mask)[0])


@misconception(
    "TransformerBlock",
    "mask_left_out",
    "does not pass the mask on",
    "Every position sees all others, whatever the mask says. In a language model the future leaks.",
)
class MaskLeftOut(_Block):
    def look(self, x, mask):
        return self.attention(x)[0]


@misconception(
    "TransformerBlock",
    "mask_as_context",
    "passes the mask on as the context",
    "The second argument of the attention is the sequence to look into; the mask comes third, or "
    "by name.",
)
class MaskAsContext(_Block):
    def look(self, x, mask):
        return self.attention(x, mask)[0]


@misconception(
    "TransformerBlock",
    "mask_turned_over",
    "passes on the transpose of the mask",
    "Rows are the positions that look; columns are the positions they look at.",
)
class MaskTurned(_Block):
    def look(self, x, mask):
        return self.attention(x, mask=None if mask is None else mask.transpose(-2, -1))[0]


@misconception(
    "TransformerBlock",
    "always_causal",
    "hides the future without being asked to",
    "Encoders use the block too: the mask alone says what is hidden, and None hides nothing.",
)
class AlwaysCausal(_Block):
    def look(self, x, mask):
        n = x.shape[-2]
        causal = torch.full((n, n), -math.inf, dtype=x.dtype).triu(1)
        return self.attention(x, mask=causal if mask is None else mask + causal)[0]


@misconception(
    "TransformerBlock",
    "returns_the_weights_too",
    "returns a pair",
    "Blocks are stacked: what comes out of one goes into the next. The weights stay inside.",
)
class ReturnsPair(_Block):
    def forward(self, x, mask=None):
        output, weights = self.attention(self.norm1(x), mask=mask)
        return self.second(x + self.dropout(output)), weights


@misconception(
    "TransformerBlock",
    "no_dropout",
    "never drops anything",
    "The layer self.dropout is there and is not used.",
)
class NoDropout(_Block):
    def first(self, x, mask):
        return x + self.look(self.norm1(x), mask)

    def second(self, x):
        return x + self.feed_forward(self.norm2(x))


@misconception(
    "TransformerBlock",
    "dropout_behind_attention_only",
    "applies no dropout to the feed-forward network's output",
    "Both sub-layers' outputs should go through dropout.",
)
class DropoutFirstOnly(_Block):
    def second(self, x):
        return x + self.feed_forward(self.norm2(x))


@misconception(
    "TransformerBlock",
    "dropout_behind_feed_forward_only",
    "applies no dropout to the attention's output",
    "Both sub-layers' outputs should go through dropout.",
)
class DropoutSecondOnly(_Block):
    def first(self, x, mask):
        return x + self.look(self.norm1(x), mask)


@misconception(
    "TransformerBlock",
    "dropout_on_the_stream",
    "drops entries of the stream",
    "Here dropout is applied after the sum, so that part of what the stream carried is lost too. "
    "It belongs on the branch, before the sum.",
)
class DropoutOnStream(_Block):
    def first(self, x, mask):
        return self.dropout(x + self.look(self.norm1(x), mask))

    def second(self, x):
        return self.dropout(x + self.feed_forward(self.norm2(x)))


@misconception(
    "TransformerBlock",
    "dropout_in_front",
    "drops entries of what goes into a sub-layer",
    "With everything dropped, a sub-layer may still put something out: the feed-forward network, "
    "what its biases make of zeros. Dropout belongs after the sub-layer.",
)
class DropoutInFront(_Block):
    def first(self, x, mask):
        return x + self.look(self.dropout(self.norm1(x)), mask)

    def second(self, x):
        return x + self.feed_forward(self.dropout(self.norm2(x)))


@misconception(
    "TransformerBlock",
    "dropout_always_on",
    "drops entries in evaluation mode as well",
    "F.dropout assumes training unless it is told otherwise. The model's answers would be left to "
    "chance forever.",
)
class DropoutAlways(_Block):
    def first(self, x, mask):
        return x + F.dropout(self.look(self.norm1(x), mask), self.dropout.p)

    def second(self, x):
        return x + F.dropout(self.feed_forward(self.norm2(x)), self.dropout.p)


@misconception(
    "TransformerBlock",
    "dropout_not_scaled",
    "does not make up for what is dropped",
    "What is kept should be divided by 1 - p, so that the sum is the same on average, with and "
    "without dropout.",
)
class DropoutNotScaled(_Block):
    def first(self, x, mask):
        kept = 1 - self.dropout.p * self.training
        return x + kept * self.dropout(self.look(self.norm1(x), mask))

    def second(self, x):
        kept = 1 - self.dropout.p * self.training
        return x + kept * self.dropout(self.feed_forward(self.norm2(x)))


@misconception(
    "TransformerBlock",
    "dropout_twice",
    "drops twice after each sub-layer",
    "Two dropouts in a row keep only (1 - p)² of the entries, and scale them up twice.",
)
class DropoutTwice(_Block):
    def first(self, x, mask):
        return x + self.dropout(self.dropout(self.look(self.norm1(x), mask)))

    def second(self, x):
        return x + self.dropout(self.dropout(self.feed_forward(self.norm2(x))))


@misconception(
    "TransformerBlock",
    "detached",
    "cuts the graph before the branches",
    "The numbers are right, but gradients reach x only along the stream: the layers below cannot "
    "learn what attention and feed-forward need.",
)
class BranchesDetached(_Block):
    def first(self, x, mask):
        return x + self.dropout(self.look(self.norm1(x.detach()), mask))

    def second(self, x):
        return x + self.dropout(self.feed_forward(self.norm2(x.detach())))


@misconception(
    "TransformerBlock",
    "changes_its_input",
    "adds to the caller's tensor",
    "x += works in place: after the call the caller's tensor holds other numbers.",
)
class AddsInPlace(_Block):
    def first(self, x, mask):
        x += self.dropout(self.look(self.norm1(x), mask))
        return x


# --- block_gradients ----------------------------------------------------------------------------


def _post_norm(block, x):
    x = block.norm1(x + block.attention(x)[0])
    return block.norm2(x + block.feed_forward(x))


def _mean_square(out, target):
    return F.mse_loss(out, target)


def _loss(blocks, final, x, target, pre_norm, *, step=_post_norm, loss=_mean_square):
    """The loss of a stack, with one thing different."""
    for block in blocks:
        x = block(x) if pre_norm else step(block, x)
    return loss(final(x), target)


def _own(part):
    """The parameters of a block, or of a part of it, that have gradients."""
    return [parameter for parameter in part.parameters() if parameter.requires_grad]


def _whole(gradients):
    """The L2 norm of all gradients together."""
    return math.sqrt(sum(one.square().sum().item() for one in gradients))


def _measured(loss, blocks, own=_own, measure=_whole):
    """For each block the measure of its gradients."""
    found = []
    for block in blocks:
        wanted = own(block)
        grads = torch.autograd.grad(loss, wanted, retain_graph=True) if wanted else []
        found.append(measure(grads))
    return found


@misconception(
    "block_gradients",
    "always_pre_norm",
    "runs pre-norm blocks in both cases",
    "With pre_norm=False each layer norm works on the sum of the stream and the sub-layer's "
    "output.",
)
def blocks_always_pre(blocks, final, x, target, pre_norm):
    return _measured(_loss(blocks, final, x, target, True), blocks)


@misconception(
    "block_gradients",
    "always_post_norm",
    "runs post-norm blocks in both cases",
    "With pre_norm=True the blocks are called as they are.",
)
def blocks_always_post(blocks, final, x, target, pre_norm):
    return _measured(_loss(blocks, final, x, target, False), blocks)


@misconception(
    "block_gradients",
    "orders_exchanged",
    "runs pre-norm where post-norm is asked for, and vice versa",
    "pre_norm=True means that the layer norm comes before the sub-layer.",
)
def blocks_exchanged(blocks, final, x, target, pre_norm):
    return _measured(_loss(blocks, final, x, target, not pre_norm), blocks)


@misconception(
    "block_gradients",
    "norms_on_the_branch",
    "normalizes the sub-layer's output before it is added",
    "In post-norm the sum comes first, and the layer norm works on all of it.",
)
def blocks_branch_norms(blocks, final, x, target, pre_norm):
    def on_the_branch(block, x):
        x = x + block.norm1(block.attention(x)[0])
        return x + block.norm2(block.feed_forward(x))

    return _measured(_loss(blocks, final, x, target, pre_norm, step=on_the_branch), blocks)


@misconception(
    "block_gradients",
    "post_norm_without_residual",
    "loses the residual in post-norm",
    "The layer norm works on the sub-layer's output alone; the sum with the stream is missing.",
)
def blocks_no_residual(blocks, final, x, target, pre_norm):
    def without(block, x):
        return block.norm2(block.feed_forward(block.norm1(block.attention(x)[0])))

    return _measured(_loss(blocks, final, x, target, pre_norm, step=without), blocks)


@misconception(
    "block_gradients",
    "layer_norms_exchanged",
    "exchanges the two layer norms in post-norm",
    "norm1 belongs to the attention and norm2 to the feed-forward network, in either order.",
)
def blocks_norms_exchanged(blocks, final, x, target, pre_norm):
    def exchanged(block, x):
        x = block.norm2(x + block.attention(x)[0])
        return block.norm1(x + block.feed_forward(x))

    return _measured(_loss(blocks, final, x, target, pre_norm, step=exchanged), blocks)


@misconception(
    "block_gradients",
    "one_norm_for_each_block",
    "leaves out the layer norm after the attention in post-norm",
    "Each of the two sums gets a layer norm of its own.",
)
def blocks_one_norm(blocks, final, x, target, pre_norm):
    def once(block, x):
        x = x + block.attention(x)[0]
        return block.norm2(x + block.feed_forward(x))

    def own(block):
        left_out = () if pre_norm else tuple(block.norm1.parameters())
        return [p for p in _own(block) if all(p is not one for one in left_out)]

    return _measured(_loss(blocks, final, x, target, pre_norm, step=once), blocks, own)


@misconception(
    "block_gradients",
    "no_final_norm",
    "leaves out the layer norm after the last block",
    "In both orders the loss compares the output of the final layer norm with the target.",
)
def blocks_no_final(blocks, final, x, target, pre_norm):
    return _measured(_loss(blocks, nn.Identity(), x, target, pre_norm), blocks)


@misconception(
    "block_gradients",
    "no_final_norm_after_post_norm",
    "takes the last block's own layer norm for the final one",
    "In post-norm the stack ends in a layer norm already. Here one more comes after both stacks.",
)
def blocks_no_final_post(blocks, final, x, target, pre_norm):
    end = final if pre_norm else nn.Identity()
    return _measured(_loss(blocks, end, x, target, pre_norm), blocks)


@misconception(
    "block_gradients",
    "final_norm_of_its_own",
    "puts a new layer norm at the end instead of the given one",
    "A new layer norm has gain 1 and bias 0. The given one may have learned other values.",
)
def blocks_new_final(blocks, final, x, target, pre_norm):
    def plain(x):
        return F.layer_norm(x, x.shape[-1:])

    return _measured(_loss(blocks, plain, x, target, pre_norm), blocks)


@misconception(
    "block_gradients",
    "loss_not_averaged",
    "does not average the squared errors over everything",
    "The mean runs over all B · n · d numbers. Where k of them are added up instead of averaged, "
    "every gradient is k times too large.",
    over=((1, 2), (2,)),
)
def blocks_summed(blocks, final, x, target, pre_norm, over=(0, 1, 2)):
    def summed(out, target):
        return (out - target).square().sum(over).mean()

    return _measured(_loss(blocks, final, x, target, pre_norm, loss=summed), blocks)


@misconception(
    "block_gradients",
    "half_the_loss",
    "halves the squared error",
    "Some texts put 1/2 before the squared error, so that the 2 of the derivative goes away. The "
    "mean squared error has no such factor.",
)
def blocks_halved(blocks, final, x, target, pre_norm):
    def halved(out, target):
        return F.mse_loss(out, target) / 2

    return _measured(_loss(blocks, final, x, target, pre_norm, loss=halved), blocks)


@misconception(
    "block_gradients",
    "root_of_the_loss",
    "takes the root of the mean squared error",
    "The loss is the mean of the squares; no root is taken of it. (The root belongs to the norm of "
    "the gradient.)",
)
def blocks_rooted(blocks, final, x, target, pre_norm):
    def rooted(out, target):
        return F.mse_loss(out, target).sqrt()

    return _measured(_loss(blocks, final, x, target, pre_norm, loss=rooted), blocks)


@misconception(
    "block_gradients",
    "absolute_errors",
    "averages absolute errors instead of squared ones",
    "The loss is the mean squared error.",
)
def blocks_absolute_errors(blocks, final, x, target, pre_norm):
    return _measured(_loss(blocks, final, x, target, pre_norm, loss=F.l1_loss), blocks)


@misconception(
    "block_gradients",
    "squared",
    "returns the squared norm",
    "The sum of the squares, without the root.",
)
def blocks_squared(blocks, final, x, target, pre_norm):
    loss = _loss(blocks, final, x, target, pre_norm)
    return [norm**2 for norm in _measured(loss, blocks)]


def _norms(gradients):
    return [one.norm().item() for one in gradients]


@misconception(
    "block_gradients",
    "norms_added_up",
    "adds up the norms of the individual tensors",
    "The norm of the whole is the root of the sum of their squares.",
)
def blocks_added(blocks, final, x, target, pre_norm):
    loss = _loss(blocks, final, x, target, pre_norm)
    return _measured(loss, blocks, measure=lambda grads: float(sum(_norms(grads))))


@misconception(
    "block_gradients",
    "norms_averaged",
    "averages the norms of the individual tensors",
    "A block's gradient is one long vector, and its norm is one number: the root of the sum of all "
    "squares.",
)
def blocks_averaged(blocks, final, x, target, pre_norm):
    loss = _loss(blocks, final, x, target, pre_norm)
    return _measured(loss, blocks, measure=lambda grads: sum(_norms(grads)) / max(len(grads), 1))


@misconception(
    "block_gradients",
    "absolute_sum",
    "adds up absolute values (L1)",
    "The exercise asks for the L2 norm: the root of the sum of the squares.",
)
def blocks_absolute(blocks, final, x, target, pre_norm):
    def measure(grads):
        return float(sum(one.abs().sum().item() for one in grads))

    return _measured(_loss(blocks, final, x, target, pre_norm), blocks, measure=measure)


@misconception(
    "block_gradients",
    "largest_entry",
    "returns the largest entry of the gradient",
    "The L2 norm takes all entries into account.",
)
def blocks_largest(blocks, final, x, target, pre_norm):
    def measure(grads):
        return max((one.abs().max().item() for one in grads), default=0.0)

    return _measured(_loss(blocks, final, x, target, pre_norm), blocks, measure=measure)


@misconception(
    "block_gradients",
    "root_mean_square",
    "averages the squares instead of adding them",
    "The L2 norm is the root of the sum; its size depends on how many parameters there are.",
)
def blocks_mean(blocks, final, x, target, pre_norm):
    def measure(grads):
        return _whole(grads) / math.sqrt(max(sum(one.numel() for one in grads), 1))

    return _measured(_loss(blocks, final, x, target, pre_norm), blocks, measure=measure)


@misconception(
    "block_gradients",
    "divided_by_the_count",
    "divides the norm by the number of parameters",
    "The exercise asks for the L2 norm itself.",
)
def blocks_per_parameter(blocks, final, x, target, pre_norm):
    def measure(grads):
        return _whole(grads) / max(sum(one.numel() for one in grads), 1)

    return _measured(_loss(blocks, final, x, target, pre_norm), blocks, measure=measure)


@misconception(
    "block_gradients",
    "attention_only",
    "measures the attention's parameters only",
    "The whole block counts: attention, feed-forward network and both layer norms.",
)
def blocks_attention(blocks, final, x, target, pre_norm):
    loss = _loss(blocks, final, x, target, pre_norm)
    return _measured(loss, blocks, lambda block: _own(block.attention))


@misconception(
    "block_gradients",
    "feed_forward_only",
    "measures the feed-forward network's parameters only",
    "The whole block counts: attention, feed-forward network and both layer norms.",
)
def blocks_feed_forward(blocks, final, x, target, pre_norm):
    loss = _loss(blocks, final, x, target, pre_norm)
    return _measured(loss, blocks, lambda block: _own(block.feed_forward))


@misconception(
    "block_gradients",
    "layer_norms_left_out",
    "leaves the layer norms' parameters out",
    "Gains and biases have gradients, too, and they belong to the block.",
)
def blocks_without_norms(blocks, final, x, target, pre_norm):
    loss = _loss(blocks, final, x, target, pre_norm)
    return _measured(loss, blocks, lambda block: _own(block.attention) + _own(block.feed_forward))


@misconception(
    "block_gradients",
    "matrices_only",
    "counts the weight matrices only",
    "Biases, and the gains of the layer norms, are parameters of the block, too.",
)
def blocks_matrices(blocks, final, x, target, pre_norm):
    loss = _loss(blocks, final, x, target, pre_norm)
    return _measured(loss, blocks, lambda block: [p for p in _own(block) if p.dim() > 1])


@misconception(
    "block_gradients",
    "biases_left_out",
    "leaves the biases out",
    "Biases are parameters with gradients like all others.",
)
def blocks_no_biases(blocks, final, x, target, pre_norm):
    def own(block):
        named = block.named_parameters()
        return [p for name, p in named if not name.endswith("bias") and p.requires_grad]

    return _measured(_loss(blocks, final, x, target, pre_norm), blocks, own)


@misconception(
    "block_gradients",
    "final_counted_in",
    "counts the final layer norm's gradient as the last block's",
    "The layer norm at the end belongs to no block.",
)
def blocks_final_in(blocks, final, x, target, pre_norm):
    def own(block):
        return _own(block) + (_own(final) if block is blocks[-1] else [])

    return _measured(_loss(blocks, final, x, target, pre_norm), blocks, own)


@misconception(
    "block_gradients",
    "one_number_too_many",
    "counts the final layer norm as a block",
    "One number for each block; the layer norm at the end has none.",
)
def blocks_one_more(blocks, final, x, target, pre_norm):
    return _measured(_loss(blocks, final, x, target, pre_norm), [*blocks, final])


@misconception(
    "block_gradients",
    "last_block_first",
    "lists the last block first",
    "The first number belongs to the block that gets the input.",
)
def blocks_reversed(blocks, final, x, target, pre_norm):
    return _measured(_loss(blocks, final, x, target, pre_norm), blocks)[::-1]


@misconception(
    "block_gradients",
    "runs_backward_through_the_list",
    "gives the input to the last block",
    "The first block of the sequence is the one that gets x.",
)
def blocks_run_reversed(blocks, final, x, target, pre_norm):
    return _measured(_loss(list(blocks)[::-1], final, x, target, pre_norm), blocks)


@misconception(
    "block_gradients",
    "gradient_of_the_stream",
    "takes the gradient with respect to the stream, not to the parameters",
    "An optimizer moves a block's parameters, and the exercise asks for their gradients.",
)
def blocks_stream(blocks, final, x, target, pre_norm):
    streams = []
    for block in blocks:
        x = block(x) if pre_norm else _post_norm(block, x)
        streams.append(x)
    loss = _mean_square(final(x), target)
    return [
        one.norm().item() if one is not None else 0.0
        for one in (
            torch.autograd.grad(loss, stream, retain_graph=True, allow_unused=True)[0]
            if stream.requires_grad
            else None
            for stream in streams
        )
    ]


@misconception(
    "block_gradients",
    "weights_not_gradients",
    "measures the weights instead of their gradients",
    "The exercise asks for the norm of the gradient.",
)
def blocks_weights(blocks, final, x, target, pre_norm):
    return [_whole([p.detach() for p in _own(block)]) for block in blocks]


def _held(blocks):
    """The norms of what the parameters hold in ``.grad``."""
    return [_whole([p.grad for p in _own(block) if p.grad is not None]) for block in blocks]


@misconception(
    "block_gradients",
    "old_gradients_added",
    "adds the new gradients to old ones",
    "backward adds to what .grad holds already. Where the parameters hold gradients from "
    "elsewhere, the sum of both is measured; and each call leaves its gradients for the next.",
)
def blocks_accumulated(blocks, final, x, target, pre_norm):
    _loss(blocks, final, x, target, pre_norm).backward()
    return _held(blocks)


@misconception(
    "block_gradients",
    "leaves_its_gradients_behind",
    "leaves its own gradients in .grad",
    "The numbers are right. But afterwards the parameters hold different gradients, and the "
    "next optimizer step goes the wrong way.",
)
def blocks_left_behind(blocks, final, x, target, pre_norm):
    for layer in (*blocks, final):
        layer.zero_grad()
    _loss(blocks, final, x, target, pre_norm).backward()
    return _held(blocks)


@variant("block_gradients", "leaves_its_gradients_behind", "in the blocks alone")
def blocks_left_in_blocks(blocks, final, x, target, pre_norm):
    before = [parameter.grad for parameter in final.parameters()]
    for block in blocks:
        block.zero_grad()
    _loss(blocks, final, x, target, pre_norm).backward()
    for parameter, old in zip(final.parameters(), before, strict=True):
        parameter.grad = old
    return _held(blocks)


@misconception(
    "block_gradients",
    "clears_old_gradients",
    "clears the gradients that were there",
    "The numbers are right. But what the parameters held in .grad before the call is gone.",
    to_none=(False,),
)
def blocks_cleared(blocks, final, x, target, pre_norm, to_none=True):
    for block in blocks:
        block.zero_grad()
    final.zero_grad()
    _loss(blocks, final, x, target, pre_norm).backward()
    norms = _held(blocks)
    for layer in (*blocks, final):
        layer.zero_grad(set_to_none=to_none)
    return norms


@misconception(
    "block_gradients",
    "final_left_behind",
    "leaves a gradient in the final layer norm",
    "The blocks are as they were. But backward reaches every parameter that is not frozen, and the "
    "layer norm at the end is one more layer with parameters.",
)
def blocks_final_behind(blocks, final, x, target, pre_norm):
    before = [[p.grad for p in block.parameters()] for block in blocks]
    for block in blocks:
        block.zero_grad()
    _loss(blocks, final, x, target, pre_norm).backward()
    norms = _held(blocks)
    for block, old in zip(blocks, before, strict=True):
        for parameter, one in zip(block.parameters(), old, strict=True):
            parameter.grad = one
    return norms


@misconception(
    "block_gradients",
    "settings_left_changed",
    "changes settings of what it is given",
    "After the call, requires_grad or the mode (training or evaluation) of something is not what "
    "it was. Leave what belongs to the caller as it is.",
)
def blocks_follow_the_input(blocks, final, x, target, pre_norm):
    return block_gradients(blocks, final, x.requires_grad_(True), target, pre_norm)


@variant("block_gradients", "settings_left_changed", "of the final layer norm")
def blocks_freeze_the_end(blocks, final, x, target, pre_norm):
    return block_gradients(blocks, final.requires_grad_(False), x, target, pre_norm)


@variant("block_gradients", "settings_left_changed", "of the blocks' modes")
def blocks_evaluated(blocks, final, x, target, pre_norm):
    return block_gradients([block.eval() for block in blocks], final, x, target, pre_norm)


@misconception(
    "block_gradients",
    "frozen_not_skipped",
    "asks for the gradients of frozen parameters",
    "torch.autograd.grad refuses a parameter that is frozen. Such a parameter adds nothing.",
)
def blocks_frozen(blocks, final, x, target, pre_norm):
    loss = _loss(blocks, final, x, target, pre_norm)
    return _measured(loss, blocks, lambda block: list(block.parameters()))


@misconception(
    "block_gradients",
    "fixed_to_float32",
    "turns x and the target into float32",
    "Blocks in float64 need their input in float64.",
)
def blocks_float32(blocks, final, x, target, pre_norm):
    return _measured(_loss(blocks, final, x.float(), target.float(), pre_norm), blocks)


@misconception(
    "block_gradients",
    "sum_in_place",
    "adds to the stream in place in post-norm",
    "The attention needs its input once more on the way back, and x += has written over it. The "
    "sum should be a new tensor.",
)
def blocks_in_place(blocks, final, x, target, pre_norm):
    def in_place(block, x):
        x += block.attention(x)[0]
        x = block.norm1(x)
        x += block.feed_forward(x)
        return block.norm2(x)

    return _measured(_loss(blocks, final, x, target, pre_norm, step=in_place), blocks)


@misconception(
    "block_gradients",
    "writes_into_the_target",
    "writes the error into the caller's target",
    "-= works in place: the numbers are right, but after the call the target has changed.",
)
def blocks_into_target(blocks, final, x, target, pre_norm):
    def into(out, target):
        target -= out
        return target.square().mean()

    return _measured(_loss(blocks, final, x, target, pre_norm, loss=into), blocks)


@misconception(
    "block_gradients",
    "tensors",
    "returns tensors",
    "The exercise asks for Python floats; item() turns a tensor with one number into a float.",
)
def blocks_tensors(blocks, final, x, target, pre_norm):
    loss = _loss(blocks, final, x, target, pre_norm)
    return [torch.tensor(norm) for norm in _measured(loss, blocks)]


@misconception(
    "block_gradients",
    "one_tensor",
    "returns one tensor",
    "The exercise asks for a list of Python floats.",
)
def blocks_tensor(blocks, final, x, target, pre_norm):
    return torch.tensor(_measured(_loss(blocks, final, x, target, pre_norm), blocks))


# --- gradient_by_depth --------------------------------------------------------------------------


def _uniform_matrices(block, generator):
    for parameter in block.parameters():
        if parameter.dim() == 2:
            nn.init.xavier_uniform_(parameter, generator=generator)
    nn.init.zeros_(block.feed_forward.up.bias)
    nn.init.zeros_(block.feed_forward.down.bias)


def _stack(
    depth,
    pre_norm,
    *,
    init=_uniform_matrices,
    seed=0,
    final=True,
    step=_post_norm,
    reduction="mean",
    shared=False,
    hidden=128,
):
    """The experiment after its backward pass, with one thing different: the blocks."""
    generator = torch.Generator()
    if seed is None:
        generator.manual_seed(int(torch.randint(2**31, ())))
    else:
        generator.manual_seed(seed)
    blocks = [TransformerBlock(32, 4, hidden) for _ in range(1 if shared else depth)]
    blocks = blocks * depth if shared else blocks
    for block in dict.fromkeys(blocks):
        init(block, generator)
    x = torch.randn(4, 16, 32, generator=generator)
    target = torch.randn(4, 16, 32, generator=generator)
    for block in blocks:
        x = block(x) if pre_norm else step(block, x)
    x = F.layer_norm(x, (32,)) if final else x
    F.mse_loss(x, target, reduction=reduction).backward()
    return blocks


def _norms_of(blocks, part=lambda block: block, measure=torch.norm):
    vectors = [torch.cat([p.grad.flatten() for p in part(b).parameters()]) for b in blocks]
    return [measure(vector).item() for vector in vectors]


@misconception(
    "gradient_by_depth",
    "always_pre_norm",
    "builds pre-norm blocks in both cases",
    "With pre_norm=False each layer norm works on the sum of the stream and the sub-layer's "
    "output.",
)
def depth_always_pre(depth, pre_norm):
    return _norms_of(_stack(depth, True))


@misconception(
    "gradient_by_depth",
    "always_post_norm",
    "builds post-norm blocks in both cases",
    "With pre_norm=True the stack consists of this lesson's blocks as they are.",
)
def depth_always_post(depth, pre_norm):
    return _norms_of(_stack(depth, False))


@misconception(
    "gradient_by_depth",
    "orders_exchanged",
    "builds pre-norm where post-norm is asked for, and vice versa",
    "pre_norm=True means that the layer norm comes before the sub-layer.",
)
def depth_exchanged(depth, pre_norm):
    return _norms_of(_stack(depth, not pre_norm))


@misconception(
    "gradient_by_depth",
    "last_block_first",
    "lists the last block first",
    "The first number belongs to the block that gets the input.",
)
def depth_reversed(depth, pre_norm):
    return _norms_of(_stack(depth, pre_norm))[::-1]


@misconception(
    "gradient_by_depth",
    "squared",
    "returns the squared norm",
    "The sum of the squares, without the root.",
)
def depth_squared(depth, pre_norm):
    return [norm**2 for norm in _norms_of(_stack(depth, pre_norm))]


@misconception(
    "gradient_by_depth",
    "norms_added_up",
    "adds up the norms of the individual tensors",
    "The norm of the whole is the root of the sum of their squares.",
)
def depth_added(depth, pre_norm):
    blocks = _stack(depth, pre_norm)
    return [sum(p.grad.norm().item() for p in block.parameters()) for block in blocks]


@misconception(
    "gradient_by_depth",
    "absolute_sum",
    "adds up absolute values (L1)",
    "The exercise asks for the L2 norm: the root of the sum of the squares.",
)
def depth_absolute(depth, pre_norm):
    return _norms_of(_stack(depth, pre_norm), measure=lambda v: v.abs().sum())


@misconception(
    "gradient_by_depth",
    "root_mean_square",
    "averages the squares instead of adding them",
    "The L2 norm is the root of the sum; its size depends on how many parameters there are.",
)
def depth_mean(depth, pre_norm):
    return _norms_of(_stack(depth, pre_norm), measure=lambda v: v.square().mean().sqrt())


@misconception(
    "gradient_by_depth",
    "largest_entry",
    "returns the largest entry of the gradient",
    "The L2 norm takes all entries into account.",
)
def depth_largest(depth, pre_norm):
    return _norms_of(_stack(depth, pre_norm), measure=lambda v: v.abs().max())


@misconception(
    "gradient_by_depth",
    "attention_only",
    "measures the attention's parameters only",
    "The whole block counts: attention, feed-forward network and both layer norms.",
)
def depth_attention(depth, pre_norm):
    return _norms_of(_stack(depth, pre_norm), part=lambda block: block.attention)


@misconception(
    "gradient_by_depth",
    "feed_forward_only",
    "measures the feed-forward network's parameters only",
    "The whole block counts: attention, feed-forward network and both layer norms.",
)
def depth_feed_forward(depth, pre_norm):
    return _norms_of(_stack(depth, pre_norm), part=lambda block: block.feed_forward)


@misconception(
    "gradient_by_depth",
    "layer_norms_left_out",
    "leaves the layer norms' parameters out",
    "Gains and biases have gradients, too, and they belong to the block.",
)
def depth_without_norms(depth, pre_norm):
    def rest(block):
        return nn.ModuleList([block.attention, block.feed_forward])

    return _norms_of(_stack(depth, pre_norm), part=rest)


@misconception(
    "gradient_by_depth",
    "xavier_normal",
    "draws the weights from a normal distribution",
    "The variance is Xavier's. But the weights should be uniform, which keeps all of them within "
    "a bound.",
)
def depth_normal(depth, pre_norm):
    def normal(block, generator):
        _uniform_matrices(block, generator)
        for parameter in block.parameters():
            if parameter.dim() == 2:
                nn.init.xavier_normal_(parameter, generator=generator)

    return _norms_of(_stack(depth, pre_norm, init=normal))


@misconception(
    "gradient_by_depth",
    "default_biases",
    "keeps the biases that nn.Linear draws by default",
    "Every bias should be 0.",
)
def depth_default_biases(depth, pre_norm):
    def matrices(block, generator):
        for parameter in block.parameters():
            if parameter.dim() == 2:
                nn.init.xavier_uniform_(parameter, generator=generator)

    torch.manual_seed(0)
    return _norms_of(_stack(depth, pre_norm, init=matrices))


@misconception(
    "gradient_by_depth",
    "weights_not_gradients",
    "measures the weights instead of their gradients",
    "At initialization all blocks have weights of the same size; what differs is the gradient.",
)
def depth_weights(depth, pre_norm):
    blocks = _stack(depth, pre_norm)
    return [
        torch.cat([p.detach().flatten() for p in block.parameters()]).norm().item()
        for block in blocks
    ]


@misconception(
    "gradient_by_depth",
    "no_final_norm",
    "leaves out the layer norm after the last block",
    "In pre-norm the stream grows from block to block, and the layer norm at the end divides by "
    "its size. That is what makes the gradients small.",
)
def depth_no_final(depth, pre_norm):
    return _norms_of(_stack(depth, pre_norm, final=False))


@misconception(
    "gradient_by_depth",
    "no_final_norm_post_norm",
    "takes the last block's own layer norm for the final one",
    "In post-norm the stack ends in a layer norm already. The experiment puts one more after both "
    "stacks, so that the loss sees the same kind of output; that changes the gradient of the last "
    "block.",
)
def depth_no_final_post(depth, pre_norm):
    return _norms_of(_stack(depth, pre_norm, final=pre_norm))


@misconception(
    "gradient_by_depth",
    "default_weights",
    "keeps the weights that nn.Linear draws by default",
    "They are smaller than Xavier's: every block adds little to the stream, and depth hardly "
    "shows.",
)
def depth_default(depth, pre_norm):
    def by_default(block, generator):
        for module in block.modules():
            if isinstance(module, nn.Linear):
                bound = 1 / math.sqrt(module.in_features)
                for parameter in module.parameters():
                    nn.init.uniform_(parameter, -bound, bound, generator=generator)

    return _norms_of(_stack(depth, pre_norm, init=by_default))


@misconception(
    "gradient_by_depth",
    "loss_summed",
    "adds the squared errors up instead of averaging them",
    "All gradients are 2048 times too large, as the output has 2048 numbers.",
)
def depth_summed(depth, pre_norm):
    return _norms_of(_stack(depth, pre_norm, reduction="sum"))


@misconception(
    "gradient_by_depth",
    "one_block_for_all",
    "stacks one and the same block many times",
    "[block] * depth is one block, and its gradient is that of all its uses together. Each layer "
    "should have parameters of its own.",
)
def depth_shared(depth, pre_norm):
    return _norms_of(_stack(depth, pre_norm, shared=True))


@misconception(
    "gradient_by_depth",
    "post_norm_without_residual",
    "loses the residual in post-norm",
    "The layer norm works on the sub-layer's output alone; the sum with the stream is missing.",
)
def depth_no_residual(depth, pre_norm):
    def without(block, x):
        x = block.norm1(block.attention(x)[0])
        return block.norm2(block.feed_forward(x))

    return _norms_of(_stack(depth, pre_norm, step=without))


@misconception(
    "gradient_by_depth",
    "not_seeded",
    "draws different numbers on every call",
    "With seed 0, the same call should give the same list.",
)
def depth_not_seeded(depth, pre_norm):
    return _norms_of(_stack(depth, pre_norm, seed=None))


@misconception(
    "gradient_by_depth",
    "seeded_for_each_block",
    "draws the same weights in every block",
    "The seed is set again for each block, or one set of weights is loaded into all. Set it once, "
    "before anything is drawn.",
)
def depth_seeded_in_the_loop(depth, pre_norm):
    def again(block, generator):
        _uniform_matrices(block, torch.Generator().manual_seed(0))

    return _norms_of(_stack(depth, pre_norm, init=again))


@misconception(
    "gradient_by_depth",
    "another_d_ff",
    "gives the blocks another d_ff",
    "The contract's blocks have hidden layers of 128 units.",
    hidden=(256,),
)
def depth_hidden(depth, pre_norm, *, hidden=64):
    return _norms_of(_stack(depth, pre_norm, hidden=hidden))


@misconception(
    "gradient_by_depth",
    "one_block_more",
    "builds one block too many and drops its number",
    "That block is still in the stack: the gradients of the others pass through it.",
)
def depth_and_one(depth, pre_norm):
    return _norms_of(_stack(depth + 1, pre_norm))[:-1]


@misconception(
    "gradient_by_depth",
    "one_number_too_many",
    "counts the final layer norm as a layer",
    "One number for each block; the layer norm after the last block has none.",
)
def depth_one_more(depth, pre_norm):
    return [*_norms_of(_stack(depth, pre_norm)), 1.0]


@misconception(
    "gradient_by_depth",
    "tensors",
    "returns tensors",
    "The exercise asks for Python floats; item() turns a tensor with one number into a float.",
)
def depth_tensors(depth, pre_norm):
    return [torch.tensor(norm) for norm in _norms_of(_stack(depth, pre_norm))]


@misconception(
    "gradient_by_depth",
    "one_tensor",
    "returns one tensor",
    "The exercise asks for a list of Python floats.",
)
def depth_tensor(depth, pre_norm):
    return torch.tensor(_norms_of(_stack(depth, pre_norm)))


@misconception(
    "gradient_by_depth",
    "two_numbers_for_each_block",
    "measures the two sub-layers separately",
    "The exercise asks for one number for each block: attention, feed-forward network and layer "
    "norms together.",
)
def depth_two_each(depth, pre_norm):
    blocks = _stack(depth, pre_norm)
    parts = [part for block in blocks for part in (block.attention, block.feed_forward)]
    return _norms_of(parts)


# --- repaired_layer_norm ------------------------------------------------------------------------


@misconception(
    "repaired_layer_norm",
    "as_given",
    "still does what the given code did",
    "Both faults are still there: they show for vectors with few features, and for vectors with a "
    "very small spread.",
)
def repaired_as_given(x, gain, bias, eps=1e-5):
    average = x.mean(-1, keepdim=True)
    spread = x.std(-1, keepdim=True)
    return gain * (x - average) / (spread + eps) + bias


@misconception(
    "repaired_layer_norm",
    "still_divided_by_one_less",
    "still averages the squares over d - 1",
    "eps is in the right place now. The variance is still that of a sample.",
)
def repaired_unbiased(x, gain, bias, eps=1e-5):
    average = x.mean(-1, keepdim=True)
    return gain * (x - average) / (x.var(-1, keepdim=True) + eps).sqrt() + bias


@misconception(
    "repaired_layer_norm",
    "eps_still_outside",
    "still adds eps to the standard deviation",
    "The variance is right now. eps is still added after the root.",
)
def repaired_outside(x, gain, bias, eps=1e-5):
    average = x.mean(-1, keepdim=True)
    return gain * (x - average) / (x.std(-1, keepdim=True, correction=0) + eps) + bias


@misconception(
    "repaired_layer_norm",
    "root_of_the_deviation",
    "takes the root of the standard deviation",
    "The root was put around everything, but the standard deviation is a root already. (A reader "
    "of another tutorial proposed this fix in public.)",
)
def repaired_two_roots(x, gain, bias, eps=1e-5):
    average = x.mean(-1, keepdim=True)
    return gain * (x - average) / (x.std(-1, keepdim=True, correction=0) + eps).sqrt() + bias


@misconception(
    "repaired_layer_norm",
    "sample_deviation_under_two_roots",
    "takes the root of the sample standard deviation",
    "The root was put around everything, but the standard deviation is a root already; and the "
    "squares are still averaged over d - 1.",
)
def repaired_two_roots_unbiased(x, gain, bias, eps=1e-5):
    average = x.mean(-1, keepdim=True)
    return gain * (x - average) / (x.std(-1, keepdim=True) + eps).sqrt() + bias


@misconception(
    "repaired_layer_norm",
    "root_forgotten",
    "divides by the variance",
    "The standard deviation became a variance, and the root was lost on the way.",
)
def repaired_no_root(x, gain, bias, eps=1e-5):
    average = x.mean(-1, keepdim=True)
    return gain * (x - average) / (x.var(-1, keepdim=True, correction=0) + eps) + bias


@misconception(
    "repaired_layer_norm",
    "eps_removed",
    "removes eps altogether",
    "Vectors with equal entries give 0/0, and eps is an argument that callers rely on.",
)
def repaired_no_eps(x, gain, bias, eps=1e-5):
    average = x.mean(-1, keepdim=True)
    return gain * (x - average) / x.std(-1, keepdim=True, correction=0) + bias


@misconception(
    "repaired_layer_norm",
    "eps_squared",
    "adds the square of eps to the variance",
    "As if eps were a standard deviation. The contract's eps is a variance already.",
)
def repaired_eps_squared(x, gain, bias, eps=1e-5):
    average = x.mean(-1, keepdim=True)
    spread = (x.var(-1, keepdim=True, correction=0) + eps**2).sqrt()
    return gain * (x - average) / spread + bias


@misconception(
    "repaired_layer_norm",
    "mended_for_four_features",
    "corrects by a fixed factor",
    "√(3/4) is the right factor for vectors of width 4, the width of the example, and for no "
    "other.",
)
def repaired_for_four(x, gain, bias, eps=1e-5):
    average = x.mean(-1, keepdim=True)
    spread = (x.var(-1, keepdim=True) * 0.75 + eps).sqrt()
    return gain * (x - average) / spread + bias


@misconception(
    "repaired_layer_norm",
    "corrected_afterwards",
    "multiplies the sample variance by (d - 1) / d",
    "Right for two features and more. With one feature the sample variance is 0/0, and nan times "
    "0 is nan.",
)
def repaired_corrected(x, gain, bias, eps=1e-5):
    d = x.shape[-1]
    variance = x.var(-1, keepdim=True) * ((d - 1) / d)
    return gain * (x - x.mean(-1, keepdim=True)) / (variance + eps).sqrt() + bias


@misconception(
    "repaired_layer_norm",
    "difference_of_large_numbers",
    "computes the variance as E[x²] - E[x]²",
    "The formula is right, but far from 0 it is the small difference of two large numbers: few "
    "digits are left. Average the squares of x - mean.",
)
def repaired_one_pass(x, gain, bias, eps=1e-5):
    average = x.mean(-1, keepdim=True)
    variance = ((x * x).mean(-1, keepdim=True) - average * average).clamp(min=0)
    return gain * (x - average) / (variance + eps).sqrt() + bias


@misconception(
    "repaired_layer_norm",
    "mean_lost",
    "no longer subtracts the mean",
    "That part of the given code was right.",
)
def repaired_no_mean(x, gain, bias, eps=1e-5):
    return (
        layer_norm(x, gain, bias, eps)
        + gain * x.mean(-1, keepdim=True) / (x.var(-1, keepdim=True, correction=0) + eps).sqrt()
    )


# --- failing_vectors ----------------------------------------------------------------------------


@misconception(
    "failing_vectors",
    "too_many_features",
    "has too many features in the first vector",
    "The factor of the division is the root of (d - 1)/d. It is farthest from 1 where d is small; "
    "with more than two features it is off by less than a quarter.",
    features=(4, 16),
)
def failing_four(features=3):
    return torch.tensor([1.0] + [0.0] * (features - 1)), torch.tensor([1e-5, 0.0])


@misconception(
    "failing_vectors",
    "eps_shows_too",
    "has too small a spread in the first vector",
    "Where the variance is small, eps outside the root makes a difference, too: such a test does "
    "not tell which fault it has found.",
    size=(1e-3,),
)
def failing_small_first(size=0.01):
    return torch.tensor([size, 0.0]), torch.tensor([1e-5, 0.0])


@misconception(
    "failing_vectors",
    "spread_too_large",
    "has too large a spread in the second vector",
    "Beside such a variance eps makes hardly any difference, wherever it is added.",
    size=(0.1, 100.0),
)
def failing_large_second(size=1.0):
    return torch.tensor([1.0, 0.0]), torch.tensor([size, 0.0, 0.0])


@misconception(
    "failing_vectors",
    "division_shows_too",
    "shows both faults with the second vector",
    "The variance is not small enough beside eps, so dividing by d - 1 still matters. Take a "
    "smaller spread, or many features.",
    size=(0.005, 0.002),
)
def failing_both_second(size=0.003):
    return torch.tensor([1.0, 0.0]), torch.tensor([size, 0.0])


@misconception(
    "failing_vectors",
    "exchanged",
    "has the two vectors in the other order",
    "The first vector should show the division by d - 1, the second that eps is outside the root.",
)
def failing_exchanged():
    return torch.tensor([1e-5, 0.0]), torch.tensor([1.0, 0.0])


@misconception(
    "failing_vectors",
    "no_spread",
    "has a vector whose entries are all equal",
    "Whatever the deviations are divided by, they are 0: a layer norm with either fault gives what "
    "the right one gives, so no test can tell.",
    value=(1.0, 3.0),
)
def failing_constant(value=0.0):
    return torch.tensor([1.0, 0.0]), torch.full((2,), value)


@misconception(
    "failing_vectors",
    "rows",
    "returns tables of one row",
    "A vector has one axis: (d,), not (1, d).",
)
def failing_rows():
    return torch.tensor([[1.0, 0.0]]), torch.tensor([[1e-5, 0.0]])


@misconception(
    "failing_vectors",
    "lists",
    "returns lists of numbers",
    "A vector is a tensor here: torch.tensor makes one from a list.",
)
def failing_lists():
    return [1.0, 0.0], [1e-5, 0.0]


@misconception(
    "failing_vectors",
    "one_for_both",
    "returns one vector for both faults",
    "One vector cannot show each fault alone; the exercise asks for two.",
)
def failing_one():
    return torch.tensor([1e-3, 0.0])


# --- the same mistakes, as they are often written ------------------------------------------------


@variant("TransformerBlock", "adds_to_the_normed", "in the first half")
class AddsToFirstNormed(_Block):
    def first(self, x, mask):
        x = self.norm1(x)
        return x + self.dropout(self.look(x, mask))


@variant("TransformerBlock", "adds_to_the_normed", "in the second half")
class AddsToSecondNormed(_Block):
    def second(self, x):
        x = self.norm2(x)
        return x + self.dropout(self.feed_forward(x))


@misconception(
    "TransformerBlock",
    "dropout_after_the_second_half",
    "drops the attention's output only after the feed-forward network has read it",
    "The second half starts from the new stream, to which the first half was added after dropout.",
)
class DropsTooLate(_Block):
    def forward(self, x, mask=None):
        added = self.look(self.norm1(x), mask)
        thought = self.feed_forward(self.norm2(x + added))
        return x + self.dropout(added) + self.dropout(thought)


@variant("TransformerBlock", "dropout_after_the_second_half", "from both together")
class DropsTheSum(_Block):
    def forward(self, x, mask=None):
        added = self.look(self.norm1(x), mask)
        return x + self.dropout(added + self.feed_forward(self.norm2(x + added)))


@misconception(
    "TransformerBlock",
    "first_mask_for_all",
    "uses the first sequence's mask for the whole batch",
    "Sequences of different lengths have different padding, so each one needs its own mask.",
)
class FirstMask(_Block):
    def look(self, x, mask):
        mask = mask[:1] if mask is not None and mask.dim() == 4 else mask
        return super().look(x, mask)


@variant("TransformerBlock", "dropout_on_the_stream", "in the first half")
class DropoutOnFirstSum(_Block):
    def first(self, x, mask):
        return self.dropout(x + self.look(self.norm1(x), mask))


@variant("TransformerBlock", "dropout_on_the_stream", "in the second half")
class DropoutOnSecondSum(_Block):
    def second(self, x):
        return self.dropout(x + self.feed_forward(self.norm2(x)))
