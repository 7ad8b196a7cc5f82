"""Judge a language model at work: batches, samples, cached steps, and training."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from grader.protocol.values import NOT_ASKED, TICK, Check, Reply, Tensor
from grader.rules.comparing import (
    Names,
    Tolerance,
    describe,
    difference,
    failure_text,
    reply_difference,
)
from grader.rules.rule import Finding, for_each_reply, names_for, rule, tolerance_of

# Chernoff's bound: an event of probability p occurs k times or more in n independent draws with
# probability at most exp(-n KL(k/n, p)), for every n and p. exp(-24) is 4e-11, about 6.9 sigma;
# a suite has some hundreds of such frequencies, so a right answer fails less than once in 1e7.
NEVER = 24.0


def surprise(count: int, draws: int, chance: float) -> float:
    """Compute n KL(k/n, p): minus the log of a bound on the probability of ``count``."""
    share, total = count / draws, 0.0
    for part, own in ((share, chance), (1 - share, 1 - chance)):
        if part > 0:
            total += part * math.log(part / own) if own > 0 else math.inf
    return draws * max(total, 0.0)


# --- batches ------------------------------------------------------------------------------------


@for_each_reply
def snippets(check: Check, index: int, reply: Reply) -> Finding | None:
    """Check pairs (x, y): snippets of a text, and the same one token on; starts drawn evenly.

    A case asks with (tokens, batch_size, block_size, …), no token twice in the text. The option
    ``of`` says how far the check goes: ``form``, ``starts`` (how often each start comes) or
    ``pairs`` (how often each start follows each other one in the next row).
    """
    case = check.cases[index]
    tokens, rows, length = case.ask.args[:3]
    text = tokens.data.tolist()
    problem = _form(reply.value, rows, length)
    if problem:
        return Finding(problem)
    x, y = (part.data for part in reply.value)
    place = {token: at for at, token in enumerate(text)}
    problem = _not_of_the_text(x.tolist(), y.tolist(), text, place)
    if problem:
        return Finding(problem)
    starts = np.array([place[token] for token in x[:, 0].tolist()])
    problem = _uneven(starts, len(text) - length, check.options["of"])
    if problem:
        return Finding(problem)
    return None


def _form(value: Any, rows: int, length: int) -> str:
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        return f"the result is {describe(value)}, expected a pair (x, y)"
    for name, part in zip("xy", value, strict=True):
        if not isinstance(part, Tensor):
            return f"{name} is {describe(part)}, expected a tensor"
        if part.data.shape != (rows, length):
            return f"{name} is {describe(part)}, expected shape {(rows, length)}"
        if part.data.dtype != np.int64:
            return f"{name} has dtype {part.data.dtype.name}, expected int64 (long)"
    return ""


def _not_of_the_text(x: list, y: list, text: list, place: dict) -> str:
    for row, (given, due) in enumerate(zip(x, y, strict=True)):
        at = place.get(given[0])
        if at is None:
            return f"row {row} of x begins with {given[0]}, which is not in the text"
        if text[at : at + len(given)] != given:
            return f"row {row} of x is {given[:8]}, which is not a piece of the text"
        if text[at + 1 : at + 1 + len(due)] != due:
            follows = text[at + 1 : at + 1 + len(due)]
            return f"row {row} of y is {due[:8]}, expected {follows[:8]} beside x = {given[:8]}"
    return ""


def _uneven(starts: np.ndarray, places: int, of: str) -> str:
    if of == "starts":
        for start in range(places):
            count = int((starts == start).sum())
            if surprise(count, len(starts), 1 / places) > NEVER:
                return (
                    f"{count} of {len(starts)} snippets begin at place {start} of 0 … "
                    f"{places - 1}; about {len(starts) / places:.0f} were expected"
                )
    if of == "pairs":
        pairs = starts[0::2] * places + starts[1::2]
        for pair in range(places**2):
            count = int((pairs == pair).sum())
            if surprise(count, len(pairs), 1 / places**2) > NEVER:
                first, second = divmod(pair, places)
                return (
                    f"a row that begins at place {first} is followed by one that begins at "
                    f"{second} in {count} of {len(pairs)} pairs of rows; about "
                    f"{len(pairs) / places**2:.0f} were expected"
                )
    return ""


@for_each_reply
def moves_on(check: Check, index: int, reply: Reply) -> Finding | None:
    """Check that the call and a second call with the same generator draw different results."""
    first, second = reply.value[0], reply.value[-1]
    if difference(second, first, Tolerance(0.0, 0.0)) is None:
        return Finding("two calls, one after the other, drew exactly the same")
    return None


@rule
def decided_by(check: Check, replies: list[Reply]) -> Finding | None:
    """Check which state decides what is drawn. The cases come in threes.

    The first two of three ask exactly the same, the third does so under another seed of torch's
    global generator. The option ``by`` says for each three what decides: "the generator" that is
    passed in, and all three draw the same; or "the seed", and the third draws something else.
    ``names`` is the mistake of drawing something that the generator does not decide.
    """
    for group, by in enumerate(check.options["by"]):
        places = range(3 * group, 3 * group + 3)
        for place in places:
            if replies[place].failure is not None:
                return Finding(failure_text(replies[place]), place)
        first, again, other = (replies[place] for place in places)
        near = tolerance_of(check)
        alike = [reply_difference(one, first, near) is None for one in (again, other)]
        if by == "the generator" and not all(alike):
            text = "the same question, asked twice, got two different answers"
            return Finding(text, places[1 + alike.index(False)], names=check.options["names"])
        if by == "the seed" and not alike[0]:
            text = "without a generator, two calls at the same seed of torch's own gave two results"
            return Finding(text, places[1])
        if by == "the seed" and alike[1]:
            text = "without a generator, calls at two seeds of torch's own gave the same result"
            return Finding(text, places[2])
    return None


@rule
def differing(check: Check, replies: list[Reply]) -> Finding | None:
    """Check that the replies of a pair of cases are not the same. ``said`` says why."""
    for index in range(0, len(replies), 2):
        first, second = replies[index], replies[index + 1]
        for place, reply in ((index, first), (index + 1, second)):
            if reply.failure is not None:
                return Finding(failure_text(reply), place)
        if difference(second.value, first.value, Tolerance(0.0, 0.0)) is None:
            return Finding(f"two calls gave exactly the same: {check.options['said']}", index + 1)
    return None


# --- samples ------------------------------------------------------------------------------------


@for_each_reply
def frequencies(check: Check, index: int, reply: Reply) -> Finding | None:
    """Check that tokens are drawn as often as their probabilities say, and never if theirs is 0.

    A case's program ends in a ``@tally`` of many draws, (G, outcomes). The call itself gives a
    tensor of the shape in the option ``shapes``. For every case the option ``chances`` holds the
    probabilities (G, outcomes); ``base`` is 0 where an outcome is one token, else the size of the
    vocabulary.
    """
    value, counts = reply.value[0], reply.value[-1]
    chances, shape = check.options["chances"][index], check.options["shapes"][index]
    problem = ""
    if not isinstance(value, Tensor) or value.data.shape != shape:
        problem = f"the result is {describe(value)}, expected a tensor of shape {shape}"
    elif value.data.dtype != np.int64:
        problem = f"the result has dtype {value.data.dtype.name}, expected int64 (long)"
    elif not isinstance(counts, Tensor):
        problem = str(counts)
    else:
        problem = _unlikely(counts.data, chances, check.options.get("base", 0))
    if problem:
        return Finding(problem)
    return None


def _unlikely(counts: np.ndarray, chances: np.ndarray, base: int) -> str:
    """Say what is impossible about these counts, or else practically impossible; else ""."""
    odd = ""
    for (group, outcome), count in np.ndenumerate(counts):
        chance, draws = float(chances[group, outcome]), int(counts[group].sum())
        what = f"the continuation {_digits(outcome, base, len(chances[0]))}" if base else ""
        what = what or f"token {outcome}"
        where = f" for row {group}" if len(counts) > 1 else ""
        if chance == 0 and count:
            return f"{what} was drawn {count} times{where}, though it can never come"
        if not odd and surprise(int(count), draws, chance) > NEVER:
            odd = (
                f"{what} was drawn {count} times in {draws}{where}; about "
                f"{chance * draws:.0f} were expected"
            )
    return odd


def _digits(outcome: int, base: int, outcomes: int) -> list[int]:
    digits = []
    while outcomes > 1:
        outcome, digit = divmod(outcome, base)
        outcomes //= base
        digits.append(digit)
    return digits[::-1]


# --- cached steps -------------------------------------------------------------------------------


@rule
def cached_rows(check: Check, replies: list[Reply]) -> Finding | None:
    """Check that the outputs of all (output, cache) pairs equal the reference's.

    The reference gives a tuple: an output for the call and for each such step after it, and the
    plain value for each ``@same``. A cache may have any form, so it is not judged.
    """
    for index, (case, reply) in enumerate(zip(check.cases, replies, strict=True)):
        assert case.expected is not None
        if reply.failure is not None:
            return Finding(failure_text(reply), index)
        items = reply.value if case.ask.after else (reply.value,)
        plain = [False, *(step.target.startswith("@") for step in case.ask.after)]
        outputs = []
        for item, as_it_is in zip(items, plain, strict=True):
            if not as_it_is and (not isinstance(item, (tuple, list)) or len(item) != 2):
                text = f"the result is {describe(item)}, expected a pair (output, cache)"
                return Finding(text, index)
            outputs.append(item if as_it_is else item[0])
        steps = ("output", *(step.name for step in case.ask.after))
        for place, (output, due) in enumerate(zip(outputs, case.expected.value, strict=True)):
            own = steps[place] if plain[place] else "output"
            names = Names(names_for(check, case).takes, (own,), case.ask.wrt)
            mine, wanted = Reply(output, reply.grads), Reply(due, case.expected.grads)
            found = reply_difference(mine, wanted, tolerance_of(check), names)
            if found is not None:
                return Finding(found.text, index, found.yours, found.expected, kind=found.kind)
    return None


def _measured(check: Check, replies: list[Reply], unit: str, due: str, slow: str) -> Finding | None:
    """Check that measured results are right, and that work and time grow no faster than they may.

    Cases: the few and the many, counted; as many in short texts and in one long text, timed.
    ``due`` says how much ten times as many should compute, ``slow`` what too long a time means.
    """
    told = [place for place, reply in enumerate(replies) if reply is not NOT_ASKED]
    asked = replace(check, cases=tuple(check.cases[place] for place in told))
    finding = cached_rows(asked, [replies[place] for place in told])
    if finding is not None:
        return replace(finding, case=told[finding.case])
    few, many, short, long = replies
    ratio = (many.work or 0) / max(few.work or 0, 1)
    if ratio > check.options["limit"]:
        steps = check.options["steps"]
        text = f"{steps * 10} {unit} compute {ratio:.0f} times as much as {steps}; {due}"
        names = (name for most, name in check.options["names"] if ratio <= most)
        return Finding(text, 1, names=next(names))
    slower = (long.cpu or 0.0) / max(short.cpu or 0.0, TICK)
    if slower > check.options["slower"]:
        text = (
            f"the same number of {unit} takes {slower:.0f} times as long in one text as in "
            f"four short ones: {slow}"
        )
        return Finding(text, 3)
    return None


@rule
def cheap_steps(check: Check, replies: list[Reply]) -> Finding | None:
    """Check that ten times as many steps make torch compute at most ``limit`` times as much.

    What is measured has to be right: the outputs of all steps equal the reference's. Cases: the few
    steps and the many, counted; as many steps in short texts and in one long text, timed. The
    worker reports the counts, so student code could forge them; the judge measures the time and
    fails a count that cannot be true: the long text takes more than ``slower`` times as long.
    ``names`` holds pairs: the largest ratio of the counts, and the mistake's id up to there.
    """
    due = "where the work of step n is in proportion to n, it is 100 times at most"
    slow = "the time of step n grows faster than n"
    return _measured(check, replies, "steps", due, slow)


@rule
def one_row_a_step(check: Check, replies: list[Reply]) -> Finding | None:
    """Check that ten times as many tokens make torch compute at most ``limit`` times as much.

    Cases and options are those of :func:`cheap_steps`, with tokens in place of steps. The time also
    shows work that is done outside of torch.
    """
    due = "where only the new row goes through the layers, it is less than 15 times"
    slow = "more than the new row goes through the layers"
    return _measured(check, replies, "tokens", due, slow)


# --- training -----------------------------------------------------------------------------------


def nll(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Compute the NLL in nats of each target (...,) under logits (..., V), in float64."""
    rows = logits.astype(np.float64)
    rows = rows - np.max(rows, axis=-1, keepdims=True)
    own = np.take_along_axis(rows, targets[..., None], axis=-1)[..., 0]
    return np.log(np.exp(rows).sum(axis=-1)) - own


def mean_nll(logits: np.ndarray, targets: np.ndarray) -> float:
    """Compute the mean negative log-likelihood in nats, float64."""
    return float(nll(logits, targets).mean())


def losses_of(reply: Reply, steps: int) -> tuple[list[float], str]:
    """Return the losses that a training returns first, and what is wrong with them; else ""."""
    value = reply.value[0] if isinstance(reply.value, tuple) else reply.value
    if not isinstance(value, list):
        return [], f"the result is {describe(value)}, expected a list of {steps} floats"
    if len(value) != steps:
        return [], f"the result is a list of {len(value)}, expected one loss for each of {steps}"
    for item in value:
        if type(item) is not float:
            return [], f"the list holds {describe(item)}, expected a float"
    if not all(math.isfinite(item) for item in value):
        return [], "a loss is inf or nan"
    return value, ""


@for_each_reply
def loss_list(check: Check, index: int, reply: Reply) -> Finding | None:
    """Check that the result is a list with one float per step, within the bounds of the case.

    The option ``bounds`` holds (low, high, least spread, most spread) for each case: every loss
    is between the first two, the losses' standard deviation between the others. Where a text has
    only two snippets to draw, ``mixed`` holds the loss of each and the batch size, else nothing.
    """
    case = check.cases[index]
    losses, problem = losses_of(reply, case.ask.args[2])
    if problem:
        return Finding(problem)
    low, high, least, most = check.options["bounds"][index]
    for step, loss in enumerate(losses):
        if not low <= loss <= high:
            text = f"the loss of step {step} is {loss:.6g}, expected {low:.6g} … {high:.6g}"
            return Finding(text)
    spread = statistics.pstdev(losses)
    if len(losses) > 1 and not least <= spread <= most:
        bound = f"{least:.3g} at least" if spread < least else f"{most:.3g} at most"
        size = "larger than they should be, or always the same" if spread < least else "too small"
        return Finding(
            f"the losses of {len(losses)} batches differ by {spread:.3g} (standard deviation), "
            f"expected {bound}: are the batches {size}?"
        )
    mixed = check.options.get("mixed")
    problem = _mixed(losses, *mixed[index]) if mixed and mixed[index] else ""
    if problem:
        return Finding(problem)
    return None


def _mixed(losses: list[float], one: float, other: float, size: int) -> str:
    """Say what is wrong if losses are not means over ``size`` snippets of two kinds; else ""."""
    shares = [(loss - one) / (other - one) * size for loss in losses]
    counts = [round(share) for share in shares]
    odd = [share for share, count in zip(shares, counts, strict=True) if abs(share - count) > 0.02]
    if odd:
        return (
            f"{len(odd)} of {len(losses)} losses cannot be means over {size} snippets (one batch "
            f"would hold {odd[0]:.3g} snippets of one kind): do the batches have another size?"
        )
    step = math.gcd(size, *counts)
    if step > 1:
        return (
            f"all {len(losses)} losses are means over {size // step} snippets, expected {size}: "
            "are the batches too small?"
        )
    return ""


@for_each_reply
def learned(check: Check, index: int, reply: Reply) -> Finding | None:
    """Check that the model's logits on unseen tokens give a loss of at most the threshold.

    A case's program ends in the logits (B, T, V) that the trained model gives; the option
    ``targets`` holds the tokens that follow, for each case.
    """
    case = check.cases[index]
    problem = rising(reply, case.ask.args[2])
    if problem:
        return Finding(problem)
    logits, targets = reply.value[-1], check.options["targets"][index]
    if not isinstance(logits, Tensor) or logits.data.shape[:-1] != targets.shape:
        text = f"the trained model gives {describe(logits)} for {targets.shape} tokens"
        return Finding(text)
    problem = too_high(mean_nll(logits.data, targets), check.options, index)
    if problem:
        return Finding(problem)
    return None


def rising(reply: Reply, steps: int) -> str:
    """Say what is wrong if the losses do not fall from first to last tenth; else ""."""
    losses, problem = losses_of(reply, steps)
    if problem:
        return problem
    tenth = steps // 10
    first, last = statistics.fmean(losses[:tenth]), statistics.fmean(losses[-tenth:])
    if last < 0.8 * first:
        return ""
    return (
        f"the first {tenth} losses are {first:.3f} on average, the last {tenth} {last:.3f}: they "
        "should fall by more than that"
    )


def too_high(loss: float, options: dict, index: int) -> str:
    """Say what is wrong if a held-out loss is above its threshold; else ""."""
    threshold, uniform = options["thresholds"][index], options["uniform"]
    if loss <= threshold:
        return ""
    return (
        f"after training, the loss on text that the model has not seen is {loss:.3f} nats; "
        f"{threshold:.3f} can be reached easily, and {uniform:.3f} is what knowing nothing costs"
    )


@for_each_reply
def trained_in_place(check: Check, index: int, reply: Reply) -> Finding | None:
    """Check that training moves every weight, or none if lr or the number of steps is 0.

    A case's program ends in (state before, state after).
    """
    case = check.cases[index]
    before, after = reply.value[-2], reply.value[-1]
    moved = [name for name in before if _moved(before[name], after.get(name))]
    if case.ask.kwargs.get("lr") == 0 or case.ask.args[2] == 0:
        if moved:
            why = "no step" if case.ask.args[2] == 0 else "a learning rate of 0"
            return Finding(f"{moved[0]} has moved, with {why}")
    elif len(moved) < len(before):
        still = next(name for name in before if name not in moved)
        text = f"{still} of the model that was passed in is still what it was before training"
        return Finding(text)
    return None


# The largest share of the weights moved by the last step that it may move equally far, to 2 %.
# Measured over 12 draws: up to 0.06 by right loops, 1.0 by a new optimizer at each step.
ALIKE = 0.6
# The same with a gradient that hardly changes, to 30 %. Measured over 20 draws: 0.88 and more by
# seven optimizers of the Adam family, with and without a schedule; at most 0.48 by gradient
# descent with and without momentum. The median move over lr: at most 1.006 by the family, 1.2 and
# more by RMSprop, whose first steps are too long.
STRAIGHT, LONGEST = 0.65, 1.15
# To 0.1 %: 0.99 and more by a new Adam, at most 0.3 by a learning rate so small that one batch has
# the same gradient at each step.
THE_SAME = 0.9


@rule
def one_optimizer(check: Check, replies: list[Reply]) -> Finding | None:
    """Check that the last step of a training does not move all weights equally far.

    Two cases train the same model with the same generator, the second for one step more. All
    programs end in (state before, state after), so that the states after differ by one step. The
    first step of Adam and its relatives moves each weight by the learning rate, or by a multiple
    that is the same for all: its moments hold one gradient, and divided by its root it is a sign.
    Gradients that hardly change from step to step do nearly the same, so that only weights which
    move by exactly the same name the mistake.

    Two more cases do the same with a batch that is the same at each step, and a small learning
    rate ``lr``. Then the gradient hardly changes, and every optimizer of the Adam family moves
    (nearly) all weights equally far, by the learning rate at most; see :func:`_not_adam`.
    """
    for index, reply in enumerate(replies):
        if reply.failure is not None:
            return Finding(failure_text(reply), index)
    for index in (0, 2):
        few, more = (reply.value[-1] for reply in replies[index : index + 2])
        if not all(isinstance(more.get(name), Tensor) for name in few):
            return Finding("the trained model has other weights than before", index + 1)
    text = _not_adam(_moves(replies[2:]), check.cases[3].ask.kwargs["lr"])
    if text:
        return Finding(text, 3)
    moves = _moves(replies[:2])
    if not len(moves):
        return None
    apart = np.abs(moves / np.median(moves) - 1)
    share = float((apart < 0.02).mean())
    if share <= ALIKE:
        return None
    steps = check.cases[1].ask.args[2]
    text = f"the last step of {steps} moves {share:.0%} of the weights equally far"
    if float((apart < 0.001).mean()) <= THE_SAME:
        return Finding(text, 1)
    text += ", as the first step of a new optimizer does"
    return Finding(text, 1, names="new_optimizer_each_step")


def _moves(replies: Sequence[Reply]) -> np.ndarray:
    """Return how far the last step moves each weight that it does move."""
    few, more = (reply.value[-1] for reply in replies)
    moves = np.concatenate(
        [np.abs(more[name].data.astype(np.float64) - few[name].data).ravel() for name in few]
    )
    return moves[moves > 0.05 * np.max(moves)]  # a token that did not come leaves its row alone


def _not_adam(moves: np.ndarray, lr: float) -> str:
    """Say how a step on an unchanging gradient is not one of the Adam family; else ""."""
    middle = float(np.median(moves)) if len(moves) else 0.0
    share = float((np.abs(moves / middle - 1) < 0.3).mean()) if middle else 1.0
    if middle > LONGEST * lr:
        return (
            f"with the same batch at each step, the last step moves most weights by {middle:.3g}, "
            f"which is {middle / lr:.2g} times lr; an optimizer of the Adam family moves them by "
            "lr at most"
        )
    if share < STRAIGHT:
        return (
            f"with the same batch at each step, the last step moves only {share:.0%} of the "
            "weights about equally far; an optimizer of the Adam family does so with nearly all"
        )
    return ""


def _moved(before: Any, after: Any) -> bool:
    return not isinstance(after, Tensor) or not np.array_equal(before.data, after.data)
