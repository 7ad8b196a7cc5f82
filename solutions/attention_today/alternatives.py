"""Other right ways in lesson 10."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from grader.course.versions import alternative
from solutions.attention_today import (
    GroupedQueryAttention,
    ModernBlock,
    rms_norm,
)
from solutions.masking import masked_attention
from solutions.multi_head_attention import merge_heads, split_heads
from solutions.positional_encoding import rotary_encoding

INF = math.inf


# --- rms_norm -----------------------------------------------------------------------------------


@alternative("rms_norm", "PyTorch's own")
def rms_library(x, gain, eps=1e-6):
    return F.rms_norm(x, x.shape[-1:], gain, eps)


@alternative("rms_norm", "rsqrt and pow")
def rms_rsqrt(x, gain, eps=1e-6):
    return gain * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps))


@alternative("rms_norm", "in float64, and back")
def rms_wide(x, gain, eps=1e-6):
    wide = x.double()
    size = (wide.square().mean(-1, keepdim=True) + eps).sqrt()
    return (wide / size * gain.double()).to(x.dtype)


@alternative("rms_norm", "the length of the vector and √d")
def rms_norms(x, gain, eps=1e-6):
    d = x.size(-1)
    return x * math.sqrt(d) / (x.square().sum(-1, keepdim=True) + d * eps) ** 0.5 * gain


@alternative("rms_norm", "einsum, the axis put back")
def rms_einsum(x, gain, eps=1e-6):
    power = torch.einsum("...d,...d->...", x, x) / x.shape[-1]
    return torch.mul(gain, x / power.add(eps).sqrt()[..., None])


@alternative("rms_norm", "one vector after the other")
def rms_loop(x, gain, eps=1e-6):
    if x.dim() > 1:
        return torch.stack([rms_loop(part, gain, eps) for part in x])
    return x / torch.sqrt(x.dot(x) / len(x) + eps) * gain


@alternative("rms_norm", "a layer with its weight replaced")
def rms_module(x, gain, eps=1e-6):
    layer = nn.RMSNorm(x.shape[-1], eps=eps, elementwise_affine=False)
    return layer(x) * gain


# --- SwiGLU -------------------------------------------------------------------------------------


class _Gated(nn.Module):
    """The given part; each version writes its own forward."""

    def __init__(self, d_model, d_ff):
        super().__init__()
        self.gate = nn.Linear(d_model, d_ff, bias=False)
        self.up = nn.Linear(d_model, d_ff, bias=False)
        self.down = nn.Linear(d_ff, d_model, bias=False)


@alternative("SwiGLU", "z times its sigmoid")
class SwigluWritten(_Gated):
    def forward(self, x):
        z = self.gate(x)
        return self.down(z * torch.sigmoid(z) * self.up(x))


@alternative("SwiGLU", "one product with both matrices")
class SwigluJoined(_Gated):
    def forward(self, x):
        both = x @ torch.cat([self.gate.weight, self.up.weight]).T
        gate, up = both.chunk(2, dim=-1)
        return self.down(nn.SiLU()(gate) * up)


@alternative("SwiGLU", "through torch's gated linear unit")
class SwigluGlu(_Gated):
    def forward(self, x):
        z = self.gate(x)
        return self.down(F.glu(torch.cat([z * self.up(x), z], dim=-1), dim=-1))


@alternative("SwiGLU", "matrices by hand")
class SwigluByHand(_Gated):
    def forward(self, x):
        z = torch.einsum("...d,fd->...f", x, self.gate.weight)
        hidden = z / (1 + torch.exp(-z)) * torch.einsum("...d,fd->...f", x, self.up.weight)
        return hidden @ self.down.weight.mT


@alternative("SwiGLU", "hidden unit after hidden unit")
class SwigluUnits(_Gated):
    def forward(self, x):
        out = 0.0
        for gate, up, down in zip(self.gate.weight, self.up.weight, self.down.weight.T):
            out = out + (F.silu(x @ gate) * (x @ up))[..., None] * down
        return out


# --- GroupedQueryAttention ----------------------------------------------------------------------


class _Grouped(GroupedQueryAttention):
    """The layer's given part, and its three projections."""

    def parts(self, x, positions):
        query = split_heads(self.W_query(x), self.num_heads)
        key = split_heads(self.W_key(x), self.num_kv_heads)
        value = split_heads(self.W_value(x), self.num_kv_heads)
        query, key = (rotary_encoding(part, positions, self.base) for part in (query, key))
        return query, key, value


@alternative("GroupedQueryAttention", "groups as an axis of their own, nothing repeated")
class GroupedAxis(_Grouped):
    def forward(self, x, mask=None, positions=None):
        query, key, value = self.parts(x, positions)
        batch, _, n, width = query.shape
        query = query.reshape(batch, self.num_kv_heads, -1, n, width)
        scores = query @ key[:, :, None].mT / math.sqrt(width)
        scores = scores.flatten(1, 2)
        if mask is not None:
            scores = scores + mask.to(scores.dtype)
        empty = torch.isneginf(scores).all(-1, keepdim=True)
        weights = torch.softmax(scores.masked_fill(empty, 0.0), -1).masked_fill(empty, 0.0)
        found = weights.unflatten(1, (self.num_kv_heads, -1)) @ value[:, :, None]
        return self.W_output(merge_heads(found.flatten(1, 2))), weights


@alternative("GroupedQueryAttention", "query head after query head")
class GroupedLoop(_Grouped):
    def forward(self, x, mask=None, positions=None):
        query, key, value = self.parts(x, positions)
        n, group = x.shape[1], self.num_heads // self.num_kv_heads
        shape = (len(x), self.num_heads, n, n)
        bias = torch.zeros(shape) if mask is None else mask.expand(shape)
        found, tables = [], []
        for j in range(self.num_heads):
            read = j // group
            one = masked_attention(query[:, j], key[:, read], value[:, read], bias[:, j])
            found.append(one[0])
            tables.append(one[1])
        return self.W_output(torch.cat(found, dim=-1)), torch.stack(tables, dim=1)


@alternative("GroupedQueryAttention", "an index for every query head")
class GroupedIndex(_Grouped):
    def forward(self, x, mask=None, positions=None):
        query, key, value = self.parts(x, positions)
        read = torch.arange(self.num_heads) // (self.num_heads // self.num_kv_heads)
        found, weights = masked_attention(query, key[:, read], value[:, read], mask)
        return self.W_output(found.transpose(1, 2).flatten(2)), weights


@alternative("GroupedQueryAttention", "expanded and flattened")
class GroupedExpanded(_Grouped):
    def forward(self, x, mask=None, positions=None):
        query, key, value = self.parts(x, positions)

        def shared(heads):
            batch, count, n, width = heads.shape
            wide = heads[:, :, None].expand(batch, count, self.num_heads // count, n, width)
            return wide.reshape(batch, self.num_heads, n, width)

        found, weights = masked_attention(query, shared(key), shared(value), mask)
        return self.W_output(merge_heads(found)), weights


@alternative("GroupedQueryAttention", "rows of the matrices repeated, turned as all heads")
class GroupedMatrices(_Grouped):
    def forward(self, x, mask=None, positions=None):
        group = self.num_heads // self.num_kv_heads

        def wide(linear):
            rows = linear.weight.unflatten(0, (self.num_kv_heads, -1))
            return rows.repeat_interleave(group, dim=0).flatten(0, 1)

        query = split_heads(self.W_query(x), self.num_heads)
        key = split_heads(x @ wide(self.W_key).T, self.num_heads)
        value = split_heads(x @ wide(self.W_value).T, self.num_heads)
        query = rotary_encoding(query, positions, self.base)
        key = rotary_encoding(key, positions, self.base)
        found, weights = masked_attention(query, key, value, mask)
        return self.W_output(merge_heads(found)), weights


@alternative("GroupedQueryAttention", "complex numbers for the turn, a finite fill")
class GroupedComplex(_Grouped):
    def turn(self, heads, positions):
        n, width = heads.shape[-2:]
        places = torch.arange(n) if positions is None else positions
        frequency = self.base ** (-torch.arange(0, width, 2).double() / width)
        angle = (places[:, None] * frequency).to(heads.dtype)
        points = torch.view_as_complex(heads.unflatten(-1, (-1, 2)).contiguous())
        return torch.view_as_real(points * torch.polar(torch.ones_like(angle), angle)).flatten(-2)

    def forward(self, x, mask=None, positions=None):
        query = self.turn(split_heads(self.W_query(x), self.num_heads), positions)
        key = self.turn(split_heads(self.W_key(x), self.num_kv_heads), positions)
        value = split_heads(self.W_value(x), self.num_kv_heads)
        group = self.num_heads // self.num_kv_heads
        key, value = (torch.repeat_interleave(part, group, 1) for part in (key, value))
        scores = query @ key.mT / query.shape[-1] ** 0.5
        if mask is None:
            weights = scores.softmax(-1)
        else:
            hidden = (mask == -INF).expand(scores.shape)
            shown = scores + mask.masked_fill(mask == -INF, 0).to(scores.dtype)
            weights = shown.masked_fill(hidden, -1e9).softmax(-1)
            weights = weights * ~hidden.all(-1, keepdim=True)
        return self.W_output(merge_heads(weights @ value)), weights


# --- kv_cache_bytes -----------------------------------------------------------------------------


@alternative("kv_cache_bytes", "keys, and as much again for the values")
def cache_twice(layers, num_kv_heads, d_head, tokens, bytes_per_number=2):
    keys = layers * num_kv_heads * d_head * tokens * bytes_per_number
    return keys + keys


@alternative("kv_cache_bytes", "a product of a list")
def cache_product(layers, num_kv_heads, d_head, tokens, bytes_per_number=2):
    return math.prod([2, layers, num_kv_heads, d_head, tokens, bytes_per_number])


@alternative("kv_cache_bytes", "layer after layer")
def cache_layers(layers, num_kv_heads, d_head, tokens, bytes_per_number=2):
    width = num_kv_heads * d_head
    return sum(2 * tokens * width * bytes_per_number for _ in range(layers))


@alternative("kv_cache_bytes", "the size of a shape")
def cache_shape(layers, num_kv_heads, d_head, tokens, bytes_per_number=2):
    return torch.Size((2, layers, num_kv_heads, d_head, tokens)).numel() * bytes_per_number


@alternative("kv_cache_bytes", "reduced")
def cache_reduced(layers, num_kv_heads, d_head, tokens, bytes_per_number=2):
    sizes = (layers, num_kv_heads, d_head, tokens, bytes_per_number)
    return functools.reduce(lambda total, size: total * size, sizes, 2)


# --- window_mask --------------------------------------------------------------------------------


@alternative("window_mask", "two loops")
def window_loops(n, window, sinks=0):
    mask = torch.full((n, n), -INF)
    for i in range(n):
        for j in range(i + 1):
            if i - j < window or j < sinks:
                mask[i, j] = 0.0
    return mask


@alternative("window_mask", "a band, cut from triangles")
def window_band(n, window, sinks=0):
    band = torch.ones(n, n).tril().triu(-(window - 1))
    band[:, :sinks] = 1
    return torch.log(band.tril())


@alternative("window_mask", "slices, row by row")
def window_slices(n, window, sinks=0):
    rows = []
    for i in range(n):
        row = torch.full((n,), -INF)
        row[max(i - window + 1, 0) : i + 1] = 0
        row[: min(sinks, i + 1)] = 0
        rows.append(row)
    return torch.stack(rows)


@alternative("window_mask", "distances, and where")
def window_distances(n, window, sinks=0):
    j = torch.arange(n)
    back = j.unsqueeze(1) - j
    seen = (back >= 0) & ((back < window) | (j < sinks))
    return torch.where(seen, 0.0, -torch.inf)


@alternative("window_mask", "the best of two masks")
def window_maximum(n, window, sinks=0):
    causal = torch.full((n, n), -INF).triu(1)
    near = torch.full((n, n), -INF).tril(-window)
    first = torch.full((n, n), -INF)
    first[:, :sinks] = 0
    return causal + torch.maximum(near, first)


@alternative("window_mask", "NumPy")
def window_numpy(n, window, sinks=0):
    i, j = np.indices((n, n))
    seen = (j <= i) & ((i - j <= window - 1) | (j <= sinks - 1))
    return torch.from_numpy(np.where(seen, 0, -np.inf)).float()


# --- streaming_attention ------------------------------------------------------------------------


@alternative("streaming_attention", "two passes: maximum first")
def stream_two_passes(query, key, value, block):
    query = query / query.shape[-1] ** 0.5
    keys, values = key.split(block, dim=-2), value.split(block, dim=-2)
    tops = [(query @ part.mT).amax(-1, keepdim=True) for part in keys]
    top = functools.reduce(torch.maximum, tops).detach()
    total: Any = 0.0
    output: Any = 0.0
    for key_part, value_part in zip(keys, values):
        powers = torch.exp(query @ key_part.mT - top)
        total = total + powers.sum(-1, keepdim=True)
        output = output + powers @ value_part
    return output / total


@alternative("streaming_attention", "a running mean and the logarithm of the sum")
def stream_logsumexp(query, key, value, block):
    root = math.sqrt(query.shape[-1])
    mean: Any = None
    size: Any = None
    for key_part, value_part in zip(key.split(block, dim=-2), value.split(block, dim=-2)):
        scores = query @ key_part.transpose(-2, -1) / root
        own = torch.logsumexp(scores, dim=-1, keepdim=True)
        found = torch.softmax(scores, dim=-1) @ value_part
        if mean is None:
            mean, size = found, own
            continue
        both = torch.logaddexp(size, own)
        mean = mean * torch.exp(size - both) + found * torch.exp(own - both)
        size = both
    return mean


@alternative("streaming_attention", "blocks gathered, weighted at the end")
def stream_gathered(query, key, value, block):
    founds, sizes = [], []
    for start in range(0, key.size(-2), block):
        scores = query @ key[..., start : start + block, :].mT * query.size(-1) ** -0.5
        sizes.append(scores.logsumexp(-1))
        founds.append(scores.softmax(-1) @ value[..., start : start + block, :])
    share = torch.softmax(torch.stack(sizes), dim=0)[..., None]
    return (share * torch.stack(founds)).sum(dim=0)


@alternative("streaming_attention", "a column of ones carries the sum")
def stream_ones(query, key, value, block):
    root, top = math.sqrt(query.shape[-1]), None
    carried: Any = None
    for key_part, value_part in zip(key.split(block, -2), value.split(block, -2)):
        wide = torch.cat([value_part, torch.ones_like(value_part[..., :1])], dim=-1)
        scores = torch.einsum("...id,...jd->...ij", query, key_part) / root
        new = scores.amax(-1, keepdim=True)
        if top is None:
            carried = torch.exp(scores - new) @ wide
        else:
            new = torch.maximum(new, top)
            carried = carried * torch.exp(top - new) + torch.exp(scores - new) @ wide
        top = new
    return carried[..., :-1] / carried[..., -1:]


@alternative("streaming_attention", "normalized after every block")
def stream_normalized(query, key, value, block):
    root = math.sqrt(query.shape[-1])
    top = torch.full_like(query[..., :1], -INF)
    total = torch.zeros_like(top)
    output = torch.zeros(*query.shape[:-1], value.shape[-1], dtype=query.dtype)
    start = 0
    while start < key.shape[-2]:
        part = slice(start, min(start + block, key.shape[-2]))
        scores = query @ key[..., part, :].mT / root
        new = torch.maximum(top, scores.max(dim=-1, keepdim=True).values)
        old_part, powers = total * (top - new).exp(), (scores - new).exp()
        total = old_part + powers.sum(dim=-1, keepdim=True)
        output = (old_part * output + powers @ value[..., part, :]) / total
        top, start = new, part.stop
    return output


# --- rotary_base --------------------------------------------------------------------------------


@alternative("rotary_base", "math.pow")
def base_pow(factor, d, base=10000.0):
    return base * math.pow(factor, d / (d - 2))


@alternative("rotary_base", "from logarithms")
def base_logarithm(factor, d, base=10000.0):
    return math.exp(math.log(base) + math.log(factor) * d / (d - 2))


@alternative("rotary_base", "from the slowest frequency")
def base_slowest(factor, d, base=10000.0):
    slowest = base ** (-(d - 2) / d) / factor
    return slowest ** (-d / (d - 2))


@alternative("rotary_base", "a 0-d tensor")
def base_tensor(factor, d, base=10000.0):
    return torch.tensor(float(factor), dtype=torch.float64) ** (1 + 2 / (d - 2)) * base


@alternative("rotary_base", "a root")
def base_root(factor, d, base=10000.0):
    half = d // 2
    return float(base * factor * factor ** (1 / (half - 1)))


# --- interpolate_positions ----------------------------------------------------------------------


@alternative("interpolate_positions", "the smaller of two factors")
def positions_minimum(n, trained):
    return torch.arange(n) * min(1.0, trained / n)


@alternative("interpolate_positions", "a list")
def positions_list(n, trained):
    shrink = trained / n if n > trained else 1
    return torch.tensor([float(p * shrink) for p in range(n)])


@alternative("interpolate_positions", "the longer of two lengths")
def positions_longer(n, trained):
    return torch.arange(n, dtype=torch.float32) * trained / max(n, trained)


@alternative("interpolate_positions", "float64")
def positions_double(n, trained):
    return torch.arange(n).double() / max(n / trained, 1.0)


@alternative("interpolate_positions", "linspace, its end left out")
def positions_linspace(n, trained):
    return torch.linspace(0.0, min(float(trained), n), n + 1)[:-1]


@alternative("interpolate_positions", "NumPy")
def positions_numpy(n, trained):
    positions = np.arange(n, dtype=np.float32)
    if trained < n:
        positions *= trained / n
    return torch.from_numpy(positions)


# --- interleave_rows ----------------------------------------------------------------------------


@alternative("interleave_rows", "an index for every row")
def rows_index(weight, num_heads):
    width = len(weight) // num_heads
    order = [
        h * width + i + offset
        for h in range(num_heads)
        for i in range(width // 2)
        for offset in (0, width // 2)
    ]
    return weight[order]


@alternative("interleave_rows", "halves stacked, head by head")
def rows_stacked(weight, num_heads):
    heads = []
    for head in weight.chunk(num_heads):
        first, second = head.chunk(2)
        heads.append(torch.stack([first, second], dim=1).flatten(0, 1))
    return torch.cat(heads)


@alternative("interleave_rows", "filled in place, every second row")
def rows_filled(weight, num_heads):
    out = torch.empty_like(weight)
    width = weight.shape[0] // num_heads
    for start in range(0, weight.shape[0], width):
        head = weight[start : start + width]
        out[start : start + width : 2] = head[: width // 2]
        out[start + 1 : start + width : 2] = head[width // 2 :]
    return out


@alternative("interleave_rows", "unflatten and permute")
def rows_permuted(weight, num_heads):
    return weight.unflatten(0, (num_heads, 2, -1)).permute(0, 2, 1, 3).flatten(0, 2)


@alternative("interleave_rows", "a permutation matrix")
def rows_matrix(weight, num_heads):
    rows = len(weight)
    order = torch.arange(rows).reshape(num_heads, 2, -1).mT.flatten()
    return torch.eye(rows, dtype=weight.dtype)[order] @ weight


@alternative("interleave_rows", "divisions and remainders")
def rows_divmod(weight, num_heads):
    width = len(weight) // num_heads
    row = torch.arange(len(weight))
    head, place = row // width, row % width
    return torch.index_select(weight, 0, head * width + place // 2 + place % 2 * (width // 2))


# --- ModernBlock --------------------------------------------------------------------------------


@alternative("ModernBlock", "branches by name")
class ModernNamed(ModernBlock):
    def forward(self, x, mask=None, positions=None):
        looked, _ = self.attention(rms_norm(x, self.gain1), mask=mask, positions=positions)
        stream = x + looked
        worked = self.feed_forward(rms_norm(stream, self.gain2))
        return stream + worked


@alternative("ModernBlock", "PyTorch's RMSNorm")
class ModernLibrary(ModernBlock):
    def forward(self, x, mask=None, positions=None):
        shape = x.shape[-1:]
        x = x + self.attention(F.rms_norm(x, shape, self.gain1, 1e-6), mask, positions)[0]
        return x.add(self.feed_forward(F.rms_norm(x, shape, self.gain2, 1e-6)))


@alternative("ModernBlock", "own tensors added in place")
class ModernOwnInPlace(ModernBlock):
    def forward(self, x, mask=None, positions=None):
        stream = x.clone()
        stream = stream + self.attention(rms_norm(stream, self.gain1), mask, positions)[0]
        out = self.feed_forward(rms_norm(stream, self.gain2))
        out += stream
        return out


@alternative("ModernBlock", "two steps in a loop")
class ModernLoop(ModernBlock):
    def forward(self, x, mask=None, positions=None):
        steps = (
            (self.gain1, lambda normed: self.attention(normed, mask, positions)[0]),
            (self.gain2, self.feed_forward),
        )
        for gain, layer in steps:
            x = x + layer(rms_norm(x, gain))
        return x


@alternative("ModernBlock", "norms with the gain outside")
class ModernOutside(ModernBlock):
    def forward(self, x, mask=None, positions=None):
        def normed(stream, gain):
            return gain * stream * torch.rsqrt(stream.pow(2).mean(-1, keepdim=True) + 1e-6)

        x = self.attention(normed(x, self.gain1), mask, positions)[0] + x
        return self.feed_forward(normed(x, self.gain2)) + x
