"""Laws of lesson 4, against torch's own layer, by perturbation, and of its rules."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from grader.course.exercises import exercises
from grader.protocol.calls import DirectCalls
from grader.protocol.values import Verdict
from grader.rules.evaluate import evaluate
from solutions.multi_head_attention import (
    MultiHeadAttention,
    attention_cost,
    merge_heads,
    previous_token_head,
    split_heads,
)
from solutions.multi_head_attention.checks import MAPS, layer_reference

GENERATOR = torch.Generator().manual_seed(5)
HIDDEN = -math.inf


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=GENERATOR, dtype=torch.float64)


def library_layer(layer: MultiHeadAttention, d_model: int) -> nn.MultiheadAttention:
    """torch's layer with the weights of ours."""
    other = nn.MultiheadAttention(d_model, layer.num_heads, bias=False, batch_first=True).double()
    stacked = [layer.W_query.weight, layer.W_key.weight, layer.W_value.weight]
    with torch.no_grad():
        other.in_proj_weight.copy_(torch.cat(stacked))
        other.out_proj.weight.copy_(layer.W_output.weight)
    return other


@pytest.mark.parametrize("heads", [1, 2, 3, 6, 12])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("crossed", [False, True])
def test_it_is_torchs_layer_when_given_its_weights(heads: int, masked: bool, crossed: bool) -> None:
    layer = MultiHeadAttention(12, heads).double()
    x, context = draw(3, 4, 12), draw(3, 5, 12) if crossed else None
    asked = x if context is None else context
    mask = draw(3, heads, 4, asked.shape[1]) if masked else None
    if mask is not None:
        mask[..., 1] = HIDDEN
    library = library_layer(layer, 12)
    flat = None if mask is None else mask.flatten(0, 1)
    expected = library(x, asked, asked, attn_mask=flat, average_attn_weights=False)
    output, weights = layer(x, context, mask)
    torch.testing.assert_close(output, expected[0])
    torch.testing.assert_close(weights, expected[1])


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_the_specifications_reference_is_torchs_layer_too(heads: int) -> None:
    """The loops that answers are judged by agree with code that nobody here wrote."""
    layer = MultiHeadAttention(8, heads).double()
    x, context, mask = draw(2, 3, 8), draw(2, 5, 8), draw(2, heads, 3, 5)
    mask[0, :, :, 2] = HIDDEN
    weights = {path: layer.get_parameter(path).detach().numpy() for path in MAPS}
    mine = layer_reference(heads, weights, x.numpy(), context.numpy(), mask.numpy())
    library = library_layer(layer, 8)
    flat = mask.flatten(0, 1)
    theirs = library(x, context, context, attn_mask=flat, average_attn_weights=False)
    for one, other in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(one, other.detach().numpy(), rtol=1e-10, atol=1e-12)


def test_each_head_is_torchs_attention_on_its_own_features() -> None:
    layer = MultiHeadAttention(12, 3).double()
    layer.W_output.weight = nn.Parameter(torch.eye(12, dtype=torch.float64))
    x, mask = draw(2, 5, 12), torch.full((5, 5), HIDDEN, dtype=torch.float64).triu(1)
    output, _ = layer(x, mask=mask)
    for h in range(3):
        own = slice(4 * h, 4 * h + 4)
        parts = (linear(x)[..., own] for linear in (layer.W_query, layer.W_key, layer.W_value))
        expected = F.scaled_dot_product_attention(*parts, attn_mask=mask)
        torch.testing.assert_close(output[..., own], expected)


@pytest.mark.parametrize("batch", [(), (2,), (2, 3), (2, 1, 3)])
@pytest.mark.parametrize("heads", [1, 2, 6])
def test_merging_undoes_splitting(batch: tuple[int, ...], heads: int) -> None:
    x = draw(*batch, 5, 6)
    split = split_heads(x, heads)
    assert split.shape == (*batch, heads, 5, 6 // heads)
    assert torch.equal(merge_heads(split), x)
    assert torch.autograd.gradcheck(lambda t: split_heads(t, heads), x.requires_grad_())


def test_a_width_that_cannot_be_shared_is_refused_with_both_numbers() -> None:
    with pytest.raises(ValueError, match=r"4.*10|10.*4"):
        split_heads(draw(3, 10), 4)


def test_heads_do_not_depend_on_each_other() -> None:
    """Changing head 1's part of W_query moves head 1's weights and no other's."""
    layer = MultiHeadAttention(12, 3).double()
    x = draw(2, 5, 12)
    _, before = layer(x)
    with torch.no_grad():
        layer.W_query.weight[4:8] += 1
    _, after = layer(x)
    assert torch.equal(before[:, [0, 2]], after[:, [0, 2]])
    assert not torch.allclose(before[:, 1], after[:, 1])


def test_a_changed_future_token_changes_nothing_before_it() -> None:
    layer, mask = MultiHeadAttention(8, 4).double(), torch.full((6, 6), HIDDEN).triu(1)
    x = draw(2, 6, 8)
    before, _ = layer(x, mask=mask)
    for t in range(6):
        changed = x.clone()
        changed[:, t] += 100
        after, _ = layer(changed, mask=mask)
        assert torch.equal(after[:, :t], before[:, :t])
        assert not torch.allclose(after[:, t], before[:, t])


def test_nothing_to_look_at_gives_zeros_and_finite_gradients() -> None:
    layer = MultiHeadAttention(4, 2).double()
    x, mask = draw(2, 3, 4).requires_grad_(), torch.zeros(2, 1, 1, 3)
    mask[1] = HIDDEN
    output, weights = layer(x, mask=mask)
    assert (output[1] == 0).all() and (weights[1] == 0).all()
    (output.sum() + weights.square().sum()).backward()
    assert all(torch.isfinite(p.grad).all() for p in (x, *layer.parameters()))


@pytest.mark.parametrize(("n", "d", "heads"), [(1, 1, 1), (5, 8, 2), (7, 12, 12), (9, 6, 3)])
def test_the_cost_is_what_torch_counts(n: int, d: int, heads: int) -> None:
    layer = MultiHeadAttention(d, heads)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        layer(torch.zeros(1, n, d))
    held = sum(parameter.numel() for parameter in layer.parameters())
    assert attention_cost(n, d, heads) == (held, counter.get_total_flops() // 2)


def judged(**changes: torch.Tensor | np.ndarray | None) -> Verdict:
    """The verdict on the course's head with some matrices replaced (None: removed)."""

    def answer(vocab_size: int, max_len: int) -> dict:
        head = {**previous_token_head(vocab_size, max_len), **changes}
        return {name: matrix for name, matrix in head.items() if matrix is not None}

    exercise = {e.id: e for e in exercises("multi_head_attention")}["previous_token_head"]
    suite = exercise.suite(b"rules")
    replies = DirectCalls({"previous_token_head": answer}).ask(p.ask for p in suite.cases)
    return evaluate(suite, replies, dict)


@pytest.mark.parametrize("factor", [1.0, 3.0, 1e3, 1e9, 1e100])
def test_a_head_may_be_as_sharp_as_it_likes(factor: float) -> None:
    def answer(vocab_size: int, max_len: int) -> dict:
        head = {k: v.double() for k, v in previous_token_head(vocab_size, max_len).items()}
        return head | {"W_key": head["W_key"] * factor}

    exercise = {e.id: e for e in exercises("multi_head_attention")}["previous_token_head"]
    suite = exercise.suite(b"rules")
    replies = DirectCalls({"previous_token_head": answer}).ask(p.ask for p in suite.cases)
    assert evaluate(suite, replies, dict).passed


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"W_query": None}, "no 'W_query'"),
        ({"W_value": [[1.0]]}, "W_value is a list of 1, expected a tensor"),
        ({"W_value": torch.zeros(3)}, "W_value has shape (3,), expected (2, 5)"),
        ({"W_key": torch.zeros(3, 4)}, "W_key has shape (3, 4), expected (w, 5)"),
        ({"W_key": torch.zeros(7, 5)}, "queries of width 3 and W_key keys of width 7"),
        ({"W_key": torch.full((3, 5), math.nan)}, "W_key has an entry that is inf or nan"),
        ({"W_value": torch.zeros(9, 5)}, "W_value has 9 rows, expected 2"),
        ({"W_query": nn.Linear(5, 3)}, "W_query is an object of type Linear"),
    ],
)
def test_matrices_that_do_not_fit_are_named(changes: dict, said: str) -> None:
    verdict = judged(**changes)
    assert verdict.score == 0
    assert said in verdict.checks[0].message


def test_scores_that_overflow_are_said_to() -> None:
    exercise = {e.id: e for e in exercises("multi_head_attention")}["previous_token_head"]
    suite = exercise.suite(b"rules")

    def answer(vocab_size: int, max_len: int) -> dict:
        head = {k: v.double() for k, v in previous_token_head(vocab_size, max_len).items()}
        return {k: v * 1e200 for k, v in head.items()}

    replies = DirectCalls({"previous_token_head": answer}).ask(p.ask for p in suite.cases)
    verdict = evaluate(suite, replies, dict)
    assert "overflow" in verdict.checks[1].message
