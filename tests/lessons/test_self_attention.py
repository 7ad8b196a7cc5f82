"""Laws of lesson 2, against torch's own attention and automatic differentiation."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from solutions.self_attention import (
    SelfAttention,
    additive_scores,
    multiplicative_scores,
    scaled_dot_product_attention,
    softmax_jacobian,
)

GENERATOR = torch.Generator().manual_seed(3)


def draw(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, generator=GENERATOR, dtype=dtype)


@pytest.mark.parametrize("batch", [(), (2,), (2, 3), (2, 1, 3)])
def test_it_is_what_torch_calls_scaled_dot_product_attention(batch: tuple[int, ...]) -> None:
    query, key, value = draw(*batch, 4, 6), draw(*batch, 5, 6), draw(*batch, 5, 3)
    output, weights = scaled_dot_product_attention(query, key, value)
    torch.testing.assert_close(output, F.scaled_dot_product_attention(query, key, value))
    torch.testing.assert_close(weights.sum(-1), torch.ones(*batch, 4, dtype=torch.float64))


def test_gradients_are_those_of_finite_differences() -> None:
    inputs = [draw(2, 3).requires_grad_(), draw(4, 3).requires_grad_(), draw(4, 2).requires_grad_()]
    assert torch.autograd.gradcheck(scaled_dot_product_attention, inputs)


def test_self_attention_without_positions_is_permutation_equivariant() -> None:
    layer = SelfAttention(6, 4, 3).double()
    x, order = draw(5, 6), torch.randperm(5, generator=GENERATOR)
    output, weights = layer(x)
    moved, moved_weights = layer(x[order])
    torch.testing.assert_close(moved, output[order])
    torch.testing.assert_close(moved_weights, weights[order][:, order])


def test_the_jacobian_is_softmaxs_derivative() -> None:
    scores = draw(5)
    expected = torch.autograd.functional.jacobian(lambda s: s.softmax(0), scores)
    torch.testing.assert_close(softmax_jacobian(scores.softmax(0)), expected)


def test_scores_of_bahdanau_and_luong_one_key_at_a_time() -> None:
    query, keys = draw(3), draw(4, 2)
    W_q, W_k, v, W = draw(5, 3), draw(5, 2), draw(5), draw(3, 2)
    for j, key in enumerate(keys):
        additive = (v * torch.tanh(W_q @ query + W_k @ key)).sum()
        torch.testing.assert_close(additive_scores(query, keys, W_q, W_k, v)[j], additive)
        product = sum(query[a] * W[a, b] * key[b] for a in range(3) for b in range(2))
        torch.testing.assert_close(multiplicative_scores(query, keys, W)[j], product)
