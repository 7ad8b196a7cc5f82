"""Judge a head that is designed by hand, and the counted costs of a multi-head layer."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from grader.protocol.values import Check, Reply, Tensor
from grader.rules.comparing import describe, failure_text
from grader.rules.rule import Finding, for_each_reply, rule

NAMES = ("W_query", "W_key", "W_value")
ENOUGH = 0.99
NEAR = 0.05


@for_each_reply
def counts(check: Check, index: int, reply: Reply) -> Finding | None:
    """Check that the result is the reference's tuple of ints; ``of`` says what each counts."""
    case = check.cases[index]
    assert case.expected is not None
    value, expected = reply.value, case.expected.value
    if not isinstance(value, (tuple, list)) or len(value) != len(expected):
        text = f"the result is {describe(value)}, expected a tuple of {len(expected)}"
        return Finding(text)
    for label, got, want in zip(check.options["of"], value, expected, strict=True):
        if type(got) is not int:
            text = f"the number of {label} is {describe(got)}, expected an int"
            return Finding(text, names="floats" if type(got) is float else "")
        if got != want:
            text = f"the number of {label} is {got:,}, expected {want:,}"
            rounded = abs(got - want) < 1e-13 * want
            return Finding(text, names="through_floats" if rounded else "")
    return None


@dataclass(frozen=True, eq=False)
class _Head:
    """A head in the form that its scores need.

    Entry (a, b) of ``meeting`` is W_query's column a times W_key's column b: what input entry a of
    the position that asks and entry b of the other add to a score. ``width`` is the queries'
    width, ``value`` is W_value; both matrices are float64.
    """

    meeting: np.ndarray
    width: int
    value: np.ndarray
    tokens: int
    positions: int

    def scores(
        self, sequence: list[int], *, scaled: bool = True, position_first: bool = False
    ) -> np.ndarray:
        """Return the scores. An input has two ones among zeros, so a score is a sum of entries."""
        token, place = np.array(sequence), np.arange(len(sequence))
        one, two = (
            (token + self.positions, place) if position_first else (token, place + self.tokens)
        )
        rows = self.meeting[one] + self.meeting[two]
        return (rows[:, one] + rows[:, two]) / (math.sqrt(self.width) if scaled else 1.0)

    def preference(self) -> float:
        """Return by how much more position 1 scores position 0 than itself, after the scale."""
        scores = self.scores([0, 0])
        return float(scores[1, 0] - scores[1, 1])

    def values(self, sequence: list[int]) -> np.ndarray:
        """Return each position's value, one in a row."""
        place = np.arange(len(sequence)) + self.tokens
        return (self.value[:, sequence] + self.value[:, place]).T


@rule
def attends_to_previous(check: Check, replies: list[Reply]) -> Finding | None:
    """Check that the matrices are a head that copies the previous token, whatever their scale.

    A case asks with (vocab_size, max_len). The option ``of`` says how far the check goes:
    ``form`` (three matrices that fit together), ``masked`` (the weights with a causal mask),
    ``free`` (the weights without a mask), ``output`` (both, and then the output). ``seed`` draws
    the sequences.
    """
    of, heads = check.options["of"], []
    for index, (case, reply) in enumerate(zip(check.cases, replies, strict=True)):
        if reply.failure is not None:
            return Finding(failure_text(reply), index)
        finding = _form(reply.value, *case.ask.args)
        if finding is not None:
            return replace(finding, case=index)
        if of != "form":
            heads.append(_head(reply.value, *case.ask.args))
    fades = _fades(heads)
    for index, head in enumerate(heads):
        sequences = _sequences(check.options["seed"], head.tokens, head.positions)
        with np.errstate(all="ignore"):
            finding = _judge(head, sequences, of, fades)
        if finding is not None:
            return replace(finding, case=index)
    return None


def _head(value: dict[str, Any], tokens: int, positions: int) -> _Head:
    query, key, outputs = (_plain(value[name]).astype(np.float64) for name in NAMES)
    with np.errstate(all="ignore"):
        return _Head(query.T @ key, len(query), outputs, tokens, positions)


def _fades(heads: list[_Head]) -> bool:
    """Tell whether of these heads the widest prefers the previous position less than others do.

    That is what becomes of a head whose maker forgot the scale. Without it, a head that only falls
    short of what is asked would pass just as well if scores were not divided.
    """
    of_two = [head for head in heads if head.positions > 1]
    with np.errstate(all="ignore"):
        sharp = {head.width: head.preference() for head in of_two}
    return bool(sharp) and sharp[max(sharp)] < 0.999 * sharp[min(sharp)]


def _plain(value: Any) -> np.ndarray:
    return value.data if isinstance(value, Tensor) else np.asarray(value)


def _form(value: Any, tokens: int, positions: int) -> Finding | None:
    """Check that these are three matrices that fit the inputs and each other."""
    if not isinstance(value, dict):
        return Finding(f"the result is {describe(value)}, expected a dict", names="not_a_dict")
    missing = [name for name in NAMES if name not in value]
    if missing:
        return Finding(f"the dict has no {missing[0]!r}; its keys are {sorted(value)[:6]}")
    width = tokens + positions
    for name in NAMES:
        given = value[name]
        if not isinstance(given, (Tensor, np.ndarray)) or _plain(given).dtype.kind not in "fiu":
            return Finding(f"{name} is {describe(given)}, expected a tensor of floats")
        shape = tuple(int(n) for n in _plain(given).shape)
        rows = f"{tokens}" if name == "W_value" else "w"
        if len(shape) != 2 or shape[1] != width:
            turned = len(shape) == 2 and shape[0] == width
            text = f"{name} has shape {shape}, expected ({rows}, {width}): V + T = {width} columns"
            return Finding(text, names="transposed" if turned else "")
        if not np.isfinite(_plain(given)).all():
            return Finding(f"{name} has an entry that is inf or nan")
    queries, keys, outputs = (len(_plain(value[name])) for name in NAMES)
    if queries != keys:
        text = f"W_query makes queries of width {queries} and W_key keys of width {keys}"
        return Finding(text + ": they cannot be compared")
    if queries == 0:
        return Finding("W_query and W_key have no rows: queries and keys of width 0")
    if outputs != tokens:
        text = f"W_value has {outputs} rows, expected {tokens}: one output for each token there is"
        guess = {positions: "positions_as_values", width: "whole_input_as_value"}
        return Finding(text, names=guess.get(outputs, ""))
    return None


def _sequences(seed: int, tokens: int, positions: int) -> list[list[int]]:
    """Draw sequences of all kinds: full and short, with repetitions, all of one token."""
    rng = np.random.Generator(np.random.PCG64([seed, tokens, positions]))
    if positions < 2:
        return []
    one, other = rng.integers(0, tokens, 2)
    full = [rng.integers(0, tokens, positions), np.full(positions, one)]
    full.append(np.where(np.arange(positions) % 2, other, one))
    lengths = [2, *rng.integers(2, positions + 1, 3).tolist()]
    return [s.tolist() for s in (*full, *(rng.integers(0, tokens, n) for n in lengths))]


def _odds(scores: np.ndarray, masked: bool) -> np.ndarray:
    """Return in row t - 1 the weight of position t on each one, relative to that on t - 1."""
    rows = scores[1:]
    odds = np.exp(np.minimum(rows - np.diagonal(rows)[:, None], 700.0))
    return np.tril(odds, 1) if masked else odds


def _on_previous(scores: np.ndarray, masked: bool) -> np.ndarray:
    """Return for each position t ≥ 1 the share of its weight that goes to t - 1."""
    return 1.0 / _odds(scores, masked).sum(axis=1)


def _all_enough(
    head: _Head,
    sequences: list[list[int]],
    masked: bool,
    *,
    scaled: bool = True,
    position_first: bool = False,
) -> bool:
    tables = (
        head.scores(sequence, scaled=scaled, position_first=position_first)
        for sequence in sequences
    )
    return all((_on_previous(table, masked) >= ENOUGH).all() for table in tables)


def _judge(head: _Head, sequences: list[list[int]], of: str, fades: bool) -> Finding | None:
    for masked in {"masked": (True,), "free": (False,), "output": (True, False)}[of]:
        for sequence in sequences:
            scores = head.scores(sequence)
            if not np.isfinite(scores).all():
                return Finding("the weights are so large that the scores overflow")
            shares = _on_previous(scores, masked)
            if not (shares >= ENOUGH).all():
                low = int(np.argmax(~(shares >= ENOUGH))) + 1
                text = (
                    f"position {low} puts {shares[low - 1]:.8g} of its weight on position "
                    f"{low - 1}, expected at least {ENOUGH} ({_case(sequence, masked)})"
                )
                return Finding(text, names=_misplaced(head, sequences, fades))
            if of == "output":
                finding = _output(head, sequence, scores, masked)
                if finding is not None:
                    return finding
    return None


def _case(sequence: list[int], masked: bool) -> str:
    mask = "causal mask" if masked else "no mask"
    if len(sequence) > 12:
        return f"a sequence of {len(sequence)} tokens, {mask}"
    return f"tokens {sequence}, {mask}"


def _misplaced(head: _Head, sequences: list[list[int]], fades: bool) -> str:
    """Return the id of the misconception whose weights these are; "" if none is recognized."""
    if _all_enough(head, sequences, False, position_first=True):
        return "position_first"
    asks, asked = head.meeting[head.tokens :], head.meeting[:, head.tokens :]
    if (asks == asks[:1]).all() or (asked == asked[:, :1]).all():
        return "position_ignored"
    if fades and _all_enough(head, sequences, False, scaled=False):
        return "scale_forgotten"
    if _all_enough(head, sequences, True):
        return "needs_the_mask"
    best = [head.scores(s).argmax(axis=1) for s in sequences if len(s) > 2]
    for name, step in (("too_soft", -1), ("looks_at_itself", 0), ("looks_ahead", 1)):
        if best and all(
            row[t] == t + step for row in best for t in range(1, len(row)) if t + step < len(row)
        ):
            return name
    return ""


def _output(head: _Head, sequence: list[int], scores: np.ndarray, masked: bool) -> Finding | None:
    """Check that the output at each position is the one-hot vector of the previous token."""
    odds = _odds(scores, masked)
    got = odds @ head.values(sequence) / odds.sum(axis=1, keepdims=True)
    want = np.eye(head.tokens)[sequence[:-1]]
    wrong = ~(np.abs(got - want) <= NEAR)
    if not wrong.any():
        return None
    row, entry = (int(i) for i in np.argwhere(wrong)[0])
    text = (
        f"the output at position {row + 1} has {got[row, entry]:.4g} in entry {entry}, expected "
        f"{want[row, entry]:g} within {NEAR} ({_case(sequence, masked)})"
    )
    return Finding(text, names=_miscopied(got[row], want[row]))


def _miscopied(got: np.ndarray, want: np.ndarray) -> str:
    """Name the mistake of an output with the right direction and the wrong length."""
    factor = float(got @ want)
    straight = factor != 0 and np.abs(got / factor - want).max() <= NEAR
    return "values_scaled" if straight else ""
