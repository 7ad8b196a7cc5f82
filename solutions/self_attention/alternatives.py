"""Other right ways in lesson 2."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from grader.course.versions import alternative
from solutions.self_attention import scaled_dot_product_attention

# --- scaled_dot_product_attention -------------------------------------------------------------


@alternative("scaled_dot_product_attention", "einsum")
def attention_einsum(query, key, value):
    scores = torch.einsum("...id,...jd->...ij", query, key) * query.size(-1) ** -0.5
    weights = scores.softmax(-1)
    return torch.einsum("...ij,...jv->...iv", weights, value), weights


@alternative("scaled_dot_product_attention", "the query scaled first")
def attention_query_first(query, key, value):
    weights = functional.softmax((query / np.sqrt(key.shape[-1])) @ key.mT, dim=-1)
    return weights.matmul(value), weights


@alternative("scaled_dot_product_attention", "query and key scaled by half each")
def attention_half_each(query, key, value):
    quarter = query.shape[-1] ** -0.25
    weights = torch.softmax((query * quarter) @ (key * quarter).swapaxes(-1, -2), dim=-1)
    return weights @ value, weights


@alternative("scaled_dot_product_attention", "the scale as a float32 tensor")
def attention_tensor_scale(query, key, value):
    scale = torch.sqrt(torch.tensor(query.shape[-1]))
    weights = torch.softmax(torch.matmul(query, key.transpose(-1, -2)) / scale, dim=-1)
    return weights @ value, weights


@alternative("scaled_dot_product_attention", "NumPy's number from the left")
def attention_numpy_from_the_left(query, key, value):
    scores = (1 / np.sqrt(query.shape[-1])) * (query @ key.transpose(-1, -2))
    weights = torch.softmax(scores, dim=-1)
    return weights @ value, weights


@alternative("scaled_dot_product_attention", "the softmax written out")
def attention_written_out(query, key, value):
    scores = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5
    powers = torch.exp(scores - scores.max(dim=-1, keepdim=True).values)
    weights = powers / powers.sum(dim=-1, keepdim=True)
    return weights @ value, weights


@alternative("scaled_dot_product_attention", "the maximum outside the graph, normalized at the end")
def attention_normalized_at_the_end(query, key, value):
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    powers = torch.exp(scores - scores.detach().amax(dim=-1, keepdim=True))
    total = powers.sum(dim=-1, keepdim=True)
    return (powers @ value) / total, powers / total


@alternative("scaled_dot_product_attention", "through log_softmax")
def attention_log_softmax(query, key, value):
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    weights = functional.log_softmax(scores, dim=-1).exp()
    return weights @ value, weights


@alternative("scaled_dot_product_attention", "the library's output")
def attention_library(query, key, value):
    output = functional.scaled_dot_product_attention(query, key, value)
    weights = torch.softmax(query @ key.mT / math.sqrt(query.shape[-1]), dim=-1)
    return output, weights


@alternative("scaled_dot_product_attention", "the library twice, as a list")
def attention_library_twice(query, key, value):
    eye = torch.eye(key.shape[-2], dtype=key.dtype).expand(*key.shape[:-1], key.shape[-2])
    function = functional.scaled_dot_product_attention
    return [function(query, key, value), function(query, key, eye)]


@alternative("scaled_dot_product_attention", "loops over everything")
def attention_loops(query, key, value):
    if query.ndim > 2:
        pairs = [attention_loops(q, k, v) for q, k, v in zip(query, key, value, strict=True)]
        return tuple(torch.stack(part) for part in zip(*pairs, strict=True))
    rows = []
    for q in query:
        scores = torch.stack([q.dot(k) / math.sqrt(len(q)) for k in key])
        rows.append(torch.softmax(scores, dim=0))
    outputs = [sum(w * v for w, v in zip(row, value, strict=True)) for row in rows]
    return torch.stack(outputs), torch.stack(rows)


@alternative("scaled_dot_product_attention", "batch axes folded into one")
def attention_folded(query, key, value):
    batch = query.shape[:-2]
    q, k, v = (part.reshape(-1, *part.shape[-2:]) for part in (query, key, value))
    weights = torch.softmax(torch.bmm(q, k.transpose(1, 2)) / math.sqrt(q.shape[2]), dim=2)
    output = torch.bmm(weights, v)
    return output.reshape(*batch, *output.shape[1:]), weights.reshape(*batch, *weights.shape[1:])


@alternative("scaled_dot_product_attention", "in float64 inside, its own tensor changed in place")
def attention_wide_inside(query, key, value):
    scores = torch.matmul(query.double(), key.double().transpose(-2, -1))
    scores.div_(math.sqrt(query.shape[-1]))
    weights = scores.softmax(dim=-1)
    return (weights @ value.double()).to(query.dtype), weights.to(query.dtype)


@alternative("scaled_dot_product_attention", "broadcast and summed")
def attention_broadcast(query, key, value):
    products = query.unsqueeze(-2) * key.unsqueeze(-3)
    weights = torch.softmax(products.sum(-1) / math.sqrt(query.shape[-1]), dim=-1)
    return (weights.unsqueeze(-1) * value.unsqueeze(-3)).sum(-2), weights


# --- SelfAttention ----------------------------------------------------------------------------


class _Layer(nn.Module):
    """The given part: three maps. Each version has a forward of its own."""

    def __init__(self, d_model, d_k, d_v):
        super().__init__()
        self.W_query = nn.Linear(d_model, d_k, bias=False)
        self.W_key = nn.Linear(d_model, d_k, bias=False)
        self.W_value = nn.Linear(d_model, d_v, bias=False)


@alternative("SelfAttention", "all written out")
class WrittenOut(_Layer):
    def forward(self, x):
        q = x @ self.W_query.weight.T
        k = x @ self.W_key.weight.T
        v = x @ self.W_value.weight.T
        weights = torch.softmax(q @ k.transpose(-2, -1) / self.W_key.out_features**0.5, dim=-1)
        return weights @ v, weights


@alternative("SelfAttention", "values mapped after mixing")
class MappedAfterMixing(_Layer):
    def forward(self, x):
        mixed, weights = scaled_dot_product_attention(self.W_query(x), self.W_key(x), x)
        return self.W_value(mixed), weights


@alternative("SelfAttention", "queries and keys through one merged matrix")
class MergedMatrix(_Layer):
    def forward(self, x):
        merged = self.W_query.weight.T @ self.W_key.weight
        scores = x @ merged @ x.transpose(-2, -1) / math.sqrt(self.W_query.weight.shape[0])
        weights = scores.softmax(dim=-1)
        return weights @ self.W_value(x), weights


@alternative("SelfAttention", "one fused product")
class Fused(_Layer):
    def forward(self, x):
        layers = (self.W_query, self.W_key, self.W_value)
        fused = functional.linear(x, torch.cat([layer.weight for layer in layers]))
        query, key, value = fused.split([layer.out_features for layer in layers], dim=-1)
        return scaled_dot_product_attention(query, key, value)


@alternative("SelfAttention", "the library's output")
class Library(_Layer):
    def forward(self, x):
        q, k, v = self.W_query(x), self.W_key(x), self.W_value(x)
        weights = functional.softmax(q @ k.mT * q.shape[-1] ** -0.5, dim=-1)
        return functional.scaled_dot_product_attention(q, k, v), weights


@alternative("SelfAttention", "one query at a time")
class OneAtATime(_Layer):
    def forward(self, x):
        key, value = self.W_key(x), self.W_value(x)
        rows = [
            scaled_dot_product_attention(self.W_query(x[..., i : i + 1, :]), key, value)
            for i in range(x.shape[-2])
        ]
        return torch.cat([o for o, _ in rows], dim=-2), torch.cat([w for _, w in rows], dim=-2)


@alternative("SelfAttention", "einsum")
class Einsum(_Layer):
    def forward(self, x):
        q = torch.einsum("...nm,km->...nk", x, self.W_query.weight)
        k = torch.einsum("...nm,km->...nk", x, self.W_key.weight)
        weights = (torch.einsum("...ik,...jk->...ij", q, k) / np.sqrt(k.size(-1))).softmax(-1)
        return torch.einsum("...ij,...jm,vm->...iv", weights, x, self.W_value.weight), weights


# --- additive_scores --------------------------------------------------------------------------


@alternative("additive_scores", "one key at a time")
def additive_loop(query, keys, W_q, W_k, v):
    return torch.stack([torch.dot(v, torch.tanh(W_q @ query + W_k @ key)) for key in keys])


@alternative("additive_scores", "one concatenated matrix")
def additive_concatenated(query, keys, W_q, W_k, v):
    pairs = torch.cat([query.expand(len(keys), -1), keys], dim=1)
    return torch.tanh(pairs @ torch.cat([W_q, W_k], dim=1).T).mv(v)


@alternative("additive_scores", "einsum")
def additive_einsum(query, keys, W_q, W_k, v):
    hidden = torch.einsum("ad,d->a", W_q, query) + torch.einsum("ad,nd->na", W_k, keys)
    return torch.einsum("a,na->n", v, hidden.tanh())


@alternative("additive_scores", "columns of hidden units")
def additive_columns(query, keys, W_q, W_k, v):
    hidden = (W_k @ keys.T + (W_q @ query)[:, None]).tanh()
    return (hidden * v[:, None]).sum(0)


@alternative("additive_scores", "linear layers and the sigmoid's tanh")
def additive_sigmoid_tanh(query, keys, W_q, W_k, v):
    z = functional.linear(query, W_q) + functional.linear(keys, W_k)
    return (2 * torch.sigmoid(2 * z) - 1) @ v


# --- multiplicative_scores --------------------------------------------------------------------


@alternative("multiplicative_scores", "the keys mapped, not the query")
def multiplicative_keys_mapped(query, keys, W):
    return (W @ keys.T).T @ query


@alternative("multiplicative_scores", "einsum")
def multiplicative_einsum(query, keys, W):
    return torch.einsum("i,ij,nj->n", query, W, keys)


@alternative("multiplicative_scores", "one key at a time")
def multiplicative_loop(query, keys, W):
    return torch.stack([query @ W @ key for key in keys])


@alternative("multiplicative_scores", "the library's bilinear form")
def multiplicative_bilinear(query, keys, W):
    return functional.bilinear(query.expand(len(keys), -1).contiguous(), keys, W[None])[:, 0]


@alternative("multiplicative_scores", "a row, then its only axis dropped")
def multiplicative_row(query, keys, W):
    return (query[None, :] @ W @ keys.T).squeeze(0)


@alternative("multiplicative_scores", "outer products")
def multiplicative_outer(query, keys, W):
    return torch.stack([(torch.outer(query, key) * W).sum() for key in keys])


# --- softmax_jacobian -------------------------------------------------------------------------


@alternative("softmax_jacobian", "broadcast")
def jacobian_broadcast(weights):
    eye = torch.eye(weights.shape[0], dtype=weights.dtype)
    return weights[:, None] * (eye - weights[None, :])


@alternative("softmax_jacobian", "einsum")
def jacobian_einsum(weights):
    return torch.diag_embed(weights) - torch.einsum("i,j->ij", weights, weights)


@alternative("softmax_jacobian", "entry by entry")
def jacobian_entries(weights):
    n = len(weights)
    rows = [
        torch.stack([weights[i] * (float(i == j) - weights[j]) for j in range(n)]) for i in range(n)
    ]
    return torch.stack(rows)


@alternative("softmax_jacobian", "column times row")
def jacobian_column_times_row(weights):
    column = weights.unsqueeze(1)
    return torch.diagflat(weights) - column @ column.T


@alternative("softmax_jacobian", "one fused call (addr)")
def jacobian_addr(weights):
    return torch.addr(weights.diag(), weights, weights, alpha=-1)
