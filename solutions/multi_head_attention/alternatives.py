"""Other right ways in lesson 4."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from grader.course.versions import alternative
from solutions.multi_head_attention import merge_heads, split_heads

INF = math.inf


# --- split_heads --------------------------------------------------------------------------------


def _width(x, num_heads):
    width, rest = divmod(x.shape[-1], num_heads)
    if rest:
        raise ValueError(f"num_heads={num_heads} does not divide d={x.shape[-1]}")
    return width


@alternative("split_heads", "slices, stacked")
def split_slices(x, num_heads):
    w = _width(x, num_heads)
    return torch.stack([x[..., h * w : (h + 1) * w] for h in range(num_heads)], dim=-3)


@alternative("split_heads", "view and swapaxes")
def split_view(x, num_heads):
    return x.view(*x.size()[:-1], num_heads, _width(x, num_heads)).swapaxes(-2, -3).contiguous()


@alternative("split_heads", "chunk")
def split_chunk(x, num_heads):
    _width(x, num_heads)
    return torch.stack(x.chunk(num_heads, dim=-1), dim=-3)


@alternative("split_heads", "unflatten and movedim")
def split_unflatten(x, num_heads):
    return x.unflatten(-1, (num_heads, _width(x, num_heads))).movedim(-2, -3)


@alternative("split_heads", "an index for every feature")
def split_index(x, num_heads):
    columns = torch.arange(x.shape[-1]).reshape(num_heads, 1, _width(x, num_heads))
    positions = torch.arange(x.shape[-2]).reshape(1, -1, 1)
    return x[..., positions, columns]


@alternative("split_heads", "filled in place, one head after the other")
def split_filled(x, num_heads):
    w = _width(x, num_heads)
    out = x.new_zeros(*x.shape[:-2], num_heads, x.shape[-2], w)
    for h in range(num_heads):
        out[..., h, :, :] = x[..., h * w : (h + 1) * w]
    return out


@alternative("split_heads", "a matrix product with a selection")
def split_selection(x, num_heads):
    w = _width(x, num_heads)
    choose = torch.eye(x.shape[-1], dtype=x.dtype).reshape(num_heads, w, x.shape[-1])
    return torch.einsum("...nd,hwd->...hnw", x, choose)


@alternative("split_heads", "recursion over the batch axes")
def split_recursive(x, num_heads):
    w = _width(x, num_heads)
    if x.dim() > 2:
        return torch.stack([split_recursive(part, num_heads) for part in x])
    return x.reshape(len(x), num_heads, w).permute(1, 0, 2)


@alternative("split_heads", "PyTorch's error turned into ours")
def split_caught(x, num_heads):
    try:
        return x.unflatten(-1, (num_heads, x.size(-1) // num_heads)).transpose(-2, -3)
    except RuntimeError as error:
        raise ValueError(f"{num_heads} heads do not divide {x.size(-1)}") from error


# --- merge_heads --------------------------------------------------------------------------------


@alternative("merge_heads", "heads side by side")
def merge_cat(x):
    return torch.cat(x.unbind(dim=-3), dim=-1)


@alternative("merge_heads", "contiguous view")
def merge_contiguous(x):
    turned = x.transpose(-2, -3).contiguous()
    return turned.view(*turned.shape[:-2], turned.shape[-2] * turned.shape[-1])


@alternative("merge_heads", "permute and reshape")
def merge_permute(x):
    *batch, h, n, w = x.shape
    lead = range(len(batch))
    axes = (*lead, len(batch) + 1, len(batch), len(batch) + 2)
    return x.permute(axes).reshape(*batch, n, h * w)


@alternative("merge_heads", "einsum with a selection")
def merge_selection(x):
    *batch, h, n, w = x.shape
    place = torch.eye(h * w, dtype=x.dtype).reshape(h, w, h * w)
    return torch.einsum("...hnw,hwd->...nd", x, place)


@alternative("merge_heads", "position by position")
def merge_positions(x):
    rows = [x[..., i, :].flatten(-2) for i in range(x.shape[-2])]
    return torch.stack(rows, dim=-2)


@alternative("merge_heads", "filled in place")
def merge_filled(x):
    *batch, h, n, w = x.shape
    out = x.new_empty(*batch, n, h * w)
    for head in range(h):
        out[..., head * w : head * w + w] = x[..., head, :, :]
    return out


# --- MultiHeadAttention -------------------------------------------------------------------------


class _Layer(nn.Module):
    """The given part; each version writes its own forward."""

    def __init__(self, d_model, num_heads):
        super().__init__()
        self.num_heads = num_heads
        self.W_query = nn.Linear(d_model, d_model, bias=False)
        self.W_key = nn.Linear(d_model, d_model, bias=False)
        self.W_value = nn.Linear(d_model, d_model, bias=False)
        self.W_output = nn.Linear(d_model, d_model, bias=False)

    def parts(self, x, context):
        source = x if context is None else context
        maps = ((self.W_query, x), (self.W_key, source), (self.W_value, source))
        return [split_heads(linear(given), self.num_heads) for linear, given in maps]


def _filled(scores, mask, fill):
    """Weights with a finite fill, and zeros in the empty rows."""
    if mask is None:
        return scores.softmax(-1)
    hidden = (mask == -INF).expand(scores.shape)
    shown = mask.masked_fill(mask == -INF, 0)
    weights = (scores + shown).masked_fill(hidden, fill).softmax(-1)
    return weights * ~hidden.all(-1, keepdim=True)


def _safe(scores):
    """Softmax whose empty rows are 0."""
    empty = torch.isneginf(scores).all(-1, keepdim=True)
    weights = torch.softmax(torch.where(empty, torch.zeros_like(scores), scores), -1)
    return torch.where(empty, torch.zeros_like(weights), weights)


@alternative("MultiHeadAttention", "fill -1e9")
class FilledBillion(_Layer):
    def forward(self, x, context=None, mask=None):
        query, key, value = self.parts(x, context)
        weights = _filled(query @ key.mT / query.shape[-1] ** 0.5, mask, -1e9)
        return self.W_output(merge_heads(weights @ value)), weights


@alternative("MultiHeadAttention", "fill with the smallest number of the dtype")
class FilledFinfo(_Layer):
    def forward(self, x, context=None, mask=None):
        query, key, value = self.parts(x, context)
        fill = torch.finfo(query.dtype).min
        weights = _filled(query @ key.mT * query.shape[-1] ** -0.5, mask, fill)
        return self.W_output(merge_heads(weights @ value)), weights


@alternative("MultiHeadAttention", "one einsum after the other")
class Einsum(_Layer):
    def forward(self, x, context=None, mask=None):
        source = x if context is None else context
        shape = (self.num_heads, -1, x.shape[-1])
        query = torch.einsum("bim,hcm->bhic", x, self.W_query.weight.reshape(shape))
        key = torch.einsum("bjm,hcm->bhjc", source, self.W_key.weight.reshape(shape))
        value = torch.einsum("bjm,hcm->bhjc", source, self.W_value.weight.reshape(shape))
        scores = torch.einsum("bhic,bhjc->bhij", query / math.sqrt(query.shape[-1]), key)
        weights = _safe(scores if mask is None else scores + mask)
        out = self.W_output.weight.reshape(x.shape[-1], self.num_heads, -1)
        return torch.einsum("bhij,bhjc,mhc->bim", weights, value, out), weights


@alternative("MultiHeadAttention", "head after head")
class HeadAfterHead(_Layer):
    def forward(self, x, context=None, mask=None):
        source = x if context is None else context
        q, k, v = self.W_query(x), self.W_key(source), self.W_value(source)
        width = q.shape[-1] // self.num_heads
        heads, tables = [], []
        shape = (len(x), self.num_heads, x.shape[1], source.shape[1])
        wide = torch.zeros(shape) if mask is None else mask.expand(shape)
        for h in range(self.num_heads):
            own = slice(h * width, (h + 1) * width)
            scores = q[..., own] @ k[..., own].transpose(1, 2) / np.sqrt(width)
            tables.append(_safe(scores + wide[:, h]))
            heads.append(tables[-1] @ v[..., own])
        return self.W_output(torch.cat(heads, dim=-1)), torch.stack(tables, dim=1)


@alternative("MultiHeadAttention", "the parts of W_output added up")
class PartsAddedUp(_Layer):
    def forward(self, x, context=None, mask=None):
        query, key, value = self.parts(x, context)
        scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
        weights = _safe(scores if mask is None else scores + mask.to(scores.dtype))
        parts = self.W_output.weight.chunk(self.num_heads, dim=1)
        found = (weights @ value).unbind(dim=1)
        return sum(head @ part.T for head, part in zip(found, parts, strict=True)), weights


@alternative("MultiHeadAttention", "batch and heads folded into one axis")
class Folded(_Layer):
    def forward(self, x, context=None, mask=None):
        query, key, value = (part.flatten(0, 1) for part in self.parts(x, context))
        scores = torch.baddbmm(
            query.new_zeros(1, 1, 1), query, key.transpose(1, 2), alpha=query.shape[-1] ** -0.5
        )
        table = (len(x), self.num_heads, query.shape[1], key.shape[1])
        if mask is not None:
            scores = scores + mask.expand(table).reshape(scores.shape)
        weights = _safe(scores)
        found = torch.bmm(weights, value).view(len(x), self.num_heads, query.shape[1], -1)
        return self.W_output(found.permute(0, 2, 1, 3).flatten(2)), weights.view(table)


@alternative("MultiHeadAttention", "PyTorch's scaled_dot_product_attention")
class Library(_Layer):
    def forward(self, x, context=None, mask=None):
        query, key, value = self.parts(x, context)
        scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
        bias = torch.zeros_like(scores) if mask is None else mask.to(x.dtype).expand(scores.shape)
        empty = torch.isneginf(bias).all(-1, keepdim=True)
        bias = bias.masked_fill(empty, 0.0)
        found = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        weights = torch.softmax(scores + bias, dim=-1).masked_fill(empty, 0.0)
        return self.W_output(merge_heads(found.masked_fill(empty, 0.0))), weights


@alternative("MultiHeadAttention", "PyTorch's multi_head_attention_forward")
class LibraryLayer(_Layer):
    def forward(self, x, context=None, mask=None):
        source = x if context is None else context
        (batch, n_q, d), n_k, h = x.shape, source.shape[1], self.num_heads
        bias = x.new_zeros(batch, h, n_q, n_k)
        if mask is not None:
            bias = bias + mask.to(x.dtype)
        empty = torch.isneginf(bias).all(-1, keepdim=True)
        bias = bias.masked_fill(empty, 0.0)
        # W_output comes last by hand: an empty row must be 0 before it.
        mixed, weights = F.multi_head_attention_forward(
            x.transpose(0, 1),
            source.transpose(0, 1),
            source.transpose(0, 1),
            d,
            h,
            in_proj_weight=None,
            in_proj_bias=None,
            bias_k=None,
            bias_v=None,
            add_zero_attn=False,
            dropout_p=0.0,
            out_proj_weight=torch.eye(d, dtype=x.dtype),
            out_proj_bias=None,
            attn_mask=bias.reshape(batch * h, n_q, n_k),
            use_separate_proj_weight=True,
            q_proj_weight=self.W_query.weight,
            k_proj_weight=self.W_key.weight,
            v_proj_weight=self.W_value.weight,
            average_attn_weights=False,
        )
        assert weights is not None  # need_weights is True by default
        shown = (~empty).transpose(1, 2).to(x.dtype)
        mixed = (mixed.transpose(0, 1).reshape(batch, n_q, h, -1) * shown).flatten(-2)
        return self.W_output(mixed), weights.masked_fill(empty, 0.0)


@alternative("MultiHeadAttention", "one sequence at a time, as a list")
class SequenceAtATime(_Layer):
    def forward(self, x, context=None, mask=None):
        source = x if context is None else context
        outputs, tables = [], []
        for b in range(len(x)):
            query, key, value = (part[0] for part in self.parts(x[b : b + 1], source[b : b + 1]))
            scores = torch.matmul(query, key.transpose(1, 2)) / math.sqrt(key.size(2))
            if mask is not None:
                scores = scores + (mask[b % len(mask)] if mask.dim() == 4 else mask)
            table = _safe(scores)
            tables.append(table)
            outputs.append(self.W_output((table @ value).transpose(0, 1).reshape(len(x[b]), -1)))
        return [torch.stack(outputs), torch.stack(tables)]


@alternative("MultiHeadAttention", "own tensors changed in place")
class OwnInPlace(_Layer):
    def forward(self, x, context=None, mask=None):
        query, key, value = self.parts(x, context)
        scores = torch.matmul(query, key.transpose(-2, -1))
        scores /= math.sqrt(query.size(-1))
        if mask is not None:
            scores += mask
        empty = scores.eq(-INF).all(-1, keepdim=True)
        weights = scores.masked_fill(empty, 0.0).softmax(dim=-1) * (~empty)
        return self.W_output(merge_heads(weights @ value)), weights


# --- attention_cost -----------------------------------------------------------------------------


@alternative("attention_cost", "the formula, factored")
def cost_factored(n, d_model, num_heads):
    return (2 * d_model) ** 2, 2 * n * d_model * (2 * d_model + n)


@alternative("attention_cost", "added up head by head, as a list")
def cost_head_by_head(n, d_model, num_heads):
    width = d_model // num_heads
    weights = products = 0
    for _ in range(num_heads):
        weights += 3 * d_model * width + width * d_model
        products += n * (3 * d_model * width + width * d_model) + 2 * n * n * width
    return [weights, products]


@alternative("attention_cost", "through Python's exact fractions of ints")
def cost_divmod(n, d_model, num_heads):
    width, rest = divmod(d_model, num_heads)
    assert rest == 0
    return 4 * d_model * d_model, 4 * n * pow(d_model, 2) + 2 * num_heads * (n**2 * width)


# --- previous_token_head ------------------------------------------------------------------------


def _values(vocab_size, max_len, dtype=torch.float32):
    return torch.eye(vocab_size, vocab_size + max_len, dtype=dtype)


def _from_positions(vocab_size, max_len, query, key):
    nothing = torch.zeros(len(query), vocab_size, dtype=query.dtype)
    return {
        "W_query": torch.cat([nothing, query], dim=1),
        "W_key": torch.cat([nothing, key], dim=1),
        "W_value": _values(vocab_size, max_len, query.dtype),
    }


@alternative("previous_token_head", "the keys shifted, the gain on both")
def head_keys_shifted(vocab_size, max_len):
    gain = 30.0 * max_len**0.25
    keys = gain * torch.eye(max_len).roll(1, dims=0)
    return _from_positions(vocab_size, max_len, gain * torch.eye(max_len), keys)


@alternative("previous_token_head", "an enormous gain")
def head_enormous(vocab_size, max_len):
    query = 1e12 * torch.eye(max_len).roll(-1, dims=0)
    return _from_positions(vocab_size, max_len, query, torch.eye(max_len))


@alternative("previous_token_head", "just sharp enough")
def head_just_enough(vocab_size, max_len):
    gap = math.log(99.0 * max(max_len - 1, 1)) + 0.01
    query = math.sqrt(max_len) * gap * torch.eye(max_len, dtype=torch.float64).roll(-1, dims=0)
    return _from_positions(vocab_size, max_len, query, torch.eye(max_len, dtype=torch.float64))


@alternative("previous_token_head", "two numbers and a parabola")
def head_parabola(vocab_size, max_len):
    """-(j - (t - 1))² but for what does not depend on j, in queries of width 2."""
    p = torch.arange(max_len, dtype=torch.float64)
    query = 20.0 * torch.stack([2 * (p - 1), -torch.ones(max_len, dtype=torch.float64)])
    return _from_positions(vocab_size, max_len, query, torch.stack([p, p * p]))


@alternative("previous_token_head", "points on a circle")
def head_circle(vocab_size, max_len):
    angle = 2 * math.pi * torch.arange(max_len, dtype=torch.float64) / (max_len + 1)
    step = 2 * math.pi / (max_len + 1)
    gain = 20.0 * (max_len + 1) ** 2
    query = gain * torch.stack([torch.cos(angle - step), torch.sin(angle - step)])
    return _from_positions(
        vocab_size, max_len, query, torch.stack([torch.cos(angle), torch.sin(angle)])
    )


@alternative("previous_token_head", "everything else punished, as wide as the input")
def head_punishes(vocab_size, max_len):
    width = vocab_size + max_len
    query, key = torch.zeros(width, width), torch.eye(width)
    for t in range(max_len):
        query[vocab_size:, vocab_size + t] = -40.0 * math.sqrt(width)
        if t:
            query[vocab_size + t - 1, vocab_size + t] = 0.0
    return {"W_query": query, "W_key": key, "W_value": torch.eye(width)[:vocab_size]}


@alternative("previous_token_head", "weights of linear layers, a further key in the dict")
def head_linear_layers(vocab_size, max_len):
    width = vocab_size + max_len
    layers = {
        "W_query": nn.Linear(width, max_len, bias=False),
        "W_key": nn.Linear(width, max_len, bias=False),
        "W_value": nn.Linear(width, vocab_size, bias=False),
    }
    with torch.no_grad():
        for layer in layers.values():
            layer.weight.zero_()
        for t in range(max_len):
            layers["W_key"].weight[t, vocab_size + t] = 1.0
            if t > 0:
                layers["W_query"].weight[t - 1, vocab_size + t] = 50.0 * max_len
        layers["W_value"].weight[:, :vocab_size].fill_diagonal_(1.0)
    return {name: layer.weight for name, layer in layers.items()} | {"gain": 50.0 * max_len}


@alternative("previous_token_head", "NumPy arrays, slightly noisy")
def head_numpy(vocab_size, max_len):
    rng = np.random.default_rng(7)
    width = vocab_size + max_len
    query, key = (rng.normal(size=(max_len, width)) * 1e-3 for _ in range(2))
    value = rng.normal(size=(vocab_size, width)) * 1e-3
    for t in range(max_len):
        key[t, vocab_size + t] += 5
        query[t - 1, vocab_size + t] += 5 * max_len + 20
    value[:, :vocab_size] += np.eye(vocab_size)
    return {"W_query": query, "W_key": key, "W_value": value}


@alternative("mended_heads", "PyTorch's scaled_dot_product_attention")
def mended_by_library(query, key, value, num_heads):
    batch, n, d = query.shape
    q, k, v = (
        x.view(batch, n, num_heads, d // num_heads).transpose(1, 2) for x in (query, key, value)
    )
    found = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    return found.transpose(1, 2).reshape(batch, n, d)


@alternative("mended_heads", "the scale as a float32 tensor")
def mended_tensor_scale(query, key, value, num_heads):
    q, k, v = (split_heads(x, num_heads) for x in (query, key, value))
    future = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool).triu(1)
    scores = q @ k.mT / torch.sqrt(torch.tensor(q.shape[-1]))
    return merge_heads(scores.masked_fill(future, -INF).softmax(-1) @ v)


@alternative("mended_heads", "head by head")
def mended_head_by_head(query, key, value, num_heads):
    width = query.shape[-1] // num_heads
    hidden = torch.ones(query.shape[1], query.shape[1]).triu(1).bool()
    found = []
    for q, k, v in zip(*(x.split(width, dim=-1) for x in (query, key, value)), strict=True):
        scores = (q @ k.mT * width**-0.5).masked_fill(hidden, -1e9)
        found.append(scores.softmax(-1) @ v)
    return torch.cat(found, dim=-1)


@alternative("mended_heads", "einsum over five axes")
def mended_einsum(query, key, value, num_heads):
    b, n, d = query.shape
    q, k, v = (x.reshape(b, n, num_heads, -1) for x in (query, key, value))
    scores = torch.einsum("bihw,bjhw->bhij", q, k) / (d // num_heads) ** 0.5
    i = torch.arange(n)
    scores = torch.where(i[:, None] >= i, scores, scores.new_tensor(float("-inf")))
    return torch.einsum("bhij,bjhw->bihw", scores.softmax(dim=3), v).reshape(b, n, d)
