"""Laws of lesson 9: against torch's own decoder layer, by perturbation, and of its rules."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from grader.protocol.calls import DirectCalls
from grader.protocol.values import Verdict
from grader.rules.evaluate import evaluate
from grader.rules.rule import Finding, rule_named
from solutions.masking import padding_mask
from solutions.sequence_to_sequence import (
    DecoderBlock,
    beam_search,
    greedy_decode,
    induction_head,
    sequence_accuracy,
    shift_right,
)
from solutions.sequence_to_sequence.checks import EXERCISES, block_reference, blocks_reference
from solutions.sequence_to_sequence.public.steps import ScriptedPair

GENERATOR = torch.Generator().manual_seed(9)
BOS, EOS = 1, 2


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=GENERATOR, dtype=torch.float64)


def shaken(block: DecoderBlock) -> DecoderBlock:
    """The block in float64, with no parameter at the value that it starts with."""
    block = block.double()
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.add_(0.3 * draw(*parameter.shape))
    return block


def library_layer(block: DecoderBlock, d: int, d_ff: int) -> nn.TransformerDecoderLayer:
    """torch's layer with the weights of ours."""
    layer = nn.TransformerDecoderLayer(
        d,
        block.self_attention.num_heads,
        d_ff,
        dropout=0.0,
        activation="gelu",
        batch_first=True,
        norm_first=True,
    ).double()
    pairs = ((layer.self_attn, block.self_attention), (layer.multihead_attn, block.cross_attention))
    with torch.no_grad():
        for theirs, ours in pairs:
            maps = (ours.W_query, ours.W_key, ours.W_value)
            theirs.in_proj_weight.copy_(torch.cat([linear.weight for linear in maps]))
            theirs.in_proj_bias.zero_()
            theirs.out_proj.weight.copy_(ours.W_output.weight)
            theirs.out_proj.bias.zero_()
    layer.norm1, layer.norm2, layer.norm3 = block.norm1, block.norm2, block.norm3
    layer.linear1, layer.linear2 = block.feed_forward.up, block.feed_forward.down
    return layer.eval()


@pytest.mark.parametrize("heads", [1, 2, 3, 6])
@pytest.mark.parametrize("padded", [False, True])
def test_the_block_is_torchs_decoder_layer_when_given_its_weights(heads: int, padded: bool) -> None:
    block, x, memory = shaken(DecoderBlock(12, heads, 20)), draw(3, 5, 12), draw(3, 4, 12)
    lengths = torch.tensor([4, 2, 1])
    causal = torch.full((5, 5), -math.inf, dtype=torch.float64).triu(1)
    padding = torch.arange(4) >= lengths[:, None] if padded else None
    expected = library_layer(block, 12, 20)(
        x, memory, tgt_mask=causal, memory_key_padding_mask=padding
    )
    mask = padding_mask(lengths, 4).unsqueeze(1) if padded else None
    torch.testing.assert_close(block(x, memory, mask), expected)


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_the_specifications_reference_is_torchs_layer_too(heads: int) -> None:
    """The loops that answers are judged by agree with code that nobody here wrote."""
    block, x, memory = shaken(DecoderBlock(8, heads, 5)), draw(2, 3, 8), draw(2, 4, 8)
    mask = padding_mask(torch.tensor([4, 2]), 4).unsqueeze(1)
    weights = {name: p.detach().numpy() for name, p in block.named_parameters()}
    mine = block_reference(heads, weights, x.numpy(), memory.numpy(), mask.numpy())
    causal = torch.full((3, 3), -math.inf, dtype=torch.float64).triu(1)
    theirs = library_layer(block, 8, 5)(
        x, memory, tgt_mask=causal, memory_key_padding_mask=mask[:, 0, 0].isinf()
    )
    np.testing.assert_allclose(mine, theirs.detach().numpy(), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_the_reference_for_many_variants_gives_each_what_the_one_for_one_gives(heads: int) -> None:
    rng = np.random.Generator(np.random.PCG64(heads))
    block = shaken(DecoderBlock(4, heads, 5).double())
    weights = {name: w.detach().numpy() for name, w in block.named_parameters()}
    variants = {
        name: w + 0.1 * rng.normal(size=(3 if "bias" in name else 1, *w.shape))
        for name, w in weights.items()
    }
    x, memory = rng.normal(size=(3, 2, 3, 4)), rng.normal(size=(1, 2, 2, 4))
    mask = np.array([[[[0.0, -math.inf]]], [[[-math.inf, -math.inf]]]])
    found = blocks_reference(heads, variants, x, memory, mask)
    for place in range(3):
        own = {name: v[place % len(v)] for name, v in variants.items()}
        due = block_reference(heads, own, x[place], memory[0], mask)
        assert np.allclose(found[place], due, rtol=1e-12, atol=1e-12)


def test_a_later_target_moves_nothing_and_every_source_token_moves_everything() -> None:
    block, x, memory = shaken(DecoderBlock(8, 2, 16)), draw(1, 5, 8), draw(1, 4, 8)
    before = block(x, memory)
    for t in range(5):
        changed = x.clone()
        changed[:, t] += draw(8)
        after = block(changed, memory)
        assert torch.equal(after[:, :t], before[:, :t])
        assert not torch.allclose(after[:, t], before[:, t])
    for s in range(4):
        changed = memory.clone()
        changed[:, s] += draw(8)
        moved = (block(x, changed) - before).abs().amax(dim=-1)
        assert (moved > 1e-9).all()


def test_the_memory_has_no_order_of_its_own() -> None:
    block, x, memory = shaken(DecoderBlock(8, 2, 16)), draw(2, 3, 8), draw(2, 5, 8)
    turned = memory[:, torch.tensor([3, 0, 4, 1, 2])]
    torch.testing.assert_close(block(x, turned), block(x, memory))


def test_a_memory_of_nothing_but_padding_is_as_good_as_no_cross_attention() -> None:
    block, x = shaken(DecoderBlock(8, 2, 16)), draw(2, 3, 8)
    nothing = padding_mask(torch.tensor([0, 0]), 4).unsqueeze(1)
    result = block(x, draw(2, 4, 8), nothing)
    with torch.no_grad():
        block.cross_attention.W_output.weight.zero_()
    torch.testing.assert_close(result, block(x, draw(2, 4, 8)))


def test_shifting_is_undone_by_reading_the_next_place() -> None:
    targets = torch.randint(3, 50, (4, 7), generator=GENERATOR)
    shifted = shift_right(targets, BOS)
    assert (shifted[:, 0] == BOS).all()
    assert torch.equal(shifted[:, 1:], targets[:, :-1])


def scripted(source_size: int = 20, tokens: int = 9) -> ScriptedPair:
    model = ScriptedPair(source_size, tokens, 12)
    with torch.no_grad():
        for table in model.parameters():
            table.copy_(torch.randn(table.shape, generator=GENERATOR))
    return model


def test_what_is_decoded_is_what_the_model_would_say_to_it() -> None:
    """Reading its own answer back, the model's likeliest tokens are that answer, up to eos."""
    model, source = scripted(), torch.randint(20, (30, 4), generator=GENERATOR)
    written = greedy_decode(model, source, BOS, EOS, 10)
    likeliest = model(source, shift_right(written, BOS)).argmax(dim=-1)
    ended = ((written == EOS).long().cumsum(dim=1) - (written == EOS).long()) > 0
    assert ended.any() and not ended.all()
    assert torch.equal(written[~ended], likeliest[~ended])
    assert (written[ended] == EOS).all()


def test_a_row_does_not_depend_on_its_neighbours() -> None:
    model, source = scripted(), torch.randint(20, (12, 4), generator=GENERATOR)
    together = greedy_decode(model, source, BOS, EOS, 10)
    for b in range(12):
        alone = greedy_decode(model, source[b : b + 1], BOS, EOS, 10)
        assert torch.equal(together[b : b + 1, : alone.shape[1]], alone)
        assert (together[b, alone.shape[1] :] == EOS).all()
    widths = [greedy_decode(model, row[None], BOS, EOS, 10).shape[1] for row in source]
    assert together.shape[1] == max(widths)


def test_the_scripted_model_is_causal() -> None:
    model, source = scripted(), torch.randint(20, (2, 4), generator=GENERATOR)
    target = torch.randint(9, (2, 6), generator=GENERATOR)
    whole = model(source, target)
    for t in range(1, 7):
        assert torch.equal(model(source, target[:, :t]), whole[:, :t])


def test_accuracy_is_one_exactly_when_nothing_that_counts_differs() -> None:
    expected = torch.randint(1, 6, (40, 5), generator=GENERATOR)
    expected[torch.rand(40, 5, generator=GENERATOR) < 0.3] = 0
    predicted = torch.where(expected == 0, 5, expected)
    assert sequence_accuracy(predicted, expected, 0) == 1.0
    real = expected.nonzero()
    spoiled = predicted.clone()
    for count, (row, column) in enumerate({int(r): int(c) for r, c in real}.items(), start=1):
        spoiled[row, column] += 1
        assert sequence_accuracy(spoiled, expected, 0) == pytest.approx(1 - count / 40)


# --- the rule about induction heads -------------------------------------------------------------


def judged(answer: object) -> Verdict:
    exercise = next(one for one in EXERCISES if one.id == "induction_head")
    suite = exercise.suite(b"rules")
    replies = DirectCalls({"induction_head": answer}).ask(p.ask for p in suite.cases)
    return evaluate(suite, replies, dict)


def spoken(head: dict, x: torch.Tensor) -> torch.Tensor:
    """A head of one's own: torch's attention with the matrices as they come."""
    query, key, value = (
        (x @ head[name].double().T)[None] for name in ("W_query", "W_key", "W_value")
    )
    return nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)[0]


@pytest.mark.parametrize(("tokens", "positions"), [(3, 5), (7, 20), (2, 40)])
def test_the_heads_continue_patterns_in_torchs_own_attention(tokens: int, positions: int) -> None:
    first, second = induction_head(tokens, positions)
    for _ in range(10):
        x = torch.randint(tokens, (positions,), generator=GENERATOR)
        stream = torch.cat([torch.eye(tokens)[x], torch.eye(positions)], dim=1).double()
        stream = torch.cat([stream, spoken(first, stream)], dim=1)
        says = spoken(second, stream)
        for t in range(positions):
            before = [s for s in range(t) if x[s] == x[t]]
            if before:
                want = torch.eye(tokens, dtype=torch.float64)[x[before[-1] + 1]]
                torch.testing.assert_close(says[t], want, atol=0.05, rtol=0)


@pytest.mark.parametrize("factor", [1.0, 10.0, 1e6, 1e60])
def test_heads_may_be_as_sharp_as_they_like(factor: float) -> None:
    def answer(vocab_size: int, max_len: int) -> tuple:
        pair = induction_head(vocab_size, max_len)
        return tuple(head | {"W_key": head["W_key"].double() * factor} for head in pair)

    assert judged(answer).passed


def spoiled(which: int, **changes: object) -> Verdict:
    """The verdict on the course's heads with some matrices of one replaced (None: removed)."""

    def answer(vocab_size: int, max_len: int) -> tuple:
        pair = list(induction_head(vocab_size, max_len))
        head = {**pair[which], **changes}
        pair[which] = {name: matrix for name, matrix in head.items() if matrix is not None}
        return tuple(pair)

    return judged(answer)


@pytest.mark.parametrize(
    ("which", "changes", "said"),
    [
        (0, {"W_query": None}, "first has no 'W_query'"),
        (1, {"W_value": [[1.0]]}, "second['W_value'] is a list of 1, expected a tensor"),
        (0, {"W_key": torch.zeros(4, 5)}, "the queries have width 3 and the keys width 4"),
        (0, {"W_value": torch.zeros(3)}, "first['W_value'] has shape (3,), expected (m, 5)"),
        (1, {"W_key": torch.zeros(3, 5)}, "second['W_key'] has shape (3, 5), expected (w, 7)"),
        (1, {"W_value": torch.zeros(9, 7)}, "second['W_value'] has 9 rows, expected 2"),
        (1, {"W_query": torch.full((3, 7), math.nan)}, "has an entry that is inf or nan"),
    ],
)
def test_matrices_that_do_not_fit_are_named(which: int, changes: dict, said: str) -> None:
    verdict = spoiled(which, **changes)
    assert verdict.score == 0
    assert said in verdict.checks[0].message


@pytest.mark.parametrize("answer", [None, 3, (), ({},), ({}, {}, {}), [None, None], {"W_query": 1}])
def test_whatever_comes_is_judged_and_not_raised_at(answer: object) -> None:
    verdict = judged(lambda vocab_size, max_len: answer)
    assert verdict.score == 0 and verdict.attempted


def names(answer: Callable[[int, int], tuple]) -> set[str]:
    """The mistakes that the rule itself recognizes in an answer."""
    exercise = next(one for one in EXERCISES if one.id == "induction_head")
    found = set()
    for check in exercise.suite(b"rules").checks:
        replies = DirectCalls({"induction_head": answer}).ask(case.ask for case in check.cases)
        finding = rule_named(check.rule)(check, replies)
        found |= {finding.names} if isinstance(finding, Finding) else set()
    return found


def without_a_row(vocab_size: int, max_len: int) -> tuple:
    first, second = induction_head(vocab_size, max_len)
    second["W_query"][vocab_size - 1, :vocab_size] = 0.0
    return first, second


def other_values(vocab_size: int, max_len: int) -> tuple:
    first, second = induction_head(vocab_size, max_len)
    return first, second | {"W_value": second["W_value"].flip(0)}


def the_place_before(vocab_size: int, max_len: int) -> tuple:
    first, second = induction_head(vocab_size, max_len)
    wide = {name: F.pad(first[name], (0, vocab_size)) for name in ("W_query", "W_key")}
    return first, second | wide


def itself_and_what_came_before(vocab_size: int, max_len: int) -> tuple:
    first, second = induction_head(vocab_size, max_len)
    for name in ("W_key", "W_value"):
        token, before = slice(0, vocab_size), slice(vocab_size + max_len, None)
        moved = second[name].clone()
        moved[:, token], moved[:, before] = second[name][:, before], second[name][:, token]
        second[name] = moved
    return first, second


def nothing_found_first(vocab_size: int, max_len: int) -> tuple:
    first, second = induction_head(vocab_size, max_len)
    return first | {"W_value": torch.zeros_like(first["W_value"])}, second


def matches_avoided(vocab_size: int, max_len: int) -> tuple:
    first, second = induction_head(vocab_size, max_len)
    second["W_query"][:-1] *= -1
    return first, second


@pytest.mark.parametrize(
    "answer",
    [
        without_a_row,
        other_values,
        the_place_before,
        itself_and_what_came_before,
        nothing_found_first,
        matches_avoided,
    ],
)
def test_heads_that_only_look_like_a_known_mistake_get_no_name(answer: Callable) -> None:
    assert names(answer) == {""}


def test_scores_that_overflow_are_said_to() -> None:
    def answer(vocab_size: int, max_len: int) -> tuple:
        pair = induction_head(vocab_size, max_len)
        return tuple({k: v.double() * 1e200 for k, v in head.items()} for head in pair)

    assert "overflow" in judged(answer).checks[1].message


def pair(seed: int, tokens: int = 4) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """A model of random tables: what follows depends on the last two tokens and on the place."""
    draws = torch.Generator().manual_seed(seed)
    table = 1.5 * torch.randn(8, tokens, tokens, tokens, generator=draws, dtype=torch.float64)

    def model(source: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
        before = F.pad(given[:, :-1], (1, 0))
        return table[torch.arange(given.shape[1]), before, given]

    return model


SOURCE = torch.zeros(1, 1, dtype=torch.long)


def every_text(model: Callable, bos: int, eos: int, most: int) -> dict[tuple[int, ...], float]:
    """All texts that may be written, with the sum of their log-probabilities."""
    found = {}
    for length in range(1, most + 1):
        for text in itertools.product(range(4), repeat=length):
            if eos in text[:-1] or (length < most and text[-1] != eos):
                continue
            rows = model(SOURCE, torch.tensor([[bos, *text[:-1]]]))[0].log_softmax(-1)
            found[text] = math.fsum(float(rows[t, token]) for t, token in enumerate(text))
    return found


@pytest.mark.parametrize("seed", range(6))
def test_beam_search_with_room_for_all_finds_the_likeliest_of_all_texts(seed: int) -> None:
    model = pair(seed)
    texts = every_text(model, 0, 1, 4)
    best = max(texts, key=lambda text: texts[text])
    tokens, total = beam_search(model, SOURCE, 0, 1, 4, 4**4)
    assert tuple(tokens.tolist()) == best
    assert math.isclose(total, texts[best], rel_tol=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_beam_search_with_one_beam_is_greedy_and_its_sum_is_that_of_its_text(seed: int) -> None:
    model = pair(seed)
    tokens, total = beam_search(model, SOURCE, 0, 1, 5, 1)
    assert tokens.tolist() == greedy_decode(model, SOURCE, 0, 1, 5)[0].tolist()
    assert math.isclose(total, every_text(model, 0, 1, 5)[tuple(tokens.tolist())], rel_tol=1e-6)
