"""Laws of lesson 3, against torch's own attention and by perturbation."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from solutions.masking import (
    CrossAttention,
    causal_mask,
    combine_masks,
    local_mask,
    masked_attention,
    padding_mask,
)

GENERATOR = torch.Generator().manual_seed(4)
HIDDEN = float("-inf")


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=GENERATOR, dtype=torch.float64)


def test_it_is_what_torch_computes_with_the_same_mask() -> None:
    query, key, value = draw(2, 5, 6), draw(2, 5, 6), draw(2, 5, 3)
    mask = combine_masks(causal_mask(5), padding_mask(torch.tensor([5, 3]), 5))
    expected = F.scaled_dot_product_attention(query, key, value, attn_mask=mask.double())
    torch.testing.assert_close(masked_attention(query, key, value, mask)[0], expected)


def test_a_changed_future_token_changes_nothing_before_it() -> None:
    x = draw(6, 4)
    before, _ = masked_attention(x, x, x, causal_mask(6))
    for t in range(6):
        changed = x.clone()
        changed[t] += 100
        after, _ = masked_attention(changed, changed, changed, causal_mask(6))
        assert torch.equal(after[:t], before[:t])
        assert not torch.allclose(after[t], before[t])


def test_a_longer_padding_changes_nothing() -> None:
    x = draw(1, 3, 4)
    short, _ = masked_attention(x, x, x)
    padded = torch.cat([x, 1000 * draw(1, 5, 4)], dim=1)
    long, weights = masked_attention(padded, padded, padded, padding_mask(torch.tensor([3]), 8))
    torch.testing.assert_close(long[:, :3], short)
    assert (weights[..., 3:] == 0).all()


@pytest.mark.parametrize("window", [0, 1, 3, 10])
def test_a_local_mask_sees_its_window_and_no_more(window: int) -> None:
    mask = local_mask(5, window)
    for i in range(5):
        for j in range(5):
            assert mask[i, j] == (0.0 if abs(i - j) <= window else HIDDEN)


def test_a_row_that_sees_nothing_gives_zeros_and_finite_gradients() -> None:
    query, key, value = (draw(3, 4).requires_grad_() for _ in range(3))
    mask = torch.zeros(3, 3)
    mask[1] = HIDDEN
    output, weights = masked_attention(query, key, value, mask)
    assert (output[1] == 0).all() and (weights[1] == 0).all()
    (output.sum() + weights.square().sum()).backward()
    assert all(torch.isfinite(x.grad).all() for x in (query, key, value))


def test_masks_commute_and_repeat() -> None:
    one, other = causal_mask(4), padding_mask(torch.tensor([4, 2]), 4)
    assert torch.equal(combine_masks(one, other), combine_masks(other, one))
    assert torch.equal(combine_masks(one, one), one)
    assert combine_masks(one, other).shape == (2, 4, 4)


def test_cross_attention_asks_from_one_and_answers_from_another() -> None:
    layer = CrossAttention(4, 6, 5, 3).double()
    x, context = draw(2, 3, 4), draw(2, 7, 6)
    output, weights = layer(x, context)
    assert output.shape == (2, 3, 3) and weights.shape == (2, 3, 7)
    q, k, v = layer.W_query(x), layer.W_key(context), layer.W_value(context)
    torch.testing.assert_close(output, F.scaled_dot_product_attention(q, k, v))
