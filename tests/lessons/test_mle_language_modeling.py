"""Laws of lesson 7: of logarithms, of likelihood, of entropy, and of descent."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from grader.protocol.calls import DirectCalls
from grader.protocol.values import Verdict
from grader.rules.evaluate import evaluate
from solutions.mle_language_modeling import (
    bigram_mle,
    bits_per_token,
    embed,
    entropy_rate,
    fit_bigram,
    negative_log_likelihood,
    one_hot,
    perplexity,
    sequence_log_prob,
)
from solutions.mle_language_modeling.checks import (
    EXERCISES,
    descent_reference,
    entropy_rate_reference,
    nll_reference,
    stationary_reference,
    top_share,
)

GENERATOR = torch.Generator().manual_seed(7)


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=GENERATOR, dtype=torch.float64)


def tokens(size: int, *shape: int) -> torch.Tensor:
    return torch.randint(size, shape, generator=GENERATOR)


def chain(states: int, spread: float = 1.0) -> torch.Tensor:
    return (spread * draw(states, states)).softmax(dim=-1)


def walk(table: torch.Tensor, length: int) -> torch.Tensor:
    text = [0]
    for _ in range(length - 1):
        text.append(int(torch.multinomial(table[text[-1]], 1, generator=GENERATOR)))
    return torch.tensor(text)


@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (2, 1, 3)])
def test_an_embedding_is_a_linear_map_of_one_hot_vectors(shape: tuple[int, ...]) -> None:
    ids, weight = tokens(5, *shape), draw(5, 3)
    rows = one_hot(ids, 5)
    assert torch.equal(rows.sum(-1), torch.ones(shape))
    assert torch.equal(rows.argmax(-1), ids)
    torch.testing.assert_close(embed(ids, weight), rows.double() @ weight)
    torch.testing.assert_close(embed(ids, weight), nn.Embedding.from_pretrained(weight)(ids))


def test_only_rows_that_are_used_learn_and_as_often_as_they_are_used() -> None:
    ids, weight = torch.tensor([0, 2, 0, 0]), draw(4, 2).requires_grad_()
    embed(ids, weight).sum().backward()
    assert weight.grad.tolist() == [[3.0, 3.0], [0.0, 0.0], [1.0, 1.0], [0.0, 0.0]]


def test_a_probability_may_be_too_small_for_any_number_and_its_logarithm_is_not() -> None:
    steps = torch.full((10_000,), 0.5, dtype=torch.float64)
    assert steps.prod() == 0
    torch.testing.assert_close(sequence_log_prob(steps).item(), -10_000 * math.log(2))


@pytest.mark.parametrize("length", [1, 2, 3])
def test_all_sequences_of_one_length_have_probability_one_together(length: int) -> None:
    """Whatever the conditionals are: here each step depends on the whole past."""
    table = {
        past: draw(3).softmax(-1)
        for n in range(length)
        for past in itertools.product(range(3), repeat=n)
    }
    total = 0.0
    for text in itertools.product(range(3), repeat=length):
        steps = torch.stack([table[text[:t]][text[t]] for t in range(length)])
        total += sequence_log_prob(steps).exp().item()
    assert total == pytest.approx(1)


@pytest.mark.parametrize("smoothing", [0.0, 0.5, 3.0])
def test_rows_of_a_bigram_table_are_distributions(smoothing: float) -> None:
    table = bigram_mle(tokens(4, 30), 6, smoothing)
    torch.testing.assert_close(table.sum(-1), torch.ones(6))
    torch.testing.assert_close(table[4:], torch.full((2, 6), 1 / 6))


def test_no_other_table_gives_the_text_a_higher_likelihood() -> None:
    text = walk(chain(4), 60)
    best = bigram_mle(text, 4)

    def loss(table: torch.Tensor) -> float:
        return -sequence_log_prob(table[text[:-1], text[1:]]).item()

    others = [(best + 0.01 * chain(4)) / 1.01 for _ in range(50)]
    assert all(loss(best) < loss(other) for other in others)


def test_much_smoothing_forgets_the_text() -> None:
    table = bigram_mle(tokens(3, 50), 3, 1e6)
    torch.testing.assert_close(table, torch.full((3, 3), 1 / 3), rtol=1e-3, atol=0)


@pytest.mark.parametrize("shape", [(), (5,), (2, 3), (2, 2, 3)])
@pytest.mark.parametrize("mark", [-100, 1])
def test_the_loss_is_torchs_cross_entropy(shape: tuple[int, ...], mark: int) -> None:
    logits, targets = draw(*shape, 4), tokens(4, *shape)
    targets = targets.where(targets != mark, 2)  # at least one place counts
    if shape:
        targets.view(-1)[0] = mark
    expected = F.cross_entropy(logits.reshape(-1, 4), targets.reshape(-1), ignore_index=mark)
    torch.testing.assert_close(negative_log_likelihood(logits, targets, mark), expected)
    reference = nll_reference(logits.numpy(), targets.numpy(), mark)
    np.testing.assert_allclose(reference, expected.item(), rtol=1e-12)


def test_where_nothing_counts_torch_says_nan_and_we_say_zero() -> None:
    logits, targets = draw(2, 3).requires_grad_(), torch.tensor([-100, -100])
    assert F.cross_entropy(logits, targets).isnan()
    loss = negative_log_likelihood(logits, targets)
    loss.backward()
    assert loss.item() == 0 and torch.equal(logits.grad, torch.zeros_like(logits))


def test_the_gradient_is_what_is_said_less_what_came() -> None:
    logits, targets = draw(3, 4).requires_grad_(), torch.tensor([1, 0, 3])
    negative_log_likelihood(logits, targets).backward()
    expected = (logits.softmax(-1) - one_hot(targets, 4)).detach() / 3
    torch.testing.assert_close(logits.grad, expected)
    assert torch.autograd.gradcheck(
        lambda x: negative_log_likelihood(x, targets), draw(3, 4).requires_grad_()
    )


def test_a_mean_of_unequal_means_is_not_the_mean() -> None:
    logits, targets = draw(2, 4, 3), tokens(3, 2, 4)
    targets[0, 1:] = -100
    parts = [negative_log_likelihood(x, y) for x, y in zip(logits, targets, strict=True)]
    together = negative_log_likelihood(logits, targets)
    torch.testing.assert_close(together, (1 * parts[0] + 4 * parts[1]) / 5)
    assert abs(together - sum(parts) / 2) > 1e-3


@pytest.mark.parametrize("size", [1, 2, 6, 1000])
def test_a_fair_die_has_as_many_sides_as_its_perplexity(size: int) -> None:
    nats = negative_log_likelihood(torch.zeros(1, size, dtype=torch.float64), torch.tensor([0]))
    assert perplexity(nats.item()) == pytest.approx(size)
    torch.testing.assert_close(perplexity(nats), torch.tensor(float(size), dtype=torch.float64))
    assert bits_per_token(nats.item()) == pytest.approx(math.log2(size))
    assert 2 ** bits_per_token(nats.item()) == pytest.approx(perplexity(nats.item()))


def test_conversions_let_gradients_through() -> None:
    nats = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(perplexity, nats)
    assert torch.autograd.gradcheck(bits_per_token, nats)


@pytest.mark.parametrize("states", [1, 2, 5, 30])
def test_the_entropy_rate_lies_between_nothing_and_the_entropy_of_the_states(states: int) -> None:
    table = chain(states, 2.0)
    rate = float(entropy_rate(table))
    shares = np.array(stationary_reference(table.numpy()))
    np.testing.assert_allclose(shares @ table.numpy(), shares, atol=1e-12)
    unigram = -(shares * np.log(shares)).sum()
    assert -1e-12 <= rate <= unigram + 1e-12 <= math.log(states) + 2e-12
    assert rate == pytest.approx(float(entropy_rate_reference(table.numpy())), rel=1e-9)


def test_it_is_what_is_left_of_longer_and_longer_blocks() -> None:
    """H(X_1 … X_n+1) - H(X_1 … X_n), summed over all sequences, by the definition."""
    table = chain(3)
    start = torch.tensor(stationary_reference(table.numpy()))

    def block(n: int) -> float:
        total = 0.0
        for text in itertools.product(range(3), repeat=n):
            p = float(start[text[0]]) * math.prod(
                float(table[i, j]) for i, j in itertools.pairwise(text)
            )
            total -= p * math.log(p)
        return total

    assert block(5) - block(4) == pytest.approx(float(entropy_rate(table)))


def test_a_chain_that_goes_round_has_a_floor_too() -> None:
    table = torch.tensor([[0, 0.5, 0.25, 0.25], [1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]])
    assert float(entropy_rate(table)) == pytest.approx(0.5 * 1.5 * math.log(2))
    assert float(entropy_rate(torch.eye(5).roll(1, 1))) == pytest.approx(0, abs=1e-6)


def test_no_table_beats_the_floor_on_the_source_itself() -> None:
    """Cross-entropy under the true distribution, exactly: floor + divergence."""
    table = chain(4)
    share = torch.tensor(stationary_reference(table.numpy()))
    floor = float(entropy_rate(table))
    for _ in range(50):
        model = chain(4)
        pays = -(share.unsqueeze(1) * table * model.log()).sum().item()
        assert pays > floor
    assert -(share.unsqueeze(1) * table * table.log()).sum().item() == pytest.approx(floor)


def test_on_its_own_text_a_fitted_table_may_go_below_the_floor() -> None:
    table = chain(6)
    text = walk(table, 150)
    fitted = bigram_mle(text, 6)
    seen = -sequence_log_prob(fitted[text[:-1], text[1:]]).item() / 149
    true = -sequence_log_prob(table[text[:-1], text[1:]]).item() / 149
    assert seen < true


def test_descent_arrives_at_the_frequencies() -> None:
    text = walk(chain(3, 0.5), 200)
    lr = 2 / top_share(text.numpy())
    before = [
        (fit_bigram(text, 3, steps, lr) - bigram_mle(text, 3)).abs().max().item()
        for steps in (0, 5, 20, 200)
    ]
    assert before == sorted(before, reverse=True) and before[-1] < 1e-5


@pytest.mark.parametrize("rate", [0.1, 1.0, 2.0, 3.9])
def test_below_the_bound_of_the_contract_the_loss_never_rises(rate: float) -> None:
    """Softmax curves at most share / 2, so descent is safe up to 4 / share (and 2 / curvature)."""
    text = tokens(3, 40)
    lr = rate / top_share(text.numpy())
    tables = [fit_bigram(text, 3, steps, lr).double() for steps in range(12)]
    losses = [-sequence_log_prob(t[text[:-1], text[1:]]).item() for t in tables]
    assert all(after <= before + 1e-4 for before, after in itertools.pairwise(losses))


@pytest.mark.parametrize("steps", [0, 1, 7])
def test_the_specifications_gradient_is_autograds(steps: int) -> None:
    text = walk(chain(4), 25)
    expected = descent_reference(text.numpy(), 5, steps, 1.5)
    np.testing.assert_allclose(fit_bigram(text, 5, steps, 1.5), expected, rtol=1e-4, atol=1e-6)


def verdict(name: str, answer: object) -> Verdict:
    exercise = next(e for e in EXERCISES if e.id == name)
    suite = exercise.suite(b"rules")
    replies = DirectCalls({name: answer}).ask(p.ask for p in suite.cases)
    return evaluate(suite, replies, dict)


@pytest.mark.parametrize("kind", [float, lambda x: x, lambda x: x.float(), lambda x: x.double()])
def test_the_floor_may_come_as_a_float_or_as_a_tensor(kind) -> None:
    assert verdict("entropy_rate", lambda table: kind(entropy_rate(table))).passed


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (lambda x: x.reshape(1), "the result has shape (1,), expected one number"),
        (lambda x: x.numpy(), "expected a float or a 0-d tensor"),
        (lambda x: x.long(), "expected a float or a 0-d tensor"),
        (lambda x: [x.item()], "the result is a list of 1, expected a float or a 0-d tensor"),
        (lambda x: None, "None"),
    ],
)
def test_what_is_no_number_is_said_to_be_none(kind, said: str) -> None:
    found = verdict("entropy_rate", lambda table: kind(entropy_rate(table)))
    assert not found.passed and said in found.checks[0].message


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_one_hot_vectors_may_be_of_either_precision(dtype: torch.dtype) -> None:
    assert verdict("one_hot", lambda ids, size: one_hot(ids, size).to(dtype)).passed


@pytest.mark.parametrize(
    ("dtype", "name"), [(torch.int64, "int64"), (torch.float16, "float16"), (torch.uint8, "uint8")]
)
def test_one_hot_vectors_of_whole_or_half_numbers_are_refused(
    dtype: torch.dtype, name: str
) -> None:
    found = verdict("one_hot", lambda ids, size: one_hot(ids, size).to(dtype))
    failed = [check for check in found.checks if not check.passed]
    assert [check.name for check in failed] == ["floating point"]
    assert f"has dtype {name}, expected float32" in failed[0].message
    assert 0 < found.score < found.max_score


def test_a_table_of_one_hot_vectors_for_a_large_vocabulary_is_refused() -> None:
    found = verdict("embed", lambda ids, weight: one_hot(ids, len(weight)).to(weight) @ weight)
    failed = [check for check in found.checks if not check.passed]
    assert [check.name for check in failed] == ["a large vocabulary"]
    assert "more than 1 GB of memory" in failed[0].message
