"""Other right ways in lesson 6."""

from __future__ import annotations

import copy
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from grader.course.versions import alternative
from solutions.multi_head_attention import MultiHeadAttention
from solutions.transformer_block import FeedForward, TransformerBlock, gelu, layer_norm

# --- layer_norm ---------------------------------------------------------------------------------


@alternative("layer_norm", "var and rsqrt")
def norm_var(x, gain, bias, eps=1e-5):
    variance, mean = torch.var_mean(x, dim=-1, correction=0, keepdim=True)
    return (x - mean) * torch.rsqrt(variance + eps) * gain + bias


@alternative("layer_norm", "sums, the axis put back")
def norm_sums(x, gain, bias, eps=1e-5):
    d = x.size(-1)
    centered = x - (x.sum(-1) / d).unsqueeze(-1)
    variance = (centered**2).sum(-1) / d
    return torch.addcmul(bias, gain, centered / (variance + eps).pow(0.5)[..., None])


@alternative("layer_norm", "in float64, and back")
def norm_wide(x, gain, bias, eps=1e-5):
    wide = x.double()
    mean = wide.mean(-1, keepdim=True)
    spread = ((wide - mean).square().mean(-1, keepdim=True) + eps).sqrt()
    return ((wide - mean) / spread * gain.double() + bias.double()).to(x.dtype)


@alternative("layer_norm", "one vector after the other")
def norm_loop(x, gain, bias, eps=1e-5):
    if x.dim() > 1:
        return torch.stack([norm_loop(part, gain, bias, eps) for part in x])
    centered = x - sum(x) / len(x)
    return gain * centered / torch.sqrt(centered.dot(centered) / len(x) + eps) + bias


@alternative("layer_norm", "own tensors changed in place")
def norm_own_in_place(x, gain, bias, eps=1e-5):
    out = x - x.mean(dim=-1, keepdim=True)
    spread = out.square().mean(dim=-1, keepdim=True).add_(eps).sqrt()
    return (out / spread).mul(gain).add_(bias)


@alternative("layer_norm", "a product with a centering matrix")
def norm_matrix(x, gain, bias, eps=1e-5):
    d = x.shape[-1]
    first = x[..., :1]  # taken away first: large means lose their digits in a long sum
    center = torch.eye(d, dtype=x.dtype) - torch.full((d, d), 1 / d, dtype=x.dtype)
    centered = (x - first) @ center
    variance = torch.einsum("...d,...d->...", centered, centered)[..., None] / d
    return centered / torch.sqrt(variance + eps) @ torch.diag(gain) + bias


# --- gelu ---------------------------------------------------------------------------------------


@alternative("gelu", "PyTorch's own")
def gelu_library(x):
    return F.gelu(x)


@alternative("gelu", "the normal distribution's cdf")
def gelu_distribution(x):
    return x * torch.distributions.Normal(0.0, 1.0).cdf(x)


@alternative("gelu", "ndtr")
def gelu_ndtr(x):
    return torch.special.ndtr(x) * x


@alternative("gelu", "erfc")
def gelu_erfc(x):
    return x / 2 * torch.erfc(-x * math.sqrt(0.5))


@alternative("gelu", "half of x twice")
def gelu_halves(x):
    half = 0.5 * x
    return half + half * torch.special.erf(x / np.sqrt(2.0))


# --- FeedForward --------------------------------------------------------------------------------


class _Feed(nn.Module):
    """The given part; each version writes its own forward."""

    def __init__(self, d_model, d_ff):
        super().__init__()
        self.up = nn.Linear(d_model, d_ff)
        self.down = nn.Linear(d_ff, d_model)


@alternative("FeedForward", "PyTorch's GELU")
class FeedLibrary(_Feed):
    def forward(self, x):
        return self.down(nn.GELU()(self.up(x)))


@alternative("FeedForward", "matrices by hand")
class FeedByHand(_Feed):
    def forward(self, x):
        hidden = gelu(x @ self.up.weight.mT + self.up.bias)
        return torch.einsum("...f,df->...d", hidden, self.down.weight) + self.down.bias


@alternative("FeedForward", "hidden unit after hidden unit")
class FeedUnits(_Feed):
    def forward(self, x):
        out = self.down.bias.expand(x.shape)
        for unit in range(self.up.out_features):
            bent = gelu((x * self.up.weight[unit]).sum(-1, keepdim=True) + self.up.bias[unit])
            out = out + bent * self.down.weight[:, unit]
        return out


@alternative("FeedForward", "nn.Sequential")
class FeedSequential(_Feed):
    def forward(self, x):
        return nn.Sequential(self.up, nn.GELU(), self.down)(x)


# --- TransformerBlock ---------------------------------------------------------------------------


class _Block(nn.Module):
    """The given part; each version writes its own forward."""

    def __init__(self, d_model, num_heads, d_ff, dropout=0.0):
        super().__init__()
        self.attention = MultiHeadAttention(d_model, num_heads)
        self.feed_forward = FeedForward(d_model, d_ff)
        self.norm1 = nn.LayerNorm(d_model)
        self.norm2 = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)


@alternative("TransformerBlock", "step by step")
class Steps(_Block):
    def forward(self, x, mask=None):
        normed = self.norm1(x)
        looked, _ = self.attention(normed, normed, mask)
        stream = torch.add(x, self.dropout(looked))
        thought = self.feed_forward(self.norm2(stream))
        return torch.add(stream, self.dropout(thought))


@alternative("TransformerBlock", "functional dropout that knows the mode")
class FunctionalDropout(_Block):
    def forward(self, x, mask=None):
        p, on = self.dropout.p, self.training
        x = x + F.dropout(self.attention(self.norm1(x), None, mask)[0], p, on)
        return x + F.dropout(self.feed_forward(self.norm2(x)), p=p, training=on)


@alternative("TransformerBlock", "dropout by hand")
class DropoutByHand(_Block):
    def drop(self, y):
        p = self.dropout.p
        if not self.training or p == 0:
            return y
        if p == 1:
            return torch.zeros_like(y)
        kept = torch.rand(y.shape, dtype=torch.float64) >= p
        return torch.where(kept, y / (1 - p), torch.zeros_like(y))

    def forward(self, x, mask=None):
        for norm, branch in (
            (self.norm1, lambda y: self.attention(y, mask=mask)[0]),
            (self.norm2, self.feed_forward),
        ):
            x = x + self.drop(branch(norm(x)))
        return x


@alternative(
    "TransformerBlock", "both masks of dropout drawn first, the second one before the first"
)
class MasksFirst(_Block):
    def forward(self, x, mask=None):
        second, first = self.dropout(torch.ones_like(x)), self.dropout(torch.ones_like(x))
        looked = x + first * self.attention(self.norm1(x), mask=mask)[0]
        return looked + second * self.feed_forward(self.norm2(looked))


@alternative("TransformerBlock", "own layer norm with the weights of the given one")
class OwnNorm(_Block):
    def forward(self, x, mask=None):
        first = layer_norm(x, self.norm1.weight, self.norm1.bias, self.norm1.eps)
        x = x + self.dropout(self.attention(first, mask=mask)[0])
        second = layer_norm(x, self.norm2.weight, self.norm2.bias)
        return x + self.dropout(self.feed_forward(second))


@alternative("TransformerBlock", "own tensors changed in place")
class OwnInPlace(_Block):
    def forward(self, x, mask=None):
        stream = x.clone()
        stream += self.dropout(self.attention(self.norm1(stream.clone()), mask=mask)[0])
        out = self.dropout(self.feed_forward(self.norm2(stream)))
        out = out + stream
        return out


@alternative("TransformerBlock", "sequence after sequence")
class SequenceAfterSequence(_Block):
    def forward(self, x, mask=None):
        outputs = []
        for b in range(len(x)):
            own = mask[b % len(mask)] if mask is not None and mask.dim() == 4 else mask
            one = x[b : b + 1]
            one = one + self.dropout(self.attention(self.norm1(one), mask=own)[0])
            outputs.append(one + self.dropout(self.feed_forward(self.norm2(one))))
        return torch.cat(outputs)


# --- block_gradients ----------------------------------------------------------------------------


def _post(block, x):
    x = block.norm1(x + block.attention(x)[0])
    return block.norm2(x + block.feed_forward(x))


def _stack_loss(blocks, final, x, target, pre_norm):
    for block in blocks:
        x = block(x) if pre_norm else _post(block, x)
    return F.mse_loss(final(x), target)


def _grads(module):
    return [p.grad for p in module.parameters() if p.grad is not None]


@alternative("block_gradients", "backward, and every .grad put back")
def stack_put_back(blocks, final, x, target, pre_norm):
    parameters = [p for layer in (*blocks, final) for p in layer.parameters()]
    before = [p.grad for p in parameters]
    for p in parameters:
        p.grad = None
    _stack_loss(blocks, final, x, target, pre_norm).backward()
    norms = [math.sqrt(sum(g.square().sum().item() for g in _grads(block))) for block in blocks]
    for p, old in zip(parameters, before, strict=True):
        p.grad = old
    return norms


@alternative("block_gradients", "backward on a copy of the stack")
def stack_copied(blocks, final, x, target, pre_norm):
    own = copy.deepcopy(nn.Sequential(*blocks, final))
    own.zero_grad()
    layers = list(own)
    _stack_loss(layers[:-1], layers[-1], x, target, pre_norm).backward()
    norms = []
    for block in layers[:-1]:
        parts = [g.flatten() for g in _grads(block)]
        norms.append(torch.cat(parts).norm().item() if parts else 0.0)
    return norms


@alternative("block_gradients", "autograd.grad, block after block")
def stack_block_by_block(blocks, final, x, target, pre_norm):
    loss = _stack_loss(blocks, final, x, target, pre_norm)
    norms = []
    for block in blocks:
        wanted = [p for p in block.parameters() if p.requires_grad]
        grads = torch.autograd.grad(loss, wanted, retain_graph=True) if wanted else ()
        norms.append(sum(grad.norm().item() ** 2 for grad in grads) ** 0.5)
    return norms


@alternative("block_gradients", "the norm of the tensors' norms, the error written out")
def stack_norm_of_norms(blocks, final, x, target, pre_norm):
    for block in blocks:
        if pre_norm:
            x = x + block.attention(block.norm1(x), mask=None)[0]
            x = x + block.feed_forward(block.norm2(x))
        else:
            looked, _ = block.attention(x)
            x = block.norm1(looked + x)
            x = block.norm2(block.feed_forward(x) + x)
    error = final(x) - target
    loss = (error**2).sum() / error.numel()
    wanted = {p: place for place, b in enumerate(blocks) for p in b.parameters() if p.requires_grad}
    grads = torch.autograd.grad(loss, list(wanted))
    norms: list[list[float]] = [[] for _ in blocks]
    for place, grad in zip(wanted.values(), grads, strict=True):
        norms[place].append(torch.linalg.vector_norm(grad).item())
    return [math.hypot(*own) for own in norms]


@alternative("block_gradients", "functional_call, gradients by name")
def stack_functional(blocks, final, x, target, pre_norm):
    class Stack(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(blocks)

        def forward(self):
            return _stack_loss(self.layers, final, x, target, pre_norm)

    stack = Stack()
    copies = {
        name: p.detach().clone().requires_grad_()
        for name, p in stack.named_parameters()
        if p.requires_grad
    }
    loss = torch.func.functional_call(stack, copies, ())
    grads = dict(zip(copies, torch.autograd.grad(loss, list(copies.values())), strict=True))
    return [
        sum(float((g * g).sum()) for name, g in grads.items() if name.split(".")[1] == str(place))
        ** 0.5
        for place in range(len(blocks))
    ]


# --- gradient_by_depth --------------------------------------------------------------------------


def _xavier(blocks):
    for block in blocks:
        for module in block.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)


@alternative("gradient_by_depth", "the global seed, input and target first")
def depth_global_seed(depth, pre_norm):
    torch.manual_seed(0)
    x, target = torch.randn(2, 4, 16, 32)
    blocks = nn.ModuleList([TransformerBlock(32, 4, 128) for _ in range(depth)])
    _xavier(blocks)
    for block in blocks:
        x = block(x) if pre_norm else _post(block, x)
    loss = (nn.LayerNorm(32)(x) - target).pow(2).mean()
    loss.backward()
    return [nn.utils.clip_grad_norm_(block.parameters(), math.inf).item() for block in blocks]


@alternative("gradient_by_depth", "autograd.grad, the last block drawn first")
def depth_autograd(depth, pre_norm):
    torch.manual_seed(0)
    blocks = [TransformerBlock(32, 4, 128) for _ in range(depth)]
    _xavier(blocks[::-1])
    target, x = torch.randn(4, 16, 32), torch.randn(4, 16, 32)
    for block in blocks:
        x = block(x) if pre_norm else _post(block, x)
    loss = F.mse_loss(F.layer_norm(x, (32,)), target)
    every = [p for block in blocks for p in block.parameters()]
    squares = torch.stack([g.square().sum() for g in torch.autograd.grad(loss, every)])
    return squares.reshape(depth, -1).sum(1).sqrt().tolist()


@alternative("gradient_by_depth", "one norm at a time, and the norm of these")
def depth_norm_of_norms(depth, pre_norm):
    torch.manual_seed(0)
    blocks = [TransformerBlock(32, 4, 128) for _ in range(depth)]
    _xavier(blocks)
    x, target = torch.randn(4, 16, 32), torch.randn(4, 16, 32)
    for block in blocks:
        x = block(x) if pre_norm else _post(block, x)
    F.mse_loss(F.layer_norm(x, (32,)), target).backward()
    return [torch.stack([g.norm() for g in _grads(block)]).norm().item() for block in blocks]


@alternative("gradient_by_depth", "in float64, from NumPy's generator")
def depth_numpy(depth, pre_norm):
    rng = np.random.default_rng(0)
    blocks = [TransformerBlock(32, 4, 128).double() for _ in range(depth)]
    with torch.no_grad():
        for block in blocks:
            for p in block.parameters():
                if p.dim() == 2:
                    bound = math.sqrt(6 / sum(p.shape))
                    p.copy_(torch.from_numpy(rng.uniform(-bound, bound, tuple(p.shape))))
            block.feed_forward.up.bias.zero_()
            block.feed_forward.down.bias.zero_()
    x, target = (torch.from_numpy(rng.standard_normal((4, 16, 32))) for _ in range(2))
    for block in blocks:
        x = block(x) if pre_norm else _post(block, x)
    F.mse_loss(F.layer_norm(x, (32,)), target).backward()
    return [math.sqrt(sum(g.square().sum().item() for g in _grads(block))) for block in blocks]


@alternative("gradient_by_depth", "PyTorch's encoder layers")
def depth_library(depth, pre_norm):
    torch.manual_seed(0)
    layers = [
        nn.TransformerEncoderLayer(32, 4, 128, 0.0, F.gelu, batch_first=True, norm_first=pre_norm)
        for _ in range(depth)
    ]
    for layer in layers:
        for part in layer.self_attn.in_proj_weight.data.chunk(3):
            nn.init.xavier_uniform_(part)
        for linear in (layer.self_attn.out_proj, layer.linear1, layer.linear2):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)
    x, target = torch.randn(4, 16, 32), torch.randn(4, 16, 32)
    for layer in layers:
        x = layer(x)
    F.mse_loss(F.layer_norm(x, (32,)), target).backward()
    return [torch.cat([g.flatten() for g in _grads(layer)]).norm().item() for layer in layers]


# --- repaired_layer_norm ------------------------------------------------------------------------


@alternative("repaired_layer_norm", "the lesson's own")
def repaired_own(x, gain, bias, eps=1e-5):
    return layer_norm(x, gain, bias, eps)


@alternative("repaired_layer_norm", "PyTorch's own")
def repaired_library(x, gain, bias, eps=1e-5):
    return F.layer_norm(x, (x.shape[-1],), gain, bias, eps)


@alternative("repaired_layer_norm", "the deviation squared again")
def repaired_squared(x, gain, bias, eps=1e-5):
    mean = x.mean(-1, keepdim=True)
    centered = x - mean
    std = torch.linalg.vector_norm(centered, dim=-1, keepdim=True) / math.sqrt(x.shape[-1])
    return gain * centered * (std**2 + eps) ** -0.5 + bias


@alternative("repaired_layer_norm", "unbiased=False")
def repaired_flag(x, gain, bias, eps=1e-5):
    mean = x.mean(-1, keepdim=True)
    var = torch.var(x, -1, unbiased=False, keepdim=True)
    return gain * ((x - mean) / torch.sqrt(var + eps)) + bias


# --- failing_vectors ----------------------------------------------------------------------------


@alternative("failing_vectors", "the first is long, the second has many features")
def failing_long():
    many = torch.tensor([1e-3] + [0.0] * 767)
    return torch.tensor([-300.0, 500.0]), many


@alternative("failing_vectors", "a single feature, for which the division is 0 / 0")
def failing_single():
    return torch.tensor([3.0]), torch.tensor([0.0, 1e-6, 2e-6])


@alternative("failing_vectors", "float64, found by trying spreads")
def failing_searched():
    def off(spread):
        right = spread / math.sqrt(spread * spread + 1e-5)
        return spread / (spread + 1e-5) / right - 1

    spread = next(10.0**-power for power in range(10) if off(10.0**-power) > 10)
    one = torch.tensor([1.0, -1.0], dtype=torch.float64)
    return one, spread * one


@alternative("failing_vectors", "beside a large mean")
def failing_shifted():
    return torch.tensor([1001.0, 1000.0]), 5.0 + torch.tensor([2e-5, 0.0, 0.0], dtype=torch.float64)


@alternative("failing_vectors", "drawn at random")
def failing_drawn():
    numbers = torch.Generator().manual_seed(0)
    return torch.randn(2, generator=numbers), 1e-5 * torch.randn(64, generator=numbers)
