"""Candidates for a student's test in a notebook: the student's own answer, and distorted copies.

This module holds no solution: each distorted copy calls the student's own answer and changes its
arguments or its result. Grading uses other candidates, and more of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

OWN = "yours"


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

    def call(*args: Any, **kwargs: Any) -> Any:
        own = namespace[exercise]
        return own(*args, **kwargs) if bend == OWN else BENT[bend](own, *args, **kwargs)

    return call
