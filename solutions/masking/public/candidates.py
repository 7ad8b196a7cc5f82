"""Candidates for a student's test in a notebook: the student's own answer, and distorted copies.

This module holds no solution: each distorted copy calls the student's own answer and changes its
arguments or its result. Grading uses other candidates, and more of them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch

from grader.protocol.calls import CallRefused

OWN = "yours"


def in_form(function: Callable[..., Any]) -> Callable[..., Any]:
    """The candidate, but for arguments as the contract wants them only.

    What a candidate does with others is left open, so it says nothing about right or wrong: a
    test could tell candidates apart by their errors without having looked at a single number.
    """

    @functools.wraps(function)
    def call(query: Any, key: Any, value: Any, mask: Any = None) -> Any:
        if not _of_one_form(query, key, value):
            raise CallRefused(
                "query (..., n_q, d_k), key (..., n_k, d_k) and value (..., n_k, d_v) have to be "
                "floating-point tensors of one dtype, with equal leading axes"
            )
        if mask is not None and not _is_mask(mask, query, (*query.shape[:-1], key.shape[-2])):
            raise CallRefused(
                "the mask has to be None or a floating tensor, float32 or of the query's dtype, "
                "that broadcasts against the scores (..., n_q, n_k)"
            )
        return function(query, key, value, mask)

    return call


def _of_one_form(query: Any, key: Any, value: Any) -> bool:
    given = (query, key, value)
    if not all(isinstance(one, torch.Tensor) and one.dim() >= 2 for one in given):
        return False
    return (
        query.dtype in (torch.float32, torch.float64)
        and query.dtype == key.dtype == value.dtype
        and query.shape[:-2] == key.shape[:-2] == value.shape[:-2]
        and query.shape[-1] == key.shape[-1]
        and key.shape[-2] == value.shape[-2]
        and all(min(one.shape) > 0 for one in given)
    )


def _is_mask(mask: Any, query: torch.Tensor, scores: tuple[int, ...]) -> bool:
    if not isinstance(mask, torch.Tensor) or mask.dtype not in (torch.float32, query.dtype):
        return False
    pairs = zip(reversed(mask.shape), reversed(scores), strict=False)
    return mask.dim() <= len(scores) and all(size in (1, due) for size, due in pairs)


def _mask_ignored(own: Any, query: Any, key: Any, value: Any, mask: Any = None) -> Any:
    return own(query, key, value)


def _scores_doubled(own: Any, query: Any, key: Any, value: Any, mask: Any = None) -> Any:
    return own(query * 2, key, value, mask)


def _biases_lost(own: Any, query: Any, key: Any, value: Any, mask: Any = None) -> Any:
    hidden = None if mask is None else mask.masked_fill(mask > -1e4, 0.0)
    return own(query, key, value, hidden)


def _weights_of_values(own: Any, query: Any, key: Any, value: Any, mask: Any = None) -> Any:
    output, weights = own(query, key, value, mask)
    return output, weights.flip(-1)


BENT: dict[str, Callable[..., Any]] = {
    "mask ignored": _mask_ignored,
    "scores doubled": _scores_doubled,
    "biases lost": _biases_lost,
    "weights reversed": _weights_of_values,
}


def candidate(namespace: Mapping[str, Any], key: str) -> Callable[..., Any]:
    """The candidate for a key such as ``"masked_attention: mask ignored"`` or ``"…: yours"``."""
    exercise, _, bend = key.partition(": ")

    def call(*args: Any) -> Any:
        own = namespace[exercise]
        return own(*args) if bend == OWN else BENT[bend](own, *args)

    return in_form(call)
