"""Laws of lesson 10: against torch's own layers, and by what each change is to leave as it was."""

from __future__ import annotations

import math
import shutil
import sys
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from grader.course.layout import notebook_path
from solutions.attention_today import (
    GroupedQueryAttention,
    ModernBlock,
    SwiGLU,
    interleave_rows,
    interpolate_positions,
    kv_cache_bytes,
    rms_norm,
    rotary_base,
    streaming_attention,
    window_mask,
)
from solutions.attention_today import elsewhere as making
from solutions.attention_today.checks import (
    grouped_reference,
    modern_reference,
    rms_reference,
    stream_reference,
    swiglu_reference,
)
from solutions.attention_today.elsewhere import (
    CELL,
    D_FF,
    HEADS,
    KV_HEADS,
    LAYERS,
    LESSON,
    D,
    Elsewhere,
    corpus,
    half_split,
    packed,
    unpacked,
)
from solutions.attention_today.public.steps import largest_product, watched
from solutions.masking import causal_mask
from solutions.multi_head_attention import MultiHeadAttention, split_heads
from solutions.positional_encoding import rotary_encoding

GENERATOR = torch.Generator().manual_seed(10)
HIDDEN = -math.inf


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=GENERATOR, dtype=torch.float64)


def trained(layer: nn.Module) -> nn.Module:
    """The layer in float64 with no weight at its initial value."""
    layer = layer.double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(draw(*parameter.shape) / math.sqrt(parameter.shape[-1]))
    return layer


def arrays(layer: nn.Module) -> dict[str, np.ndarray]:
    return {name: weight.detach().numpy() for name, weight in layer.named_parameters()}


# --- RMSNorm ------------------------------------------------------------------------------------


@pytest.mark.parametrize("eps", [1e-6, 0.5])
def test_rms_norm_is_torchs(eps: float) -> None:
    x = draw(3, 4, 8)
    layer = trained(nn.RMSNorm(8, eps=eps))
    assert torch.allclose(rms_norm(x, layer.weight, eps), layer(x), atol=1e-12)
    reference = rms_reference(x.numpy(), arrays(layer)["weight"], eps)
    np.testing.assert_allclose(reference, layer(x).detach(), atol=1e-12)


def test_rms_norm_forgets_a_factor_and_no_shift() -> None:
    x, gain = draw(5, 6), draw(6)
    assert torch.allclose(rms_norm(7 * x, gain, 0.0), rms_norm(x, gain, 0.0))
    assert not torch.allclose(rms_norm(x + 7, gain, 0.0), rms_norm(x, gain, 0.0))


def test_rms_norm_of_a_centered_vector_is_its_layer_norm() -> None:
    x = draw(5, 6)
    x = x - x.mean(dim=-1, keepdim=True)
    expected = F.layer_norm(x, (6,), eps=1e-6)
    assert torch.allclose(rms_norm(x, torch.ones(6, dtype=x.dtype)), expected)


# --- SwiGLU -------------------------------------------------------------------------------------


def test_swiglu_is_a_composition_of_torchs_own() -> None:
    layer, x = trained(SwiGLU(5, 7)), draw(2, 3, 5)
    opened = nn.SiLU()(F.linear(x, layer.gate.weight))
    expected = F.linear(opened * F.linear(x, layer.up.weight), layer.down.weight)
    assert torch.allclose(layer(x), expected, atol=1e-12)
    np.testing.assert_allclose(swiglu_reference(arrays(layer), x.numpy()), expected.detach())


def test_a_shut_gate_lets_nothing_through() -> None:
    layer, x = trained(SwiGLU(4, 6)), torch.ones(1, 4, dtype=torch.float64)
    with torch.no_grad():
        layer.gate.weight.fill_(-100.0)
    assert layer(x).abs().max() < 1e-12


# --- grouped-query attention --------------------------------------------------------------------


def test_with_all_heads_and_nothing_turned_it_is_lesson_4s_layer() -> None:
    old = trained(MultiHeadAttention(12, 3))
    new = GroupedQueryAttention(12, 3, 3).double()
    new.load_state_dict(old.state_dict())
    x, mask = draw(2, 5, 12), causal_mask(5)
    for got, expected in zip(new(x, mask, torch.zeros(5)), old(x, mask=mask), strict=True):
        assert torch.allclose(got, expected, atol=1e-12)


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
def test_grouped_queries_are_torchs(kv_heads: int) -> None:
    layer, x = trained(GroupedQueryAttention(16, 4, kv_heads)), draw(2, 6, 16)
    parts = [
        linear(x).unflatten(-1, (heads, 4)).transpose(1, 2)
        for linear, heads in (
            (layer.W_query, 4),
            (layer.W_key, kv_heads),
            (layer.W_value, kv_heads),
        )
    ]
    query, key = rotary_encoding(parts[0]), rotary_encoding(parts[1])
    found = F.scaled_dot_product_attention(
        query, key, parts[2], attn_mask=causal_mask(6).double(), enable_gqa=True
    )
    expected = layer.W_output(found.transpose(1, 2).flatten(2))
    assert torch.allclose(layer(x, causal_mask(6))[0], expected, atol=1e-10)
    mask = causal_mask(6).numpy().astype(float)
    reference = grouped_reference(4, kv_heads, 10000.0, arrays(layer), x.numpy(), mask)[0]
    np.testing.assert_allclose(reference, expected.detach(), atol=1e-10)


def test_only_offsets_of_positions_count() -> None:
    layer, x = trained(GroupedQueryAttention(16, 4, 2)), draw(1, 5, 16)
    places = torch.tensor([0.0, 1.5, 2.0, 7.25, 3.0])
    apart = layer(x, None, places)[0] - layer(x, None, places + 4.5)[0]
    assert apart.abs().max() < 1e-5  # positions come in float32


@pytest.mark.parametrize("sizes", [(8, 4, 3), (10, 4, 2), (6, 2, 1), (12, 6, 4)])
def test_sizes_that_do_not_fit_are_refused(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"heads|width"):
        GroupedQueryAttention(*sizes)


# --- the cache ----------------------------------------------------------------------------------


def test_the_cache_is_as_large_as_the_tensors_that_it_counts() -> None:
    layers, heads, width, tokens = 3, 2, 8, 11
    kept = [torch.zeros(heads, tokens, width, dtype=torch.bfloat16) for _ in range(2 * layers)]
    expected = sum(one.element_size() * one.numel() for one in kept)
    assert kv_cache_bytes(layers, heads, width, tokens) == expected


# --- windows ------------------------------------------------------------------------------------


def test_a_window_of_all_is_the_causal_mask() -> None:
    for window in (6, 7, 100):
        assert torch.equal(window_mask(6, window), causal_mask(6))


def test_sinks_that_reach_everywhere_are_the_causal_mask() -> None:
    assert torch.equal(window_mask(6, 1, 6), causal_mask(6))


@pytest.mark.parametrize("sinks", [0, 1, 3])
def test_a_row_sees_its_window_and_the_sinks_before_it(sinks: int) -> None:
    mask = window_mask(12, 4, sinks)
    for i in range(12):
        seen = {j for j in range(12) if mask[i, j] == 0}
        assert seen == set(range(max(0, i - 3), i + 1)) | set(range(min(sinks, i + 1)))
    assert set(mask.unique().tolist()) == {0.0, HIDDEN}


# --- attention, block by block ------------------------------------------------------------------


@pytest.mark.parametrize("block", [1, 2, 3, 7, 8, 100])
def test_streaming_attention_is_torchs_whatever_the_block(block: int) -> None:
    query, key, value = draw(2, 3, 4, 6), draw(2, 3, 7, 6), draw(2, 3, 7, 5)
    expected = F.scaled_dot_product_attention(query, key, value)
    got = streaming_attention(query, key, value, block)
    assert torch.allclose(got, expected, atol=1e-12)
    reference = stream_reference(query.numpy(), key.numpy(), value.numpy(), block)
    np.testing.assert_allclose(reference, expected, atol=1e-12)


@pytest.mark.parametrize(
    "scores",
    [
        lambda query, key: query @ key.mT,
        lambda query, key: key @ query.mT,
        lambda query, key: torch.einsum("id,jd->ij", query, key),
        lambda query, key: torch.cat([query @ part.mT for part in key[None].split(7, dim=1)], -1),
        lambda query, key: (2 * key).split(7)[0] @ query.mT,
    ],
)
def test_a_watched_tensor_notes_its_largest_product(scores: Any) -> None:
    query, key = draw(4, 3), watched(draw(7, 3))
    found = scores(query, key)
    assert largest_product(key, 5) == 28 and largest_product(key, 30) == 30
    assert largest_product(watched(draw(7, 3)), 5) == 5
    plain = scores(query, key.as_subclass(torch.Tensor))
    assert torch.equal(found.as_subclass(torch.Tensor), plain)


def test_its_gradients_are_those_of_all_scores_at_once() -> None:
    inputs = [draw(3, 4).requires_grad_(), draw(9, 4).requires_grad_(), draw(9, 2).requires_grad_()]
    cotangent = draw(3, 2)
    pairs = [
        torch.autograd.grad((made * cotangent).sum(), inputs)
        for made in (streaming_attention(*inputs, 4), F.scaled_dot_product_attention(*inputs))
    ]
    for got, expected in zip(*pairs, strict=True):
        assert torch.allclose(got, expected, atol=1e-12)


# --- longer texts -------------------------------------------------------------------------------


@pytest.mark.parametrize(("factor", "d"), [(2.0, 4), (4.0, 16), (8.0, 128)])
def test_the_slowest_pair_turns_slower_by_the_factor_and_the_fastest_as_before(factor, d) -> None:
    def frequencies(base: float) -> torch.Tensor:
        return base ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)

    slower = frequencies(10000.0) / frequencies(rotary_base(factor, d))
    assert slower[0] == pytest.approx(1.0)
    assert slower[-1] == pytest.approx(factor)
    assert bool((slower.diff() > 0).all())


@pytest.mark.parametrize(("n", "trained_on"), [(16, 4), (5, 4), (4, 4), (3, 4), (1, 1)])
def test_squeezed_positions_stay_where_training_was(n: int, trained_on: int) -> None:
    positions = interpolate_positions(n, trained_on)
    assert len(positions) == n and positions.is_floating_point()
    assert positions.min() >= 0 and positions.max() < max(trained_on, 1)
    gaps = positions.double().diff()
    assert torch.allclose(gaps, torch.full_like(gaps, min(1.0, trained_on / n)))


# --- another layout -----------------------------------------------------------------------------


def half_split_rotation(x: torch.Tensor) -> torch.Tensor:
    """Pairs (i, i + d/2), each as a complex number times one of length 1."""
    n, d = x.shape[-2:]
    frequency = 10000.0 ** (-torch.arange(0, d, 2, dtype=x.dtype) / d)
    turn = torch.polar(
        torch.ones(n, d // 2, dtype=x.dtype), torch.outer(torch.arange(n), frequency)
    )
    points = torch.complex(x[..., : d // 2], x[..., d // 2 :]) * turn
    return torch.cat([points.real, points.imag], dim=-1)


def test_converted_weights_give_the_scores_that_they_gave_before() -> None:
    x, query, key = draw(2, 7, 12), draw(24, 12), draw(12, 12)

    def heads(weight: torch.Tensor, count: int) -> torch.Tensor:
        return (x @ weight.T).unflatten(-1, (count, 6)).transpose(1, 2)

    def scores(turn, q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        keys = turn(heads(k, 2)).repeat_interleave(2, dim=1)
        return turn(heads(q, 4)) @ keys.transpose(-2, -1)

    before = scores(half_split_rotation, query, key)
    converted = interleave_rows(query, 4), interleave_rows(key, 2)
    assert torch.allclose(scores(rotary_encoding, *converted), before, atol=1e-10)
    assert not torch.allclose(scores(rotary_encoding, query, key), before, atol=0.1)
    wrong_count = interleave_rows(query, 4), interleave_rows(key, 4 // 2 // 2)
    assert not torch.allclose(scores(rotary_encoding, *wrong_count), before, atol=0.1)


# --- the block of today -------------------------------------------------------------------------


def test_the_block_is_a_composition_of_torchs_own() -> None:
    block, x = trained(ModernBlock(12, 3, 1, 10)), draw(2, 5, 12)
    normed = F.rms_norm(x, (12,), block.gain1, 1e-6)
    stream = x + block.attention(normed, causal_mask(5))[0]
    expected = stream + block.feed_forward(F.rms_norm(stream, (12,), block.gain2, 1e-6))
    assert torch.allclose(block(x, causal_mask(5)), expected, atol=1e-12)
    reference = modern_reference(3, 1, 10000.0, arrays(block), x.numpy(), causal_mask(5).numpy())
    np.testing.assert_allclose(reference, expected.detach(), atol=1e-10)


def test_under_a_causal_mask_a_later_token_changes_nothing_before_it() -> None:
    block, x = trained(ModernBlock(12, 3, 1, 10)), draw(1, 6, 12)
    other = x.clone()
    other[:, 4:] += 1.0
    apart = (block(x, causal_mask(6)) - block(other, causal_mask(6))).abs().amax(dim=(0, 2))
    assert apart[:4].max() < 1e-12 < apart[4]


# --- The checkpoint in the notebook ------------------------------------------------------------


@pytest.fixture(scope="module")
def given() -> dict[str, Any]:
    """The names that the notebook's cells around the checkpoint define."""
    cells = {cell.id: cell for cell in nbformat.read(notebook_path(LESSON), as_version=4).cells}
    names: dict[str, Any] = {"math": math, "torch": torch, "nn": nn, "F": F}
    for cell in (CELL, "74a44a17"):
        exec(cells[cell].source, names)
    return names


@pytest.fixture(scope="module")
def checkpoint(given: dict[str, Any]) -> dict[str, torch.Tensor]:
    return unpacked(given["CHECKPOINT"])


def elsewhere(weights: dict[str, torch.Tensor], vocab_size: int = 81) -> Elsewhere:
    model = Elsewhere(vocab_size)
    model.load_state_dict(weights)
    return model


def test_the_notebook_reads_the_checkpoint_and_has_the_model_of_the_command(
    given: dict[str, Any], checkpoint: dict[str, torch.Tensor]
) -> None:
    own = given["unpacked"](given["CHECKPOINT"])
    assert own.keys() == checkpoint.keys()
    assert all(torch.equal(own[name], weight) for name, weight in checkpoint.items())
    shown = given["Elsewhere"](81, D, HEADS, KV_HEADS, LAYERS, D_FF)
    shown.load_state_dict(checkpoint)
    tokens = torch.arange(40).reshape(2, 20)
    torch.testing.assert_close(shown(tokens), elsewhere(checkpoint)(tokens))


def test_the_checkpoint_has_learned_more_than_pairs_of_letters(
    checkpoint: dict[str, torch.Tensor],
) -> None:
    _, tokens = corpus()
    pairs = torch.ones(81, 81, dtype=torch.float64) * 0.01
    pairs.index_put_((tokens[:269_999], tokens[1:270_000]), torch.tensor(1.0).double(), True)
    x, y = tokens[270_000:282_800].reshape(200, 64), tokens[270_001:282_801].reshape(200, 64)
    of_pairs = -(pairs / pairs.sum(1, keepdim=True)).log()[x, y].mean().item()
    with torch.no_grad():
        loss = F.cross_entropy(elsewhere(checkpoint)(x).flatten(0, 1), y.flatten()).item()
    assert loss < of_pairs - 0.4


def test_interleaved_rows_keep_the_scores_of_the_checkpoint_and_the_rows_as_they_are_do_not(
    checkpoint: dict[str, torch.Tensor],
) -> None:
    x = draw(20, D)
    for layer in range(LAYERS):
        heads = {"wq": HEADS, "wk": KV_HEADS}
        weights = {name: checkpoint[f"layers.{layer}.{name}.weight"].double() for name in heads}

        def scores(turn, convert, weights=weights, heads=heads):
            query, key = (
                turn(split_heads(x @ convert(weights[name], count).T, count))
                for name, count in heads.items()
            )
            return query @ key.repeat_interleave(HEADS // KV_HEADS, 0).mT

        due = scores(half_split, lambda weight, _: weight)
        torch.testing.assert_close(
            scores(rotary_encoding, interleave_rows), due, rtol=1e-5, atol=1e-5
        )
        assert (scores(rotary_encoding, lambda weight, _: weight) - due).abs().max() > 1


def test_converted_it_writes_the_same_text_and_unconverted_nonsense(
    given: dict[str, Any], checkpoint: dict[str, torch.Tensor]
) -> None:
    cells = {cell.id: cell for cell in nbformat.read(notebook_path(LESSON), as_version=4).cells}
    names: dict[str, Any] = {"torch": torch, "nn": nn, "F": F, "math": math}
    names |= {"rms_norm": rms_norm, "ModernBlock": ModernBlock, "causal_mask": causal_mask}
    sizes = {"HEADS": HEADS, "LAYERS": LAYERS, "BLOCK": 64, "STEPS": 0}
    names |= given | sizes | {"CHARACTERS": [chr(one) for one in range(81)]}
    for cell in ("73e6efda", "74a44a17"):  # the model of today, and what loads it
        exec(cells[cell].source, names)
    _, tokens = corpus()
    prompt, x, y = tokens[270_000:270_064][None], tokens[280_000:281_280], tokens[280_001:281_281]
    x, y = x.reshape(20, 64), y.reshape(20, 64)

    def loss(model):
        with torch.no_grad():
            return F.cross_entropy(model(x).flatten(0, 1), y.flatten()).item()

    theirs = elsewhere(checkpoint)
    converted = names["loaded"](checkpoint, interleave_rows)
    as_it_is = names["loaded"](checkpoint, lambda weight, heads: weight)
    assert loss(converted) == pytest.approx(loss(theirs), abs=1e-4)
    assert loss(as_it_is) > loss(theirs) + 1.0
    written = [names["goes_on"](model, prompt) for model in (theirs, converted, as_it_is)]
    assert written[0] == written[1] != written[2]


def test_packing_moves_no_weight_by_more_than_half_a_step() -> None:
    weights = Elsewhere(81).state_dict()
    for name, weight in unpacked(packed(weights)).items():
        step = weights[name].abs().amax(dim=-1, keepdim=True) / 127
        assert weight.dtype == torch.float32
        assert ((weight - weights[name]).abs() <= 0.501 * step).all()


def test_the_command_writes_the_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "lesson.ipynb"
    shutil.copyfile(notebook_path(LESSON), copy)
    monkeypatch.setattr(making, "notebook_path", lambda lesson: copy)
    monkeypatch.setattr(sys, "argv", ["elsewhere", "--steps", "1"])
    making.main()
    old, new = (nbformat.read(path, as_version=4).cells for path in (notebook_path(LESSON), copy))
    assert [b.id for a, b in zip(old, new, strict=True) if a.source != b.source] == [CELL]
    (cell,) = [cell for cell in new if cell.id == CELL]
    names: dict[str, Any] = {}
    exec(cell.source, names)
    assert unpacked(names["CHECKPOINT"]).keys() == Elsewhere(81).state_dict().keys()
