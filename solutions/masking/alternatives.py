"""Other right ways in lesson 3."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from grader.course.versions import alternative
from solutions.masking import masked_attention

INF = math.inf


@alternative("causal_mask", "two loops")
def causal_mask_loops(n):
    rows = [[0.0] * n for _ in range(n)]
    for i in range(n):
        for j in range(n):
            if j > i:
                rows[i][j] = -INF
    return torch.tensor(rows)


@alternative("causal_mask", "a comparison of positions")
def causal_mask_where(n):
    position = torch.arange(n)
    allowed = position[:, None] >= position
    return torch.where(allowed, 0.0, -INF)


@alternative("causal_mask", "the logarithm of a lower triangle")
def causal_mask_log(n):
    return torch.log(torch.tril(torch.ones(n, n)))


@alternative("causal_mask", "PyTorch's own")
def causal_mask_library(n):
    return nn.Transformer.generate_square_subsequent_mask(n)


@alternative("causal_mask", "through NumPy")
def causal_mask_numpy(n):
    return torch.from_numpy(np.triu(np.full((n, n), -np.inf, dtype=np.float32), k=1))


@alternative("padding_mask", "a loop over the sequences")
def padding_mask_loop(lengths, n):
    mask = torch.zeros(len(lengths), 1, n)
    for b, length in enumerate(lengths.tolist()):
        mask[b, 0, length:] = -INF
    return mask


@alternative("padding_mask", "the logarithm of a comparison")
def padding_mask_log(lengths, n):
    return (torch.arange(n)[None, None, :] < lengths.view(-1, 1, 1)).float().log()


@alternative("padding_mask", "rows of a triangle")
def padding_mask_triangle(lengths, n):
    rows = torch.full((n + 1, n), -INF).triu()
    return rows[lengths.clamp(max=n).long()].unsqueeze(1)


@alternative("local_mask", "two loops")
def local_mask_loops(n, window):
    rows = [[0.0 if abs(i - j) <= window else -INF for j in range(n)] for i in range(n)]
    return torch.tensor(rows)


@alternative("local_mask", "a band cut from ones")
def local_mask_band(n, window):
    band = torch.ones(n, n, dtype=torch.bool).triu(-window).tril(window)
    return torch.where(band, 0.0, -INF)


@alternative("local_mask", "slices of rows")
def local_mask_slices(n, window):
    mask = torch.full((n, n), -INF)
    for i in range(n):
        mask[i, max(0, i - window) : i + window + 1] = 0
    return mask


@alternative("local_mask", "two causal walls added")
def local_mask_walls(n, window):
    wall = torch.full((n, n), -INF)
    return wall.triu(window + 1) + wall.tril(-window - 1)


@alternative("combine_masks", "the smallest")
def combine_masks_minimum(*masks):
    combined = masks[0]
    for mask in masks[1:]:
        combined = torch.minimum(combined, mask)
    return combined


@alternative("combine_masks", "Python's sum")
def combine_masks_sum(*masks):
    return sum(masks)


@alternative("combine_masks", "broadcast, stack, minimum")
def combine_masks_stack(*masks):
    return torch.stack(torch.broadcast_tensors(*masks)).amin(dim=0)


@alternative("combine_masks", "a boolean and")
def combine_masks_boolean(*masks):
    shape = torch.broadcast_shapes(*(mask.shape for mask in masks))
    allowed = torch.ones(shape, dtype=torch.bool)
    for mask in masks:
        allowed = allowed & (mask == 0)
    return torch.zeros(shape).masked_fill(~allowed, -INF)


def _filled(query, key, value, mask, fill):
    """Any finite fill far below the scores, with the empty rows set to 0 afterwards."""
    scores = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5
    if mask is None:
        weights = scores.softmax(-1)
    else:
        hidden = (mask == -INF).expand(scores.shape)
        scores = (scores + mask.masked_fill(mask == -INF, 0)).masked_fill(hidden, fill)
        weights = scores.softmax(-1) * ~hidden.all(-1, keepdim=True)
    return weights @ value, weights


@alternative("masked_attention", "fill -1e9")
def attention_billion(query, key, value, mask=None):
    return _filled(query, key, value, mask, -1e9)


@alternative("masked_attention", "fill -1e30")
def attention_e30(query, key, value, mask=None):
    return _filled(query, key, value, mask, -1e30)


@alternative("masked_attention", "fill with the smallest number of the dtype")
def attention_finfo(query, key, value, mask=None):
    return _filled(query, key, value, mask, torch.finfo(query.dtype).min)


@alternative("masked_attention", "a clamped mask added")
def attention_clamped(query, key, value, mask=None):
    scores = torch.matmul(query, key.transpose(-2, -1)) / math.sqrt(key.size(-1))
    if mask is not None:
        scores = scores + mask.clamp(min=-1e9)
    weights = F.softmax(scores, dim=-1)
    if mask is not None:
        weights = weights * (mask > -INF).any(-1, keepdim=True).to(weights.dtype)
    return weights @ value, weights


@alternative("masked_attention", "queries scaled first, einsum")
def attention_einsum(query, key, value, mask=None):
    scores = torch.einsum("...ik,...jk->...ij", query * query.shape[-1] ** -0.5, key)
    if mask is not None:
        scores = scores + mask
    top = scores.amax(dim=-1, keepdim=True)
    top = torch.where(top == -INF, torch.zeros_like(top), top)
    powers = torch.exp(scores - top)
    total = powers.sum(dim=-1, keepdim=True)
    weights = powers / torch.where(total == 0, torch.ones_like(total), total)
    return torch.einsum("...ij,...jd->...id", weights, value), weights


def _by_library(query, key, value, mask=None):
    """Attention over the rows of the identity gives the weights themselves."""
    bias = None if mask is None else mask.to(query.dtype)
    if bias is not None:
        bias = bias.expand(*query.shape[:-1], key.shape[-2])
    eye = torch.eye(key.shape[-2], dtype=query.dtype).expand(*key.shape[:-1], key.shape[-2])
    weights = F.scaled_dot_product_attention(query, key, eye, attn_mask=bias)
    weights = torch.nan_to_num(weights)
    return weights @ value, weights


@alternative("masked_attention", "PyTorch's scaled_dot_product_attention")
def attention_library(query, key, value, mask=None):
    return _by_library(query, key, value, mask)


def _by_rows(query, key, value, mask=None):
    n_q, d_k = query.shape[-2:]
    n_k = key.shape[-2]
    rows = []
    for i in range(n_q):
        scores = (query[..., i : i + 1, :] * key).sum(-1) / math.sqrt(d_k)
        if mask is not None:
            wide = mask.expand(*query.shape[:-2], n_q, n_k)
            scores = scores + wide[..., i, :]
        empty = torch.isneginf(scores).all(-1, keepdim=True)
        row = torch.softmax(torch.where(empty, torch.zeros_like(scores), scores), -1)
        rows.append(torch.where(empty, torch.zeros_like(row), row))
    weights = torch.stack(rows, dim=-2)
    return weights @ value, weights


@alternative("masked_attention", "query by query")
def attention_loop(query, key, value, mask=None):
    return _by_rows(query, key, value, mask)


@alternative("masked_attention", "the scale as a float32 tensor")
def attention_tensor_scale(query, key, value, mask=None):
    scores = query @ key.transpose(-2, -1) / torch.sqrt(torch.tensor(query.shape[-1]))
    if mask is not None:
        scores = scores + mask
    empty = torch.isneginf(scores).all(-1, keepdim=True)
    weights = scores.masked_fill(empty, 0.0).softmax(-1) * ~empty
    return weights @ value, weights


@alternative("masked_attention", "a small constant under the sum")
def attention_logsumexp(query, key, value, mask=None):
    scores = torch.matmul(query, key.mT).div(query.size(-1) ** 0.5)
    if mask is not None:
        scores = scores + mask.to(query.dtype)
    hidden = scores == -INF
    scores = scores.masked_fill(hidden, -1e30)
    log_total = torch.logsumexp(scores, dim=-1, keepdim=True)
    weights = (scores - log_total).exp().masked_fill(hidden, 0.0)
    return torch.matmul(weights, value), weights


class _Layer(nn.Module):
    """The layer's weights; each version below writes its own forward."""

    def __init__(self, d_model, d_context, d_k, d_v):
        super().__init__()
        self.W_query = nn.Linear(d_model, d_k, bias=False)
        self.W_key = nn.Linear(d_context, d_k, bias=False)
        self.W_value = nn.Linear(d_context, d_v, bias=False)


@alternative("CrossAttention", "by hand")
class CrossAttentionByHand(_Layer):
    def forward(self, x, context, mask=None):
        query = torch.einsum("bid,kd->bik", x, self.W_query.weight)
        key = torch.einsum("bjc,kc->bjk", context, self.W_key.weight)
        value = torch.einsum("bjc,vc->bjv", context, self.W_value.weight)
        return masked_attention(query, key, value, mask=mask)


@alternative("CrossAttention", "one example at a time")
class CrossAttentionLoop(_Layer):
    def forward(self, x, context, mask=None):
        outputs, weights = [], []
        for b in range(len(x)):
            own = mask
            if mask is not None and mask.dim() == 3:
                own = mask[b % len(mask)]
            out, share = masked_attention(
                self.W_query(x[b]), self.W_key(context[b]), self.W_value(context[b]), own
            )
            outputs.append(out)
            weights.append(share)
        return torch.stack(outputs), torch.stack(weights)


@alternative("CrossAttention", "values weighted before they are projected")
class CrossAttentionValuesLast(_Layer):
    def forward(self, x, context, mask=None):
        mixed, weights = masked_attention(self.W_query(x), self.W_key(context), context, mask)
        return self.W_value(mixed), weights


@alternative("CrossAttention", "the scale as a float32 tensor")
class CrossAttentionTensorScale(_Layer):
    def __init__(self, d_model, d_context, d_k, d_v):
        super().__init__(d_model, d_context, d_k, d_v)
        self.register_buffer("scale", torch.tensor(d_k).sqrt())

    def forward(self, x, context, mask=None):
        scores = self.W_query(x) @ self.W_key(context).mT / self.scale
        if mask is not None:
            scores = scores + mask
        empty = torch.isneginf(scores).all(-1, keepdim=True)
        weights = scores.masked_fill(empty, 0.0).softmax(-1) * ~empty
        return weights @ self.W_value(context), weights


@alternative("CrossAttention", "without another exercise")
class CrossAttentionAlone(_Layer):
    def forward(self, x, context, mask=None):
        query, key, value = self.W_query(x), self.W_key(context), self.W_value(context)
        scores = torch.bmm(query, key.transpose(1, 2)) / query.shape[-1] ** 0.5
        if mask is not None:
            scores = scores + mask
        weights = torch.nan_to_num(torch.where(scores > -INF, scores, -1e30).softmax(-1))
        weights = weights.masked_fill(scores == -INF, 0.0)
        return torch.bmm(weights, value), weights


def _hard_example():
    generator = torch.Generator().manual_seed(11)
    query, key = (torch.randn(2, n, 3, generator=generator) for n in (3, 4))
    value = torch.randn(2, 4, 2, generator=generator)
    query[0, 0] = query[1, 0] = 0
    key[0, 3] = 80 * query[0, 2]
    mask = torch.randn(2, 3, 4, generator=generator)
    mask[0, 2, 3] = mask[1, 0, 1] = mask[1, 1, 2] = -INF
    mask[0, 1] = -INF
    mask[0, 0, 2] = mask[1, 0, 3] = 0.0
    return query, key, value, mask


@alternative("examine_attention", "loops over plain numbers")
def examine_by_loops(candidate):
    query, key, value, mask = _hard_example()
    given = mask.clone()
    output, weights = candidate(query, key, value, given)
    assert torch.equal(given, mask)
    for b in range(2):
        for i in range(3):
            scores = [
                sum(float(q) * float(k) for q, k in zip(query[b, i], key[b, j], strict=True))
                / math.sqrt(3)
                + float(mask[b, i, j])
                for j in range(4)
            ]
            top = max(scores)
            powers = [0.0 if s == -INF else math.exp(s - top) for s in scores]
            total = sum(powers) or 1.0
            for j in range(4):
                assert abs(float(weights[b, i, j]) - powers[j] / total) < 1e-4
                assert scores[j] > -INF or abs(float(weights[b, i, j])) < 1e-11
            for c in range(2):
                mixed = sum(powers[j] / total * float(value[b, j, c]) for j in range(4))
                assert abs(float(output[b, i, c]) - mixed) < 1e-4


@alternative("examine_attention", "PyTorch's own as the judge")
def examine_by_library(candidate):
    query, key, value, mask = _hard_example()
    for bias in (None, mask, mask[0]):
        copy = None if bias is None else bias.clone()
        output, weights = candidate(query, key, value, copy)
        theirs, own = _by_library(query, key, value, bias)
        torch.testing.assert_close(weights, own, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(output, theirs, atol=1e-4, rtol=1e-4)
        if bias is not None and copy is not None and not torch.equal(copy, bias):
            raise AssertionError("the mask was changed")
        hidden = torch.zeros_like(weights) if bias is None else bias.expand(weights.shape)
        if weights[torch.isneginf(hidden)].abs().sum() > 1e-9:
            raise AssertionError("a hidden key has weight")


@alternative("examine_attention", "in float64, with errors of another kind")
def examine_with_other_errors(candidate):
    query, key, value, mask = (tensor.double() for tensor in _hard_example())
    copy = mask.clone()
    output, weights = candidate(query, key, value, copy)
    wanted, shares = _by_rows(query, key, value, mask)
    if (weights - shares).abs().max() > 1e-6 or (output - wanted).abs().max() > 1e-6:
        raise ValueError("other numbers than mine")
    if torch.isnan(weights).any() or torch.isnan(output).any():
        raise ArithmeticError("not a number")
    if not torch.equal(copy, mask):
        raise RuntimeError("my mask was changed")
