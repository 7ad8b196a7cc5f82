"""Judge a random gate, stacked layers, and inputs that show a fault."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from grader.protocol.values import Check, Reply, Tensor
from grader.rules.comparing import (
    Tolerance,
    describe,
    difference,
    failure_text,
    reply_difference,
)
from grader.rules.rule import Finding, for_each_reply, names_for, rule

EXACT = Tolerance(0.0, 0.0)
NEAR = Tolerance(1e-6, 1e-9)
SIGMAS = 5.5  # on either side: a right answer fails once in 25 million tries


@rule
def undrawn(check: Check, replies: list[Reply]) -> Finding | None:
    """Check that both replies of a pair are the same; the cases come in pairs that ask the same.

    The option ``names`` is the id of the mistake to let each number through or not at random. It
    shows in two different answers that hold nothing but zeros and numbers of x.
    """
    for index in range(0, len(replies), 2):
        pair = replies[index : index + 2]
        for place, reply in enumerate(pair, index):
            if reply.failure is not None:
                return Finding(failure_text(reply), place)
        if difference(pair[1].value, pair[0].value, EXACT) is None:
            continue
        text = "the same question, asked twice, got two different answers"
        x = check.cases[index].ask.args[0].data
        if all(_passed_or_stopped(reply.value, x) for reply in pair):
            text += ", in which each number is 0 or that of x: a gate is drawn, not averaged"
            return Finding(text, index + 1, names=check.options["names"])
        return Finding(text, index + 1)
    return None


def _passed_or_stopped(value: object, x: np.ndarray) -> bool:
    if not isinstance(value, Tensor) or value.data.shape != x.shape:
        return False
    return bool(((value.data == 0) | (value.data == x)).all())


@rule
def drops(check: Check, replies: list[Reply]) -> Finding | None:
    """Check that every entry that the layer adds is 0 or that of the branch, scaled up.

    The options hold for each case ``branch``, which is added where nothing is dropped, and
    ``share``, the probability p of a drop. An entry is 0 (with a frequency that p explains) or
    branch / (1 - p). Each case has a seed of its own, so no two drop the same entries. Where both
    branches speak, ``branch`` has one axis more: it holds all the results that are possible.
    """
    patterns: list[bytes] = []
    for index, (case, reply) in enumerate(zip(check.cases, replies, strict=True)):
        assert case.expected is not None
        found = reply_difference(reply, case.expected, Tolerance())
        if found is not None and found.kind != "value":  # the values are random, and judged below
            return Finding(found.text, index)
        branch, share = check.options["branch"][index], check.options["share"][index]
        if branch.ndim > reply.value.data.ndim:
            if not any(NEAR.close(reply.value.data, one).all() for one in branch):
                text = (
                    f"whatever is dropped, this result is not one of the {len(branch)} that are "
                    f"possible with p = {share:g}: entries of each sub-layer's output are dropped "
                    "before it is added, and the second sub-layer reads the stream after that"
                )
                return Finding(text, index)
            continue
        added = reply.value.data.astype(np.float64) - case.ask.args[0].data
        whole = branch / (1.0 - share)
        text, dropped = _drop_text(added, whole, share)
        if not text and dropped.tobytes() in patterns:
            text = "the same entries are dropped as in another call: the draw is not a fresh one"
        if text:
            return Finding(text, index)
        patterns.append(dropped.tobytes())
    return None


def _drop_text(added: np.ndarray, whole: np.ndarray, share: float) -> tuple[str, np.ndarray]:
    dropped, kept = NEAR.close(added, np.zeros_like(whole)), NEAR.close(added, whole)
    odd = ~dropped & ~kept
    if odd.any():
        place = tuple(int(i) for i in np.argwhere(odd)[0])
        text = (
            f"(output - x){list(place)} is {added[place]:.6g}; with p = {share:g} it can only be "
            f"0 (dropped) or {whole[place]:.6g} (kept)"
        )
        return text, dropped
    telling = ~NEAR.close(whole, np.zeros_like(whole))  # where dropped and kept differ
    count, drops_seen = int(telling.sum()), int((dropped & telling).sum())
    room = SIGMAS * math.sqrt(count * share * (1 - share)) + 1
    if abs(drops_seen - count * share) > room:
        text = (
            f"{drops_seen} of {count} entries are dropped; with p = {share:g} it should be "
            f"{count * share:.0f}, give or take {room:.0f}"
        )
        return text, dropped
    return "", dropped


@for_each_reply
def no_trace(check: Check, index: int, reply: Reply) -> Finding | None:
    """Check that the steps after a call find everything as before, whatever the call returned.

    Each of these steps finds a dict, of the gradients or the values of a layer's parameters.
    """
    case = check.cases[index]
    assert case.expected is not None
    names = names_for(check, case).returns
    for name, found, due in zip(names[1:], reply.value[1:], case.expected.value[1:], strict=True):
        if difference(found, due, EXACT) is None:
            continue
        own = found if isinstance(found, dict) else {}
        changed = [key for key in due if difference(own.get(key), due[key], EXACT) is not None]
        which = f" ({changed[0]})" if changed else ""
        text = f"{name}{which} are not what they were before the call"
        return Finding(text, kind="argument")
    return None


@rule
def gradients_by_depth(check: Check, replies: list[Reply]) -> Finding | None:
    """Check lists with one gradient norm per block, by how the norms change.

    A case asks with (depth, pre_norm). The option ``of`` is "form"; "last": cases come in pairs,
    shallow and deep, and the last block's norm changes by a factor within [``low``, ``high``];
    "order": the first third of the blocks has at least ``low`` times the last third's mean;
    "size": the first norm is within [low, high], one pair of ``bounds`` for each case.
    """
    norms: list[list[float]] = []
    for index, (case, reply) in enumerate(zip(check.cases, replies, strict=True)):
        text = failure_text(reply) if reply.failure else _form(reply.value, case.ask.args[0])
        if text:
            return Finding(text, index)
        norms.append(reply.value)
    judge = {"form": _nothing, "last": _last, "order": _order, "size": _size}[check.options["of"]]
    return judge(check, norms)


def _form(value: object, depth: int) -> str:
    """Say what is wrong with a value that should be ``depth`` positive floats in a list."""
    if not isinstance(value, list):
        return f"the result is {describe(value)}, expected a list of {depth} floats"
    if len(value) != depth:
        return f"the list has {len(value)} items, expected {depth}: one for each block"
    for place, number in enumerate(value):
        if not isinstance(number, float):
            return f"item {place} of the list is {describe(number)}, expected a float"
        if not (math.isfinite(number) and number > 0):
            return f"item {place} of the list is {number:g}, expected a positive number"
    return ""


def _nothing(check: Check, norms: Sequence[Sequence[float]]) -> Finding | None:
    return None


def _last(check: Check, norms: Sequence[Sequence[float]]) -> Finding | None:
    low, high = check.options["low"], check.options["high"]
    for index in range(0, len(norms), 2):
        shallow, deep = norms[index], norms[index + 1]
        factor = deep[-1] / shallow[-1]
        if low <= factor <= high:
            continue
        wanted = f"at most {high:g}" if factor > high else f"at least {low:g}"
        text = (
            f"the last block's gradient is {shallow[-1]:.4g} with {len(shallow)} blocks and "
            f"{deep[-1]:.4g} with {len(deep)}: {factor:.2f} times as much, expected {wanted} times"
        )
        return Finding(text, index + 1)
    return None


def _order(check: Check, norms: Sequence[Sequence[float]]) -> Finding | None:
    for index, one in enumerate(norms):
        third = max(len(one) // 3, 1)
        first, last = sum(one[:third]) / third, sum(one[-third:]) / third
        if first < check.options["low"] * last:
            text = (
                f"the first {third} numbers average {first:.4g}, the last {third} {last:.4g}: in "
                "pre-norm the blocks near the input should have the larger gradients"
            )
            return Finding(text, index)
    return None


def _size(check: Check, norms: Sequence[Sequence[float]]) -> Finding | None:
    for index, (one, (low, high)) in enumerate(zip(norms, check.options["bounds"], strict=True)):
        if not low <= one[0] <= high:
            text = (
                f"the first number is {one[0]:.4g}; whatever is drawn, the L2 norm of that block's "
                f"gradient lies between {low:g} and {high:g}"
            )
            return Finding(text, index)
    return None


WIDTH, HIDDEN = 32, 128
OF_A_BLOCK = 12  # parameters
MATRICES = ((WIDTH, WIDTH), (HIDDEN, WIDTH), (WIDTH, HIDDEN))
# With d_ff of half or twice the size. Others may hold several matrices in one.
OTHER_MATRICES = tuple(shape for d_ff in (64, 256) for shape in ((d_ff, WIDTH), (WIDTH, d_ff)))


@rule
def drawn_and_measured(check: Check, replies: list[Reply]) -> Finding | None:
    """Check that parameters are drawn as asked, and that the norms cover all their gradients.

    A case's program ends in a ``@transformer_block.made``. Where the parameters are not those of
    the contract's blocks (copies, say, or another library's layers in which matrices are joined),
    they tell nothing, and nothing is judged by them.
    """
    for index, (case, reply) in enumerate(zip(check.cases, replies, strict=True)):
        if reply.failure is not None:
            return Finding(failure_text(reply), index)
        norms, made = reply.value[0], reply.value[-1]
        text = _form(norms, case.ask.args[0])
        if text:
            return Finding(text, index)
        more = len(made) - OF_A_BLOCK * len(norms)
        if more in (OF_A_BLOCK, OF_A_BLOCK + 2) and all(one[-1] is not None for one in made[:-2]):
            text = f"{len(norms) + 1} blocks get a gradient, expected {len(norms)}"
            return Finding(text, index)
        if more not in (0, 2):  # 2: the layer norm at the end
            continue
        found = _as_drawn(made) or _as_measured(norms, made)
        if found is not None:
            return Finding(found.text, index, names=found.names)
    return None


def _as_drawn(made: list) -> Finding | None:
    seen: set[tuple] = set()
    for name, shape, largest, mean, _ in made:
        if "Norm" in name:
            continue
        if len(shape) == 1 and largest > 0:
            text = f"a bias ({name}, {shape[0]} numbers) is up to {largest:.3g}, expected 0"
            return Finding(text, names="default_biases")
        if tuple(shape) in OTHER_MATRICES:
            text = f"a weight matrix has the shape {tuple(shape)}; with d_ff {HIDDEN} none has"
            return Finding(text)
        if tuple(shape) not in MATRICES:
            continue
        if (shape, largest, mean) in seen:
            text = f"two matrices {tuple(shape)} hold the same numbers: each should be drawn anew"
            return Finding(text, names="seeded_for_each_block")
        seen.add((shape, largest, mean))
        bound = math.sqrt(6 / sum(shape))
        if largest > bound * (1 + 1e-5):
            # The mean of |w| is b/2 if uniform up to b, 0.46 b if normal with the same variance.
            text = f"a weight of a matrix {tuple(shape)} is {largest:.3g}, the bound is {bound:.3g}"
            normal = 0.43 * bound < mean < 0.49 * bound
            return Finding(text, names="xavier_normal" if normal else "")
        if not 0.45 * bound < mean < 0.55 * bound:
            text = f"the weights of a matrix {tuple(shape)} are {mean:.3g} in size on average"
            return Finding(f"{text}, expected {bound / 2:.3g}")
    return None


def _as_measured(norms: Sequence[float], made: list) -> Finding | None:
    """Check that the squared norms sum to those of the gradients of all the blocks' parameters."""
    seen = [squares for *_, squares in made if squares is not None]
    if not seen:  # computed in another way
        return None
    total, claimed = math.fsum(seen), math.fsum(norm * norm for norm in norms)
    of_norms = [squares or 0.0 for name, *_, squares in made if "Norm" in name]
    ends = [math.fsum(of_norms[:2]), math.fsum(of_norms[-2:])] if len(made) % OF_A_BLOCK else []
    missing = len(made) - len(seen)
    if missing <= len(ends) and any(_near(claimed, total - end) for end in (0.0, *ends)):
        return None
    square = math.fsum(s or 0.0 for _, shape, *_, s in made if tuple(shape) == (WIDTH, WIDTH))
    inner = total - math.fsum(of_norms)
    guesses = {"feed_forward_only": inner - square, "layer_norms_left_out": inner}
    names = next((name for name, guess in guesses.items() if _near(claimed, guess)), "")
    text = (
        f"the squares of the norms sum to {claimed:.6g}; those of all gradients of the blocks' "
        f"parameters sum to {total:.6g}"
    )
    if missing > len(ends):
        text = f"no gradient was computed for {missing} of {len(made)} parameters"
    return Finding(text, names=names)


def _near(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=1e-3)


EPS = 1e-5
NOTICED, UNNOTICED = 0.25, 0.01
FAULTS = ("dividing by d - 1", "eps outside the root")


@for_each_reply
def shows_one_fault(check: Check, index: int, reply: Reply) -> Finding | None:
    """Check that one vector of a pair shows one fault of a layer norm, and hides the other.

    The option ``of`` is the place of the vector and of its fault: 0 is the division of the squared
    deviations by d - 1, 1 is eps outside the root.
    """
    of, pair = check.options["of"], reply.value
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        return Finding(f"the result is {describe(pair)}, expected two vectors")
    name = f"the {('first', 'second')[of]} vector"
    found = _not_a_vector(name, pair[of])
    if found is not None:
        return found
    off = _off_by_fault(pair[of].data)
    if _shows(of, off):
        return None
    text = (
        f"on {name}, {FAULTS[of]} is off by {_percent(off[of])}, expected more than 25%; "
        f"{FAULTS[1 - of]} is off by {_percent(off[1 - of])}, expected less than 1%"
    )
    return Finding(text, names=_mistake_in(pair, of, off))


def _not_a_vector(name: str, value: object) -> Finding | None:
    if not isinstance(value, Tensor) or value.data.dtype.kind != "f":
        names = "lists" if isinstance(value, list) else ""
        return Finding(f"{name} is {describe(value)}, expected a floating tensor", names=names)
    if value.data.dtype.itemsize < 4:
        return Finding(f"{name} has dtype {value.data.dtype.name}, expected float32 or float64")
    if value.data.ndim != 1 or not value.data.size:
        names = "rows" if value.data.ndim == 2 and len(value.data) == 1 else ""
        return Finding(f"{name} has shape {tuple(value.data.shape)}, expected (d,)", names=names)
    if not np.isfinite(value.data).all():
        return Finding(f"{name} has an entry that is inf or nan")
    return None


def _off_by_fault(vector: np.ndarray) -> tuple[float, float]:
    """Return how far each fault alone is off, relative to the largest right number."""
    x = vector.astype(np.float64)
    deviation = x - x.mean()
    if np.abs(deviation).max() <= 1e-12 * np.abs(x).max():  # the rounding of a mean is no spread
        deviation = np.zeros_like(x)
    d = x.size
    with np.errstate(all="ignore"):
        variance = np.square(deviation).mean()
        right = deviation / np.sqrt(variance + EPS)
        divided = deviation / np.sqrt(variance * d / (d - 1) + EPS)  # nan for a single feature
        outside = deviation / (np.sqrt(variance) + EPS)
    return _off(divided, right), _off(outside, right)


def _off(found: np.ndarray, right: np.ndarray) -> float:
    if not np.isfinite(found).all():
        return math.inf
    furthest = float(np.abs(found - right).max())
    return furthest / float(np.abs(right).max()) if furthest else 0.0


def _percent(share: float) -> str:
    return "nan" if math.isinf(share) else f"{share:.0%}" if share > 1 else f"{share:.1%}"


def _mistake_in(pair: Sequence[Tensor], of: int, off: Sequence[float]) -> str:
    """Return the id of the mistake by which one vector fails, if it is one of the known ones."""
    d = pair[of].data.size
    if d == 1:
        return ""
    if not any(off):
        return "no_spread"
    if _shows(1 - of, off) and _not_a_vector("", pair[1 - of]) is None:
        if _shows(of, _off_by_fault(pair[1 - of].data)):
            return "exchanged"
    if of == 0 and (off[1] < UNNOTICED) == (d == 2):  # two mistakes, or another one
        return ""
    if of == 0:
        return "too_many_features" if d > 2 else "eps_shows_too"
    if off[1] < 0.1:
        return "spread_too_large"
    return "division_shows_too" if off[1] > NOTICED else ""


def _shows(of: int, off: Sequence[float]) -> bool:
    return off[of] > NOTICED and off[1 - of] < UNNOTICED
