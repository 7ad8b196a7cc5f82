"""Other right ways in lesson 1."""

from __future__ import annotations

import math

import numpy as np

from grader.course.versions import alternative
from solutions.single_query_attention import attention, softmax

# ---------------------------------------------------------------------------------- softmax


@alternative("softmax", "through the logarithm of the sum")
def softmax_logsumexp(scores, axis=-1):
    top = np.max(scores, axis=axis, keepdims=True)
    log_total = top + np.log(np.sum(np.exp(scores - top), axis=axis, keepdims=True))
    return np.exp(scores - log_total)


@alternative("softmax", "a loop over the slices")
def softmax_loop(scores, axis=-1):
    moved = np.moveaxis(scores, axis, -1)
    rows = moved.reshape(-1, moved.shape[-1])
    out = np.zeros(rows.shape)
    for i, row in enumerate(rows):
        powers = [math.exp(score - max(row)) for score in row]
        out[i] = [power / sum(powers) for power in powers]
    return np.moveaxis(out.reshape(moved.shape), -1, axis)


@alternative("softmax", "in place on a copy")
def softmax_copy(scores, axis=-1):
    weights = np.array(scores, dtype=np.float64)
    weights -= weights.max(axis=axis, keepdims=True)
    np.exp(weights, out=weights)
    weights /= weights.sum(axis=axis, keepdims=True)
    return weights


@alternative("softmax", "one over a sum of differences")
def softmax_differences(scores, axis=-1):
    moved = np.moveaxis(scores, axis, -1)
    with np.errstate(over="ignore"):
        total = np.exp(moved[..., None, :] - moved[..., :, None]).sum(axis=-1)
    return np.moveaxis(1.0 / total, -1, axis)


@alternative("softmax", "PyTorch's")
def softmax_torch(scores, axis=-1):
    import torch

    return torch.softmax(torch.from_numpy(scores), dim=axis).numpy()


# ------------------------------------------------------------------------ similarity_scores


@alternative("similarity_scores", "a loop over the keys")
def similarity_loop(query, keys):
    return np.array([sum(q * k for q, k in zip(query, key, strict=True)) for key in keys])


@alternative("similarity_scores", "multiply, then add up")
def similarity_sum(query, keys):
    return (keys * query).sum(axis=1)


@alternative("similarity_scores", "einsum")
def similarity_einsum(query, keys):
    return np.einsum("d,nd->n", query, keys)


@alternative("similarity_scores", "query times transposed keys")
def similarity_transposed(query, keys):
    return np.dot(query, keys.T)


@alternative("similarity_scores", "through lengths and distances")
def similarity_from_distances(query, keys):
    apart = ((keys - query) ** 2).sum(axis=1)
    return ((keys**2).sum(axis=1) + (query**2).sum() - apart) / 2


# ------------------------------------------------------------------------ cosine_similarity


@alternative("cosine_similarity", "vectors of length 1 first")
def cosine_unit(query, keys):
    def unit(vectors):
        lengths = np.sqrt((vectors**2).sum(axis=-1, keepdims=True))
        return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)

    return unit(keys) @ unit(query)


@alternative("cosine_similarity", "a loop over the keys")
def cosine_loop(query, keys):
    scores = []
    for key in keys:
        length = math.sqrt(sum(q * q for q in query)) * math.sqrt(sum(k * k for k in key))
        dot = sum(q * k for q, k in zip(query, key, strict=True))
        scores.append(dot / length if length > 0 else 0.0)
    return np.array(scores)


@alternative("cosine_similarity", "a floor below the lengths")
def cosine_floor(query, keys):
    lengths = np.linalg.norm(keys, axis=1) * np.linalg.norm(query)
    return keys @ query / np.maximum(lengths, 1e-12)


@alternative("cosine_similarity", "a constant too small to show")
def cosine_tiny(query, keys):
    return keys @ query / (np.linalg.norm(keys, axis=1) * np.linalg.norm(query) + 1e-12)


@alternative("cosine_similarity", "nan mended afterwards, and clipped")
def cosine_mended(query, keys):
    with np.errstate(all="ignore"):
        raw = keys @ query / np.sqrt((keys * keys).sum(axis=1) * (query @ query))
    return np.clip(np.nan_to_num(raw, nan=0.0), -1.0, 1.0)


@alternative("cosine_similarity", "PyTorch's")
def cosine_torch(query, keys):
    import torch

    pair = torch.from_numpy(query)[None, :], torch.from_numpy(keys)
    return torch.nn.functional.cosine_similarity(*pair, dim=1).numpy()


# -------------------------------------------------------------------------------- attention


@alternative("attention", "loops over plain floats")
def attention_loops(query, keys, values):
    scores = []
    for key in keys:
        scores.append(sum(q * k for q, k in zip(query, key, strict=True)))
    top = max(scores)
    powers = [math.exp(score - top) for score in scores]
    total = sum(powers)
    output = [0.0] * len(values[0])
    for power, value in zip(powers, values, strict=True):
        for c, number in enumerate(value):
            output[c] += power / total * number
    return [float(x) for x in output]


@alternative("attention", "einsum, and list() of the array")
def attention_einsum(query, keys, values):
    scores = np.einsum("d,nd->n", np.array(query, float), np.array(keys, float))
    return list(np.einsum("n,nv->v", softmax(scores), np.array(values, float)))


@alternative("attention", "divide at the end")
def attention_divide_last(query, keys, values):
    scores = np.dot(np.array(keys), np.array(query))
    powers = np.exp(scores - scores.max())
    return [float(x) for x in powers @ np.array(values) / powers.sum()]


@alternative("attention", "through the batched one")
def attention_batched(query, keys, values):
    query, keys, values = np.array([query]), np.array(keys), np.array(values)
    return (softmax(query @ keys.T) @ values)[0].tolist()


@alternative("attention", "PyTorch's, unscaled")
def attention_torch(query, keys, values):
    import torch

    q, k, v = (torch.tensor(np.asarray(x, dtype=np.float64)) for x in ([query], keys, values))
    found = torch.nn.functional.scaled_dot_product_attention(q, k, v, scale=1.0)
    return found[0].tolist()


# ------------------------------------------------------------------------ batched_attention


@alternative("batched_attention", "einsum")
def batched_einsum(queries, keys, values):
    scores = np.einsum("md,nd->mn", queries, keys)
    powers = np.exp(scores - scores.max(axis=1)[:, None])
    weights = powers / np.einsum("mn->m", powers)[:, None]
    return np.einsum("mn,nv->mv", weights, values), weights


@alternative("batched_attention", "a loop over the keys")
def batched_over_keys(queries, keys, values):
    scores = np.zeros((len(queries), len(keys)))
    for j, key in enumerate(keys):
        scores[:, j] = queries @ key
    weights = softmax(scores, axis=1)
    output = np.zeros((len(queries), values.shape[1]))
    for j in range(len(keys)):
        output += weights[:, j : j + 1] * values[j]
    return output, weights


@alternative("batched_attention", "broadcasting over three axes")
def batched_broadcast(queries, keys, values):
    scores = (queries[:, None, :] * keys[None, :, :]).sum(axis=-1)
    weights = softmax(scores)
    return (weights[:, :, None] * values[None, :, :]).sum(axis=1), weights


@alternative("batched_attention", "a loop over features and arguments")
def batched_over_features(queries, keys, values):
    queries, keys, values = (np.asarray(given) for given in (queries, keys, values))
    scores = sum(np.outer(queries[:, k], keys[:, k]) for k in range(queries.shape[1]))
    weights = softmax(scores)
    return np.stack([weights @ column for column in values.T], axis=1), weights


@alternative("batched_attention", "keys first, turned at the end")
def batched_turned(queries, keys, values):
    weights = softmax(keys @ queries.T, axis=0)
    return np.matmul(values.T, weights).T, weights.T


@alternative("batched_attention", "PyTorch's")
def batched_torch(queries, keys, values):
    import torch

    q, k, v = torch.tensor(queries), torch.tensor(keys), torch.tensor(values)
    weights = (q @ k.T).softmax(dim=-1)
    return (weights @ v).numpy(), weights.numpy()


# ------------------------------------------------------------------------------ design_query


@alternative("design_query", "least squares")
def design_lstsq(keys, wanted, sharpness):
    target = np.where(np.isin(np.arange(len(keys)), wanted), sharpness + math.log(len(keys)), 0.0)
    return np.linalg.lstsq(keys, target, rcond=None)[0]


@alternative("design_query", "a combination of the keys")
def design_gram(keys, wanted, sharpness):
    target = np.zeros(len(keys))
    target[wanted] = sharpness + np.log(len(keys))
    return keys.T @ np.linalg.solve(keys @ keys.T, target)


@alternative("design_query", "exactly as sharp as asked")
def design_exact(keys, wanted, sharpness):
    n, w = len(keys), len(wanted)
    target = np.zeros(n)
    if w < n:
        mass = 1.0 - np.exp(-sharpness)
        target[wanted] = np.log(mass / (1.0 - mass) * (n - w) / w)
    return np.linalg.pinv(keys) @ target


@alternative("design_query", "the logarithm of the weights it wants")
def design_log_weights(keys, wanted, sharpness):
    n, w = len(keys), len(wanted)
    if w == n:
        return np.zeros(keys.shape[1])
    left = math.exp(-sharpness) / 2
    weights = np.full(n, left / (n - w))
    weights[wanted] = (1 - left) / w
    return np.linalg.lstsq(keys, np.log(weights), rcond=None)[0]


@alternative("design_query", "far sharper than asked, others below zero")
def design_far_sharper(keys, wanted, sharpness):
    target = np.full(len(keys), -500.0)
    target[wanted] = 500.0
    left, sizes, right_ = np.linalg.svd(keys, full_matrices=False)
    return right_.T @ ((left.T @ target) / sizes)


@alternative("design_query", "tried out with attention")
def design_search(keys, wanted, sharpness):
    inverse = np.linalg.pinv(keys)
    chosen = np.isin(np.arange(len(keys)), wanted).astype(float)
    gap = sharpness
    while True:
        query = inverse @ (gap * chosen)
        others = attention(query, keys, (1.0 - chosen)[:, None])[0]
        if others <= math.exp(-sharpness) * 0.999:
            return query
        gap = gap * 1.1 + 0.01
