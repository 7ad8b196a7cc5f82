# ruff: noqa: E501  (lines of code, quoted whole)
"""Mutants of this lesson's answers that no check can catch, and why.

See :mod:`grader.authoring.mutants`.
"""

from __future__ import annotations

from grader.authoring.mutants import change

EQUIVALENT = {
    "cosine_similarity": {
        change(
            "return keys @ query / np.where(lengths > 0, lengths, 1.0)",
            "return keys @ query / np.where(lengths > 0, lengths, 2.0)",
        ): "a zero vector scores 0 whatever number stands in for its length",
    },
    "attention": {
        change(
            "query, keys, values = (np.asarray(given, dtype=np.float64) for given in (query, keys, values))",
            "query, keys, values = (np.asarray(given) for given in (query, keys, values))",
        ): "softmax turns scores into float64, and integers multiply into it exactly",
    },
    "batched_attention": {
        change(
            "weights = softmax(queries @ keys.T, axis=-1)", "weights = softmax(queries @ keys.T)"
        ): "the last axis is the default, and of two axes the last is number 1",
        change(
            "weights = softmax(queries @ keys.T, axis=-1)",
            "weights = softmax(queries @ keys.T, axis=+1)",
        ): "the last axis is the default, and of two axes the last is number 1",
    },
    "design_query": {
        change(
            "target[wanted] = sharpness + np.log(len(keys))",
            "target[wanted] = sharpness + np.exp(len(keys))",
        ): "a larger gap than needed leaves even less for the others",
    },
}
