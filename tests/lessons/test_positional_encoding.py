"""Laws of lesson 5, against sources that share no code with solutions or specifications:
complex numbers for turns, powers counted in fractions, softmax itself for the linear biases."""

from __future__ import annotations

import cmath
import itertools
import math
from decimal import Decimal, getcontext

import numpy as np
import pytest
import torch

from grader.course.specification import PUBLIC_SEED
from grader.course.versions import misconceptions
from grader.judge.known_replies import known_replies, replies_of
from grader.rules.evaluate import evaluate
from solutions.positional_encoding import (
    LearnedPositionalEncoding,
    alibi_bias,
    rotary_encoding,
    shift_matrix,
    sinusoidal_encoding,
)
from solutions.positional_encoding.checks import (
    EXERCISES,
    alibi_reference,
    learned_reference,
    rotary_reference,
    shift_reference,
    sinusoidal_reference,
)

LESSON = "positional_encoding"
SPECS = {exercise.id: exercise for exercise in EXERCISES}
BASES = (10000.0, 100.0, 37.5)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def tips(p: int, d: int, base: float) -> list[complex]:
    """The hands of the clock at time p as points on the unit circle, from exact powers."""
    getcontext().prec = 40
    angles = [Decimal(p) * Decimal(base) ** (Decimal(-2 * i) / Decimal(d)) for i in range(d // 2)]
    return [cmath.exp(1j * float(angle)) for angle in angles]


def clock(n: int, d: int, base: float) -> np.ndarray:
    return np.array([[(z.imag, z.real) for z in tips(p, d, base)] for p in range(n)]).reshape(n, d)


# --- sinusoids ----------------------------------------------------------------------------------


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize(("n", "d"), [(1, 2), (2, 4), (50, 6), (7, 64)])
def test_sinusoids_are_the_tips_of_clock_hands(n: int, d: int, base: float) -> None:
    np.testing.assert_allclose(sinusoidal_encoding(n, d, base), clock(n, d, base), atol=1e-6)
    np.testing.assert_allclose(sinusoidal_reference(n, d, base), clock(n, d, base), atol=1e-12)


def test_row_one_is_the_papers_not_the_one_that_a_known_course_expects() -> None:
    row = sinusoidal_encoding(2, 4)[1].tolist()
    assert row == pytest.approx([0.84147, 0.54030, 0.01000, 0.99995], abs=1e-5)


def test_every_hand_has_length_one_and_no_two_positions_agree() -> None:
    table = sinusoidal_encoding(2000, 16).double()
    lengths = table.unflatten(1, (-1, 2)).norm(dim=-1)
    assert torch.allclose(lengths, torch.ones_like(lengths), atol=1e-6)
    # The distance of two positions depends on their offset alone: compare all with position 0.
    assert (table[1:] - table[0]).norm(dim=1).min() > 0.1


def test_a_row_does_not_depend_on_the_length() -> None:
    assert torch.equal(sinusoidal_encoding(5, 8), sinusoidal_encoding(50, 8)[:5])


def test_far_positions_keep_six_digits() -> None:
    row = sinusoidal_encoding(100_001, 4)[-1]
    expected = [part for z in tips(100_000, 4, 10000.0) for part in (z.imag, z.real)]
    np.testing.assert_allclose(row, expected, atol=1e-6)


# --- the shift ----------------------------------------------------------------------------------


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("k", [0, 1, -1, 7, -30, 1000])
@pytest.mark.parametrize("d", [2, 4, 10])
def test_the_shift_is_what_defines_it(k: int, d: int, base: float) -> None:
    places = range(max(0, -k), max(0, -k) + 40)
    before = np.array([[(z.imag, z.real) for z in tips(p, d, base)] for p in places])
    after = np.array([[(z.imag, z.real) for z in tips(p + k, d, base)] for p in places])
    for matrix, room in (
        (shift_matrix(k, d, base).double().numpy(), 1e-6),
        (shift_reference(k, d, base), 1e-11),
    ):
        assert matrix.shape == (d, d)
        moved = before.reshape(40, d) @ matrix.T
        np.testing.assert_allclose(moved, after.reshape(40, d), atol=room)


def test_shifts_add_up_and_come_back() -> None:
    product = shift_matrix(5, 8) @ shift_matrix(-12, 8)
    torch.testing.assert_close(product, shift_matrix(-7, 8), atol=1e-6, rtol=0)
    torch.testing.assert_close(shift_matrix(9, 8).T, shift_matrix(-9, 8))
    assert torch.equal(shift_matrix(0, 6), torch.eye(6))


def test_there_is_only_one_such_matrix() -> None:
    """The rows of the encoding span all of the space, so M is fixed by what it does to them."""
    rows = np.array([[(z.imag, z.real) for z in tips(p, 8, 100.0)] for p in range(200)])
    assert np.linalg.matrix_rank(rows.reshape(200, 8)) == 8


# --- the learned table --------------------------------------------------------------------------


def test_the_table_is_added_row_by_row_and_learns() -> None:
    layer = LearnedPositionalEncoding(5, 3)
    x = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(1))
    out = layer(x)
    for b, p in itertools.product(range(2), range(4)):
        assert torch.equal(out[b, p], x[b, p] + layer.embedding.weight[p])
    out.sum().backward()
    gradient = layer.embedding.weight.grad
    assert gradient is not None
    assert gradient[:, 0].tolist() == [2.0, 2.0, 2.0, 2.0, 0.0]  # two sequences; row 4 unused
    table = {"embedding.weight": layer.embedding.weight.detach().double().numpy()}
    expected = learned_reference(table, x.double().numpy())
    np.testing.assert_allclose(out.detach(), expected, atol=1e-6)


def test_beyond_the_table_is_a_value_error() -> None:
    layer = LearnedPositionalEncoding(3, 2)
    assert layer(torch.zeros(1, 3, 2)).shape == (1, 3, 2)
    with pytest.raises(ValueError, match="4"):
        layer(torch.zeros(1, 4, 2))


# --- turns --------------------------------------------------------------------------------------


def turned(x: torch.Tensor, positions: list[int], base: float) -> np.ndarray:
    """Pairs as complex numbers, each multiplied by a point on the unit circle."""
    pairs = x.numpy().reshape(*x.shape[:-1], -1, 2)
    points = pairs[..., 0] + 1j * pairs[..., 1]
    points = points * np.array([tips(p, x.shape[-1], base) for p in positions])
    return np.stack([points.real, points.imag], axis=-1).reshape(x.shape)


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("shape", [(3, 2), (5, 8), (2, 4, 6), (2, 3, 4, 4), (2, 1, 3, 5, 2)])
def test_turning_is_multiplying_by_a_unit_complex_number(
    shape: tuple[int, ...], base: float
) -> None:
    x = normal(*shape)
    places = list(range(shape[-2]))
    np.testing.assert_allclose(rotary_encoding(x, base=base), turned(x, places, base), atol=1e-12)
    given = [17, 0, 3, 2900, 17][: shape[-2]]
    out = rotary_encoding(x, torch.tensor(given), base)
    np.testing.assert_allclose(out, turned(x, given, base), atol=1e-9)
    reference = rotary_reference(x.numpy(), np.array(given), base)
    np.testing.assert_allclose(reference, turned(x, given, base), atol=1e-9)


def test_scores_depend_on_the_offset_alone() -> None:
    q, k = normal(8, seed=1), normal(8, seed=2)

    def score(m: int, n: int) -> float:
        places = torch.tensor([m, n])
        both = rotary_encoding(torch.stack([q, k]), places)
        return float(both[0] @ both[1])

    assert score(7, 5) == pytest.approx(score(1007, 1005), abs=1e-9)
    assert score(4, 4) == pytest.approx(float(q @ k), abs=1e-12)
    assert abs(score(7, 5) - score(5, 7)) > 1e-3


def test_turning_keeps_lengths_dtype_and_input() -> None:
    for dtype in (torch.float32, torch.float64):
        x = normal(3, 5, 6).to(dtype)
        kept, places = x.clone(), torch.tensor([4, 0, 9, 2, 2])
        out = rotary_encoding(x, places)
        assert out.dtype == dtype
        torch.testing.assert_close(out.norm(dim=-1), x.norm(dim=-1))
        assert torch.equal(x, kept)
        assert places.tolist() == [4, 0, 9, 2, 2]
    x = normal(2, 3, 4).requires_grad_(True)
    assert torch.autograd.gradcheck(rotary_encoding, (x,))


# --- linear biases ------------------------------------------------------------------------------


@pytest.mark.parametrize("heads", [1, 2, 3, 6, 8, 12, 16])
def test_slopes_are_a_geometric_sequence_that_ends_at_one_in_256(heads: int) -> None:
    slopes = -alibi_bias(2, heads)[:, 1, 0].double()
    assert slopes[-1].item() == pytest.approx(1 / 256, rel=1e-6)
    for h in range(heads):
        assert slopes[h].item() ** heads == pytest.approx(256.0 ** -(h + 1), rel=1e-4)


def test_equal_scores_lose_by_distance_what_the_slope_says() -> None:
    weights = torch.softmax(alibi_bias(6, 8), dim=-1)
    for h, i in itertools.product(range(8), range(6)):
        row = weights[h, i]
        assert torch.all(row[i + 1 :] == 0)
        for j in range(i):
            ratio = (row[j] / row[j + 1]).item()
            assert ratio == pytest.approx(math.exp(-(0.5 ** (h + 1))), rel=1e-5)


def test_biases_are_exactly_zero_and_exactly_hidden() -> None:
    bias = alibi_bias(5, 3)
    assert bias.dtype == torch.float32
    assert bias.shape == (3, 5, 5)
    assert torch.all(bias.diagonal(dim1=1, dim2=2) == 0)
    hidden = torch.ones(5, 5).triu(1).bool()
    assert torch.all(torch.isneginf(bias[:, hidden]))
    np.testing.assert_allclose(bias, alibi_reference(5, 3), rtol=1e-6)


# --- what a slip costs: `prove` tries every version, this says which check it is to fail ---------

PARTLY_RIGHT = {
    ("sinusoidal_encoding", "fixed_table"): ["far positions"],
    ("sinusoidal_encoding", "fixed_base"): ["another base"],
    ("sinusoidal_encoding", "float64"): ["float32"],
    ("shift_matrix", "only_forward"): ["zero steps and steps backward", "large steps"],
    ("shift_matrix", "float64"): ["float32"],
    ("LearnedPositionalEncoding", "no_limit"): ["too long for the table"],
    ("LearnedPositionalEncoding", "limit_too_low"): ["lengths from 1 to max_len"],
    ("LearnedPositionalEncoding", "in_place"): ["the input is left alone"],
    ("LearnedPositionalEncoding", "cuts_the_graph"): ["gradients of the input and of the table"],
    ("rotary_encoding", "cuts_the_graph"): ["gradients"],
    ("rotary_encoding", "in_place"): ["the inputs are left alone"],
    ("rotary_encoding", "through_float32"): ["a turn by nothing"],
    ("rotary_encoding", "fixed_base"): ["another base"],
    ("alibi_bias", "nearest_power_of_two"): ["any number of heads"],
    ("alibi_bias", "finite_fill"): ["exactly 0 and -inf, in float32"],
    ("alibi_bias", "float64"): ["exactly 0 and -inf, in float32"],
}


@pytest.mark.parametrize(("exercise", "name"), PARTLY_RIGHT, ids=str)
def test_a_slip_costs_its_own_check_and_not_the_exercise(exercise: str, name: str) -> None:
    version = next(v for v in misconceptions(LESSON, exercise) if v.name == name)
    suite = SPECS[exercise].suite(PUBLIC_SEED)
    verdict = evaluate(
        suite,
        replies_of(version, suite),
        lambda: known_replies(LESSON, exercise, suite),
    )
    assert 0 < verdict.score < verdict.max_score
    names = [check.name for check in verdict.checks if not check.passed]
    assert names == PARTLY_RIGHT[exercise, name]
