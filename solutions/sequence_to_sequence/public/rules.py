"""Judge an induction head: two heads, one after the other, that continue a pattern."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from grader.protocol.values import Check, Reply, Tensor
from grader.rules.comparing import describe
from grader.rules.rule import Finding, for_each_reply

NAMES = ("W_query", "W_key", "W_value")
NEAR = 0.05


@for_each_reply
def continues_patterns(check: Check, index: int, reply: Reply) -> Finding | None:
    """Check that two heads output what followed the latest earlier occurrence of a token.

    A case asks with (vocab_size, max_len). The option ``of`` says which positions are judged, by
    where their token has occurred before: ``once`` at one position other than the first, ``start``
    at the first position alone, ``latest`` at several, ``any`` at one or more. ``form`` judges no
    position, only whether the matrices fit together. ``seed`` draws the sequences.
    """
    case = check.cases[index]
    tokens, positions = case.ask.args
    finding = _form(reply.value, tokens, positions)
    if finding is None and check.options["of"] != "form":
        matrices = [
            [_plain(head[name]).astype(np.float64).T for name in NAMES] for head in reply.value
        ]
        heads = _Heads(matrices[0], matrices[1], tokens, positions)
        with np.errstate(all="ignore"):
            finding = _judge(heads, check.options["of"], check.options["seed"])
    if finding is not None:
        return replace(finding, case=index)
    return None


@dataclass(frozen=True, eq=False)
class _Heads:
    """Both heads' matrices (query, key, value) in float64, transposed, and how they are used."""

    first: list[np.ndarray]
    second: list[np.ndarray]
    tokens: int
    positions: int
    scaled: bool = True
    order: tuple[str, ...] = ("token", "place", "first")

    def _input(self, sequence: list[int]) -> np.ndarray:
        """Return the second head's input: what the first head found, beside token and place."""
        parts = {
            "token": np.eye(self.tokens)[sequence],
            "place": np.eye(self.positions)[: len(sequence)],
        }
        known = [parts[name] for name in self.order if name in parts]
        parts["first"] = self._attend(self.first, np.concatenate(known, axis=1))[1]
        return np.concatenate([parts[name] for name in self.order], axis=1)

    def weights_and_output(self, sequence: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """Return the second head's weights (n, n) and its outputs (n, V)."""
        return self._attend(self.second, self._input(sequence))

    def scores(self, sequence: list[int]) -> np.ndarray:
        """Return the second head's scores (n, n) before the scale and the mask."""
        x = self._input(sequence)
        return (x @ self.second[0]) @ (x @ self.second[1]).T

    def _attend(self, head: list[np.ndarray], x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        asks, offers, gives = (x @ matrix for matrix in head)
        near = asks @ offers.T / (np.sqrt(asks.shape[1]) if self.scaled else 1.0)
        near = np.where(np.tri(len(x), dtype=bool), near, -np.inf)
        shares = np.exp(near - near.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        return shares, shares @ gives


def _plain(value: Any) -> np.ndarray:
    return value.data if isinstance(value, Tensor) else np.asarray(value)


def _form(value: Any, tokens: int, positions: int) -> Finding | None:
    """Check that these are two heads that fit the inputs and each other."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        text = f"the result is {describe(value)}, expected a pair of dicts (first, second)"
        return Finding(text, names="not_a_pair")
    width = tokens + positions
    finding = _fits("first", value[0], width, None)
    if finding is not None:
        return finding
    handed = len(_plain(value[0]["W_value"]))
    return _fits("second", value[1], width + handed, tokens, handed)


def _fits(
    label: str, head: Any, width: int, outputs: int | None, handed: int = 0
) -> Finding | None:
    if not isinstance(head, dict):
        return Finding(f"{label} is {describe(head)}, expected a dict", names="not_a_pair")
    for name in NAMES:
        if name not in head:
            has = sorted(str(key) for key in head)[:6]
            return Finding(f"{label} has no {name!r}; its keys are {has}")
        given = head[name]
        if not isinstance(given, (Tensor, np.ndarray)) or _plain(given).dtype.kind not in "fiu":
            return Finding(f"{label}[{name!r}] is {describe(given)}, expected a tensor of floats")
        shape = tuple(int(n) for n in _plain(given).shape)
        if len(shape) != 2 or shape[1] != width or shape[0] == 0:
            rows = "w" if name != "W_value" else "m" if outputs is None else str(outputs)
            text = f"{label}[{name!r}] has shape {shape}, expected ({rows}, {width})"
            return Finding(text, names=_misshaped(shape, width, handed))
        if not np.isfinite(_plain(given)).all():
            return Finding(f"{label}[{name!r}] has an entry that is inf or nan")
    queries, keys, values = (len(_plain(head[name])) for name in NAMES)
    if queries != keys:
        text = f"{label}: the queries have width {queries} and the keys width {keys}"
        return Finding(text + ", so that they cannot be compared")
    if outputs is not None and values != outputs:
        return Finding(f"{label}['W_value'] has {values} rows, expected {outputs}")
    return None


def _misshaped(shape: tuple[int, ...], width: int, handed: int) -> str:
    if len(shape) != 2:
        return ""
    if handed and shape[1] == width - handed:
        return "first_output_forgotten"
    return "transposed" if shape[0] == width else ""


# --- sequences, and the positions judged --------------------------------------------------------


def _sequences(seed: int, tokens: int, positions: int) -> list[list[int]]:
    """Draw sequences of all kinds: random, written twice, two tokens in turn, one token alone."""
    rng = np.random.Generator(np.random.PCG64([seed, tokens, positions]))
    one, other = (int(n) for n in rng.permutation(max(tokens, 2))[:2] % tokens)
    place = np.arange(positions)
    few = rng.permutation(tokens)[: max(2, min(tokens, positions // 3))]
    drawn = [
        np.full(positions, one),
        np.where(place % 2, other, one),
        np.where(place % 3, one, other),
    ]
    drawn += [rng.integers(0, tokens, positions) for _ in range(4)]
    drawn += [rng.choice(few, positions) for _ in range(2)]
    for _ in range(3):
        half = rng.permutation(tokens)[: max(1, (positions + 1) // 2)]
        drawn.append(np.resize(half, min(positions, 2 * len(half))))
    drawn += [rng.integers(0, tokens, n) for n in rng.integers(1, positions + 1, 4)]
    return [sequence.tolist() for sequence in drawn]


def _earlier(sequence: list[int], t: int) -> list[int]:
    return [s for s in range(t) if sequence[s] == sequence[t]]


def _judged(sequence: list[int], of: str) -> Iterator[tuple[int, list[int]]]:
    """Yield the positions that are judged, each with the earlier ones that hold the same token."""
    for t in range(len(sequence)):
        found = _earlier(sequence, t)
        kind = "" if not found else "latest" if len(found) > 1 else "start" if not found[0] else ""
        if found and of in ("any", kind or "once"):
            yield t, found


def _judge(heads: _Heads, of: str, seed: int) -> Finding | None:
    sequences = _sequences(seed, heads.tokens, heads.positions)
    for sequence in sequences:
        weights, output = heads.weights_and_output(sequence)
        if not np.isfinite(weights).all():
            return Finding("the weights are so large that the scores overflow")
        for t, found in _judged(sequence, of):
            want = np.eye(heads.tokens)[sequence[found[-1] + 1]]
            wrong = ~(np.abs(output[t] - want) <= NEAR)
            if wrong.any():
                entry = int(np.argmax(wrong))
                times = "once" if len(found) == 1 else f"{len(found)} times"
                text = (
                    f"the output at position {t} has {output[t, entry]:.4g} in entry {entry}, "
                    f"expected {want[entry]:g} within {NEAR}: token {sequence[t]} has occurred "
                    f"{times} before, last at position {found[-1]} ({_case(sequence, t)})"
                )
                return Finding(text, names=_recognized(heads, sequences))
    return None


def _case(sequence: list[int], t: int) -> str:
    if len(sequence) > 14:
        return f"position {t} in a sequence of {len(sequence)} tokens"
    return f"tokens {sequence}"


# --- which mistake is it? -----------------------------------------------------------------------

# For each mistake, functions of the sequence, the position t and the earlier positions with the
# same token. Each gives the tokens whose mean the output at t would be with this mistake.
_GUESSES: dict[str, tuple[Callable[[list[int], int, list[int]], list[int]], ...]] = {
    "all_occurrences": (lambda x, t, found: [x[s + 1] for s in found],),
    "start_forgotten": (lambda x, t, found: [x[0]] * (x[0] == x[t]) + [x[s + 1] for s in found],),
    "oldest_occurrence": (
        lambda x, t, found: [x[found[0] + 1]],
        lambda x, t, found: [x[0] if x[0] == x[t] else x[found[0] + 1]],
    ),
    "asks_with_the_token_before": (lambda x, t, found: [x[t - 1]],),
    "one_too_far": (lambda x, t, found: [x[s + 2] for s in found if s + 2 <= t][-1:],),
}


def _recognized(heads: _Heads, sequences: list[list[int]]) -> str:
    """Return the id of the misconception whose behavior this is; "" if none is recognized."""
    handed = heads.second[0].shape[0] - heads.tokens - heads.positions
    for name, change in (
        ("scale_forgotten", {"scaled": False}),
        ("first_output_in_front", {"order": ("first", "token", "place")}),
        ("position_first", {"order": ("place", "token", "first")}),
    ):
        if handed and _passes(replace(heads, **change), sequences):
            return name
    seen = [
        (sequence, t, found, weights[t], output[t])
        for sequence in sequences
        for weights, output in [heads.weights_and_output(sequence)]
        for t, found in _judged(sequence, "any")
    ]
    for name, guesses in _GUESSES.items():
        for guess in guesses:
            if _always(heads, ((out, guess(x, t, found)) for x, t, found, _, out in seen)):
                asks = name == "asks_with_the_token_before"
                return "" if asks and not _looks_for_the_token_before(seen) else name
    own = all(_shares(heads, out, [x[t]]) for x, t, _, _, out in seen)
    steps = [int(weights.argmax()) - found[-1] - 1 for _, _, found, weights, _ in seen]
    if not any(steps) and own:
        return "hands_over_the_match"
    if not any(steps):
        sums = [float(out.sum()) for *_, out in seen]
        right = [
            total > 0 and _shares(heads, out / total, [x[found[-1] + 1]])
            for (x, _, found, _, out), total in zip(seen, sums, strict=True)
        ]
        if all(right):
            return "values_scaled"
        mixed = all(_mixes(heads, x, weights, out) for x, _, _, weights, out in seen)
        return "too_soft" if mixed else ""
    if own:
        return "finds_the_same_token" if _prefers_its_token(heads, sequences) else ""
    if not all(_mixes(heads, x, weights, out) for x, _, _, weights, out in seen):
        return ""
    return "place_outweighs_match" if _loses_far_back(seen, steps) else ""


def _mixes(heads: _Heads, x: list[int], weights: np.ndarray, output: np.ndarray) -> bool:
    """Tell whether the output is the mean of the tokens, with these weights."""
    return bool((np.abs(output - weights @ np.eye(heads.tokens)[x]) <= NEAR).all())


def _looks_for_the_token_before(seen: Sequence[tuple]) -> bool:
    """Tell whether the weight is at positions that hold the token before t, but not always at t-1.

    A head that always looks at t-1, or hands over what the first head has found, says the same.
    """
    places = [(x, t, int(weights.argmax())) for x, t, _, weights, _ in seen]
    holds = all(x[place] == x[t - 1] for x, t, place in places)
    return holds and any(place != t - 1 for _, t, place in places)


def _prefers_its_token(heads: _Heads, sequences: list[list[int]]) -> bool:
    """Tell whether each earlier place of a token scores more than later places of other tokens."""
    for sequence in sequences:
        scores = heads.scores(sequence)
        for t, token in enumerate(sequence):
            own = [s for s in range(t) if sequence[s] == token]
            others = [s for s in range(own[0], t) if sequence[s] != token] if own else []
            if others and scores[t, own].min() <= scores[t, others].max():
                return False
    return True


def _loses_far_back(seen: Sequence[tuple], steps: Sequence[int]) -> bool:
    """Tell whether matches are found up to some distance, and farther back later places win."""
    far = [t - found[-1] for _, t, found, *_ in seen]
    right = [n for n, step in zip(far, steps, strict=True) if step == 0]
    lost = [n for n, step in zip(far, steps, strict=True) if step > 0]
    return min(steps) >= 0 and bool(right) and bool(lost) and max(right) < min(lost)


def _always(heads: _Heads, pairs: Iterable[tuple[np.ndarray, list[int]]]) -> bool:
    """Tell whether there are guesses, and every output with a guess equals it."""
    told = False
    for output, tokens in pairs:
        if tokens:
            told = True
            if not _shares(heads, output, tokens):
                return False
    return told


def _passes(heads: _Heads, sequences: list[list[int]]) -> bool:
    for sequence in sequences:
        output = heads.weights_and_output(sequence)[1]
        for t, found in _judged(sequence, "any"):
            if not _shares(heads, output[t], [sequence[found[-1] + 1]]):
                return False
    return True


def _shares(heads: _Heads, output: np.ndarray, tokens: list[int]) -> bool:
    """Tell whether the output is the mean of these tokens' one-hot vectors."""
    want = np.eye(heads.tokens)[tokens].mean(axis=0)
    return bool((np.abs(output - want) <= NEAR).all())
