"""Lesson 1: one query looks things up by similarity (NumPy, float64)."""

from __future__ import annotations

import numpy as np


def similarity_scores(query, keys):
    """Score every key by its dot product with the query.

    Args:
        query: float64 array of shape (d,).
        keys: float64 array of shape (n, d), one key in each row.

    Returns:
        float64 array of shape (n,): entry j is the score of key j.
    """
    return keys @ query


def cosine_similarity(query, keys):
    """Score every key by the cosine of its angle with the query.

    Args:
        query: float64 array of shape (d,).
        keys: float64 array of shape (n, d), one key in each row.

    Returns:
        float64 array of shape (n,), entries between -1 and 1. A vector of zeros, query or key,
        points nowhere: its score is 0.
    """
    lengths = np.linalg.norm(keys, axis=1) * np.linalg.norm(query)
    return (keys @ query) / np.where(lengths > 0, lengths, 1.0)


def softmax(scores, axis=-1):
    """Turn scores into weights that are positive and sum to 1 along ``axis``.

    Args:
        scores: float64 array of at least one axis; entries up to ±1e4 must not overflow.
        axis: the axis along which the weights sum to 1.

    Returns:
        float64 array of the shape of ``scores``.
    """
    shifted = np.exp(scores - np.max(scores, axis=axis, keepdims=True))
    return shifted / np.sum(shifted, axis=axis, keepdims=True)


def attention(query, keys, values):
    """Look one query up: compare it with every key, normalize, combine the values.

    The scores are plain dot products, without any scaling.

    Args:
        query: d numbers, a list or an array.
        keys: n rows of d numbers, a list of lists or an array.
        values: n rows of d_v numbers, a list of lists or an array.

    Returns:
        A Python list of d_v floats.
    """
    query, keys, values = (np.asarray(given, dtype=np.float64) for given in (query, keys, values))
    weights = softmax(similarity_scores(query, keys))
    return (weights @ values).tolist()


def batched_attention(queries, keys, values):
    """Look m queries up at once, without a loop over them. The scores are not scaled.

    Args:
        queries: float64 array of shape (m, d), one query in each row.
        keys: float64 array of shape (n, d).
        values: float64 array of shape (n, d_v).

    Returns:
        A pair (output, weights) of float64 arrays: output of shape (m, d_v), and weights of shape
        (m, n), whose row i says how much query i attends to each key.
    """
    weights = softmax(queries @ keys.T, axis=-1)
    return weights @ values, weights


def design_query(keys, wanted, sharpness):
    """Find a query whose (unscaled) attention goes to the keys of your choice.

    Each wanted key gets the same weight as every other wanted key, to 1e-6 (relative). Together
    they get at least 1 - exp(-sharpness) of the attention. Many queries do this; any will do.

    Args:
        keys: float64 array of shape (n, d) with n ≤ d, its rows linearly independent.
        wanted: list of one or more different row numbers, possibly all of them.
        sharpness: a positive float.

    Returns:
        float64 array of shape (d,): the query.
    """
    target = np.zeros(len(keys))
    target[wanted] = sharpness + np.log(len(keys))
    return np.linalg.pinv(keys) @ target
