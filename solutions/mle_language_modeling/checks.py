"""Lesson 7's specification: counts one pair at a time, logarithms one number at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from grader.course.specification import Draw, Exercise, case, tensor
from grader.protocol.values import Check

LOOSE = {"dtype": False}  # float32 or float64, as the student chooses
# Descent in float32 rounds at every step.
DESCENT = {"dtype": False, "rtol": 1e-3, "atol": 1e-4}
# Room for a stationary distribution that was found by iteration; mistakes are far beyond it.
ITERATED = {"dtype": False, "rtol": 1e-3, "atol": 1e-4}
# Near 10 000, neighboring float32 numbers are 0.001 apart, whatever is subtracted last.
AT_TEN_THOUSAND = {"rtol": 2e-3, "atol": 3e-3}
# Exact counts, divided once. An entry that is 0 must be 0.
COUNTED = {"dtype": False, "rtol": 1e-5, "atol": 1e-9}
# perplexity's contract; a float may come from float32.
CONVERTED = {"rtol": 1e-6, "atol": 1e-9}
# Chains with many eigenvalues on the unit circle. An answer that takes the one largest in absolute
# value is right for about a third of such chains, and for all of these once in 30 000 draws.
LONG_ROUNDS = (*[(1, 2, 1, 2, 1, 2, 3)] * 3, *[(1, 1, 2, 1, 3, 1)] * 2)
LONG_ROUNDS += ((1, 2, 1, 2, 1, 1, 2, 1, 3),) * 3
SMALL_TABLE, FULL_TABLE = 8_000, 60_000


class Cases(Draw):
    """A draw whose arrays stay arrays when they have no axis."""

    def __init__(self, draw: Draw) -> None:
        self.rng = draw.rng

    def normal(self, *shape: int, scale: float = 1.0) -> np.ndarray:
        return np.asarray(super().normal(*shape, scale=scale))

    def tokens(self, vocab_size: int, *shape: int) -> np.ndarray:
        return np.asarray(self.rng.integers(0, vocab_size, size=shape))

    def text(self, vocab_size: int, length: int) -> np.ndarray:
        """Draw tokens of a random chain with a favorite successor for each token."""
        rows = self.rng.dirichlet(np.full(vocab_size, 0.7), size=vocab_size)
        tokens = [self.integer(0, vocab_size - 1)]
        for _ in range(length - 1):
            tokens.append(int(self.rng.choice(vocab_size, p=rows[tokens[-1]])))
        return np.array(tokens)


def whole(array) -> object:
    """Make token ids as the student gets them."""
    return tensor(array, "int64")


def shape_name(shape: Sequence[int]) -> str:
    """Describe a shape: (3, 4) → "shape (3, 4)"; () → "a single token, shape ()"."""
    return f"shape {tuple(shape)}" if shape else "a single token, shape ()"


# --- one-hot vectors and embeddings -------------------------------------------------------------


def one_hot_reference(tokens: np.ndarray, vocab_size: int) -> np.ndarray:
    """Set a one for each token, one token at a time."""
    out = np.zeros((*tokens.shape, vocab_size))
    for place in np.ndindex(*tokens.shape):
        out[(*place, int(tokens[place]))] = 1.0
    return out


def one_hot_checks(given: Draw) -> list[Check]:
    """Return the checks of ``one_hot``."""
    draw = Cases(given)
    n, size = draw.sizes(2, 3, 7)
    b, c, g = draw.sizes(3, 2, 4)
    turn = (np.arange(4) + draw.integer(0, 1) * 2 + 1) % 4  # a permutation, not its own inverse

    def ask(name, tokens, vocab_size, **more):
        return case(
            name,
            "one_hot",
            whole(tokens),
            vocab_size,
            reference=one_hot_reference,
            dtype="float32",
            **more,
        )

    def some(shape, vocab_size, **more):
        name = f"{shape_name(shape)}, {vocab_size} different tokens"
        return ask(name, draw.tokens(vocab_size, *shape), vocab_size, **more)

    return [
        Check(
            "a few tokens",
            "which axis the vocabulary lies on (the last one), and where in a row the 1 is",
            (
                ask("tokens [2, 0, 1, 2], 3 different tokens", [2, 0, 1, 2], 3),
                some((n,), size),
                ask(f"tokens {turn.tolist()}, 4 different tokens", turn, 4),
                some((size,), n),
            ),
            options=LOOSE,
            core=True,
            share=2,
        ),
        Check(
            "any number of axes",
            "whether the tokens may have any shape, even the empty one, and whether the result "
            "has one axis more",
            (some((b, c), size), some((g, b, c), n), some((), size), some((1,), 4)),
            options=LOOSE,
        ),
        Check(
            "tokens that do not occur",
            "whether a row is as wide as the vocabulary, whichever tokens happen to occur",
            (
                ask("tokens [1, 1, 0], 9 different tokens", [1, 1, 0], 9),
                ask("tokens [0, 0], 1 token", [0, 0], 1),
                ask(f"all tokens {size}, {size + 4} different tokens", [size] * n, size + 4),
            ),
            options=LOOSE,
        ),
        Check(
            "floating point",
            "the dtype: a matrix product with weights needs floating point numbers",
            (some((n,), size), some((b, c), size)),
            rule="floating",
            options=LOOSE,
        ),
        Check(
            "the input is left alone",
            "a method whose name ends in _: it changes the caller's tensor, and the shape is part "
            "of the tensor",
            (some((n,), size, watch=True), some((b, c), size, watch=True)),
            rule="untouched",
            options=LOOSE,
        ),
    ]


def embed_reference(tokens: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Look up a row for each token, one token at a time."""
    out = np.zeros((*tokens.shape, weight.shape[1]))
    for place in np.ndindex(*tokens.shape):
        out[place] = weight[int(tokens[place])]
    return out


def embed_checks(given: Draw) -> list[Check]:
    """Return the checks of ``embed``."""
    draw = Cases(given)
    n, size, d = draw.sizes(3, 3, 7)
    b, c, g = draw.sizes(3, 2, 4)
    square = draw.integer(4, 5)

    def ask(name, tokens, weight, dtype="float32", **more):
        return case(
            name, "embed", whole(tokens), tensor(weight, dtype), reference=embed_reference, **more
        )

    def some(shape, vocab_size, width, dtype="float32", scale=1.0, **more):
        name = f"{shape_name(shape)}, weight of shape {(vocab_size, width)}"
        weight = draw.normal(vocab_size, width, scale=scale)
        return ask(name, draw.tokens(vocab_size, *shape), weight, dtype, **more)

    def large(count, memory, where):
        # Small whole numbers, so that the frozen answers compress well.
        weight = draw.rng.integers(0, 4, size=(count, 2))
        tokens = draw.rng.integers(0, count, size=count)
        name = f"{count} tokens, {count} of them different, at most {memory / 1e9:g} GB"
        return Check(
            "a large vocabulary",
            "how much memory your method takes: which tensor would have V numbers for every token?",
            (ask(name, tokens, weight, how={"memory": memory}),),
            where=where,
        )

    used_twice = np.array([0, 2, 0, 1, 2, 0])
    return [
        Check(
            "a few tokens",
            "which row each token gets: a token is the number of a row of the weight",
            (
                ask(
                    "tokens [2, 0, 2], rows [1, 2], [3, 4], [5, 6]",
                    [2, 0, 2],
                    [[1, 2], [3, 4], [5, 6]],
                ),
                some((n,), size, d),
                some((n,), d, size),
                some((square,), square, square),
            ),
            core=True,
            share=2,
        ),
        Check(
            "any number of axes",
            "whether the tokens may have any shape, even the empty one, and whether the axis of "
            "features comes last",
            (
                some((b, c), size, d),
                some((g, b, c), size, d),
                some((), size, d),
                some((3, 3), 3, 3),
            ),
        ),
        Check(
            "sizes of one",
            "a single token, a vocabulary of one token, vectors that are one number wide",
            (some((1,), size, d), some((n,), 1, d), some((n,), size, 1)),
        ),
        Check(
            "gradients",
            "whether the rows that are used (that of token 0 among them) learn from every use, "
            "and the other rows not at all",
            (
                ask(
                    "tokens [0, 2, 0, 1, 2, 0]", used_twice, draw.normal(4, 2), grad="1", draw=draw
                ),
                some((2, 3), 4, 2, grad="1", draw=draw),
            ),
        ),
        Check(
            "float32 and float64",
            "the dtype of the result, and whether anything on the way is fixed to one dtype",
            (some((n,), size, d), some((b, c), size, d, "float64")),
        ),
        Check(
            "the inputs are left alone",
            "an operation that works in place: it changes what the caller holds",
            (some((n,), size, d, scale=3.0, watch=True), some((b, c), size, d, watch=True)),
            rule="untouched",
        ),
        large(SMALL_TABLE, 200_000_000, "notebook"),
        large(FULL_TABLE, 1_000_000_000, "judge"),
    ]


# --- the probability of a sequence --------------------------------------------------------------


def log_prob_reference(conditionals: np.ndarray) -> np.ndarray:
    """Take one logarithm at a time, and sum exactly."""
    *batch, _ = conditionals.shape
    out = np.zeros(batch)
    for place in np.ndindex(*batch):
        steps = conditionals[place].tolist()
        out[place] = -math.inf if 0 in steps else math.fsum(math.log(p) for p in steps)
    return out


def log_prob_checks(given: Draw) -> list[Check]:
    """Return the checks of ``sequence_log_prob``."""
    draw = Cases(given)
    n, m = draw.sizes(2, 4, 7)
    b, c = draw.sizes(2, 2, 3)
    square = draw.integer(3, 4)
    zero_at = draw.integer(0, n - 1)

    def ask(name, conditionals, dtype="float32", **more):
        return case(
            name,
            "sequence_log_prob",
            tensor(conditionals, dtype),
            reference=log_prob_reference,
            **more,
        )

    def some(*shape, low=0.05, high=0.95, dtype="float32", **more):
        name = f"shape {shape}, from {low:g} to {high:g}"
        return ask(name, draw.uniform(low, high, *shape), dtype, **more)

    impossible = draw.uniform(0.1, 0.9, n)
    impossible[zero_at] = 0.0
    one_of_them = draw.uniform(0.1, 0.9, b, n)
    one_of_them[draw.integer(0, b - 1), draw.integer(0, n - 1)] = 0.0
    return [
        Check(
            "short sequences",
            "the chain rule: every step counts, the first and the last included; what a logarithm "
            "turns a product into; and which logarithm it is",
            (
                ask("probabilities 0.5, 0.25, 0.5", [0.5, 0.25, 0.5]),
                some(n),
                some(m),
                ask("probabilities 0.5, 0.5", [0.5, 0.5]),
            ),
            core=True,
            share=2,
        ),
        Check(
            "batch axes",
            "along which axis the steps are combined: the last one, whatever comes before it",
            (some(b, n), some(c, b, m), some(square, square), some(1, n)),
        ),
        Check(
            "long sequences",
            "whether a product is formed anywhere: nothing is left of a product of 10 000 factors "
            "below 1",
            (
                some(10_000, low=0.01, high=1.0),
                some(2, 2_500, low=0.2, high=0.9),
                some(3, 400, low=0.001, high=0.1),
                some(2_000, dtype="float64"),
            ),
            share=2,
        ),
        Check(
            "certain and impossible steps",
            "whether a probability is raised or cut off anywhere: the log of 1 is 0, and that of "
            "0 is -inf",
            (
                ask("every step certain", np.ones(n)),
                ask("a step of probability 0", impossible),
                ask("a step of probability 0 in one sequence", one_of_them),
                ask("steps of 1e-30 and 1e-12", [0.5, 1e-30, 1e-12, 0.25]),
                ask("steps of 1e-30 and 1e-12", [0.5, 1e-30, 1e-12, 0.25], "float64"),
            ),
        ),
        Check(
            "sizes of one",
            "a single step, a single sequence",
            (some(1), some(1, 1), some(b, 1)),
        ),
        Check(
            "float32 and float64",
            "the dtype of the result, and whether anything on the way is fixed to one dtype",
            (some(n), some(b, n, dtype="float64")),
        ),
        Check(
            "gradients",
            "anything that leaves the graph (detach, data, item, numpy, torch.tensor, no_grad)",
            (
                some(3, low=0.2, grad="0", draw=draw),
                some(2, 3, low=0.2, dtype="float64", grad="0", draw=draw),
            ),
        ),
        Check(
            "the input is left alone",
            "a method whose name ends in _: it writes into the caller's tensor",
            (some(n, watch=True), some(b, n, watch=True)),
            rule="untouched",
        ),
    ]


# --- the bigram model ---------------------------------------------------------------------------


def pair_counts(tokens: np.ndarray, vocab_size: int) -> np.ndarray:
    """Count how often each token follows each one."""
    counts = np.zeros((vocab_size, vocab_size))
    for now, then in zip(tokens.tolist()[:-1], tokens.tolist()[1:], strict=True):
        counts[now, then] += 1
    return counts


def bigram_reference(tokens: np.ndarray, vocab_size: int, smoothing: float = 0.0) -> np.ndarray:
    """Divide each count by its row's sum, one row at a time."""
    rows = []
    for row in (pair_counts(tokens, vocab_size) + smoothing).tolist():
        total = math.fsum(row)
        rows.append([c / total if total else 1 / vocab_size for c in row])
    return np.array(rows)


def skipping(draw: Cases, vocab_size: int, length: int) -> np.ndarray:
    """Draw a text without token 1, whose last token occurs nowhere else."""
    alphabet = np.array([t for t in range(vocab_size - 1) if t != 1])
    text = alphabet[draw.text(len(alphabet), length)]
    text[-1] = vocab_size - 1
    return text


def bigram_checks(given: Draw) -> list[Check]:
    """Return the checks of ``bigram_mle``."""
    draw = Cases(given)
    size, more_size = draw.sizes(2, 3, 6)

    def ask(name, tokens, vocab_size, *rest, **more):
        return case(
            name,
            "bigram_mle",
            whole(tokens),
            vocab_size,
            *rest,
            reference=bigram_reference,
            dtype="float32",
            **more,
        )

    def some(length, vocab_size, *rest, **more):
        extra = f", smoothing {(rest or tuple(more.values()))[0]:g}" if rest or more else ""
        name = f"{length} tokens, {vocab_size} different{extra}"
        return ask(name, draw.text(vocab_size, length), vocab_size, *rest, **more)

    def watched(length, vocab_size, *rest):
        name = f"{length} tokens, {vocab_size} different"
        return ask(name, draw.text(vocab_size, length), vocab_size, *rest, watch=True)

    return [
        Check(
            "counting pairs",
            "what is counted (each token with its successor, every time), which of the two is the "
            "row, and what the counts are divided by",
            (
                ask("text 0 0 1 0 1 1 0 2 0 1", [0, 0, 1, 0, 1, 1, 0, 2, 0, 1], 3),
                some(40, size),
                some(60, more_size),
            ),
            options=COUNTED,
            core=True,
            share=3,
        ),
        Check(
            "a long text",
            "whether every occurrence of a pair is counted, however often it comes",
            (some(700, 5), some(700, 2)),
            options=COUNTED,
        ),
        Check(
            "rows without counts",
            "tokens with no successor: one that does not occur, one that comes only at the very "
            "end",
            (
                ask("text 0 1 0 1, 4 different tokens", [0, 1, 0, 1], 4),
                ask("token 1 missing, the last one new", skipping(draw, 5, 20), 5),
                ask("token 1 missing, the last one new", skipping(draw, 7, 30), 7),
                ask("a text of one token", [2], 4),
                ask("a text of two tokens", [2, 0], 3),
            ),
            options=COUNTED,
            share=2,
        ),
        Check(
            "smoothing",
            "what the number is added to (each of the V² counts), and when (before anything is "
            "divided)",
            (
                some(20, size, 1.0),
                some(30, more_size, 0.25),
                some(30, size, smoothing=7.5),
                ask("token 1 missing, smoothing 0.5", skipping(draw, 5, 20), 5, 0.5),
                ask("token 1 missing, smoothing 3", skipping(draw, 6, 20), 6, 3),
                ask("a text of one token, smoothing 1", [0], 3, 1.0),
            ),
            options=COUNTED,
            share=2,
        ),
        Check(
            "sizes of one",
            "a vocabulary of one token",
            (ask("text 0 0 0", [0, 0, 0], 1), ask("text 0, smoothing 2", [0], 1, 2.0)),
            options=COUNTED,
        ),
        Check(
            "floating point",
            "the dtype: probabilities are floating point numbers",
            (some(20, size), some(20, size, 1.0)),
            rule="floating",
            options=COUNTED,
        ),
        Check(
            "the input is left alone",
            "an operation that works in place: it changes what the caller holds",
            (watched(20, size), watched(30, more_size, 0.5)),
            rule="untouched",
            options=COUNTED,
        ),
    ]


# --- negative log-likelihood --------------------------------------------------------------------


def nll_reference(logits, targets, ignore_index: int = -100) -> np.ndarray:
    """Average logsumexp less the target's logit, one place at a time."""
    losses = []
    for place in np.ndindex(*targets.shape):
        if int(targets[place]) != ignore_index:
            row = logits[place].tolist()
            top = max(row)
            log_total = top + math.log(math.fsum(math.exp(x - top) for x in row))
            losses.append(log_total - row[int(targets[place])])
    return np.asarray(math.fsum(losses) / len(losses) if losses else 0.0)


def nll_checks(given: Draw) -> list[Check]:
    """Return the checks of ``negative_log_likelihood``."""
    draw = Cases(given)
    n, size = draw.sizes(2, 3, 7)
    b, c, g = draw.sizes(3, 2, 4)

    def ask(name, logits, targets, *rest, dtype="float32", **more):
        return case(
            name,
            "negative_log_likelihood",
            tensor(logits, dtype),
            whole(targets),
            *rest,
            reference=nll_reference,
            **more,
        )

    def some(shape, vocab_size, dtype="float32", **more):
        logits = draw.normal(*shape, vocab_size, scale=2.0)
        name = f"logits of shape {(*shape, vocab_size)}"
        return ask(name, logits, draw.tokens(vocab_size, *shape), dtype=dtype, **more)

    def marked(targets, mark, uneven=False):
        """Mark some places, never all; with ``uneven``, all but one in the first row alone."""
        out = np.array(targets)
        flat = out.reshape(-1)
        if uneven:
            out[0, 1:] = mark
        else:
            flat[draw.permutation(flat.size)[: max(1, flat.size // 3)]] = mark
        return out

    def ignoring(name, shape, vocab_size, mark, *rest, uneven=False, free=False, **more):
        """Make a case with some targets marked; with ``free`` the mark is a token's id."""
        targets = draw.tokens(vocab_size, *shape)
        if free:  # so that the other places hold other tokens
            targets = np.where(targets == mark, (targets + 1) % vocab_size, targets)
        logits = draw.normal(*shape, vocab_size, scale=2.0)
        return ask(name, logits, marked(targets, mark, uneven), *rest, **more)

    apart = draw.permutation(size)
    steep = np.stack([500.0 * draw.permutation(size) for _ in range(n)])
    levels = np.array([[9997.0], [-1e4], [0.0]]) + np.stack([draw.permutation(4) for _ in range(3)])
    unlikely = np.where(np.arange(5) == draw.integer(0, 1), 1000.0, -1000.0) * np.ones((2, 1))
    return [
        Check(
            "the mean over places",
            "the logarithm of the softmax at the target, its sign and its base, and the mean over "
            "all places",
            (
                ask(
                    "logits [0, 0] and [0, ln 3], targets 0, 1", [[0, 0], [0, math.log(3)]], [0, 1]
                ),
                some((n,), size),
                some((n,), n),
                some((1,), size),
            ),
            core=True,
            share=3,
        ),
        Check(
            "any number of axes",
            "whether the vocabulary lies on the last axis, with any number of axes before it",
            (
                some((b, n), size),
                some((3, 3), 3),
                some((g, b, c), size),
                some((2, 2, 2), 2),
                some((), size),
            ),
        ),
        Check(
            "large logits",
            "whether exp is ever given a large number, or log a 0; each row has its own largest "
            "logit",
            (
                ask("rows near 10 000, -10 000 and 0", levels, draw.tokens(4, 3)),
                ask("one logit 1000, the others -1000", unlikely, [2, 4]),
                ask("logits 0, 500, 1000, …", steep, draw.tokens(size, n)),
                ask("logits of 10 000 and -10 000", 1e4 * (1 - 2 * (apart[None] % 2)), [2]),
            ),
            options=AT_TEN_THOUSAND,
            share=2,
        ),
        Check(
            "places that do not count",
            "whether marked places change neither the sum nor the number it is divided by, and "
            "whether all other places have equal weight",
            (
                ignoring("mark -100 by default", (n + 2,), size, -100),
                ignoring("a batch, more marks in one row", (2, n), size, -100, uneven=True),
                ignoring("mark -1", (n + 2,), size, -1, -1),
                ignoring("mark 99, given by name", (b, n), size, 99, ignore_index=99),
                ignoring("mark -7, a batch of batches", (g, b, c), size, -7, -7),
            ),
            share=2,
        ),
        Check(
            "a token as the mark",
            "whether ignore_index may be any number, even the id of a token, and whether softmax "
            "still covers all V tokens",
            (
                ignoring("mark 0", (n + 2,), size, 0, 0, free=True),
                ignoring("mark 2, given by name", (b, n), size, 2, ignore_index=2, free=True),
                ignoring("mark V - 1", (n,), size, size - 1, size - 1, free=True),
            ),
        ),
        Check(
            "nothing counts",
            "a mean over nothing: it should be 0, not nan, and its gradient should be 0",
            (
                ask("all marked", draw.normal(n, size), [-100] * n),
                ask("all marked, a batch", draw.normal(2, 3, size), np.full((2, 3), 1), 1),
                ask("the gradient", draw.normal(2, 3), [-100, -100], grad="0", draw=draw),
            ),
        ),
        Check(
            "gradients",
            "anything that leaves the graph (detach, data, item, numpy, torch.tensor, no_grad)",
            (
                some((3,), 4, grad="0", draw=draw),
                ignoring("with marked places", (2, 3), 3, -100, grad="0", draw=draw),
                ignoring("with a token as the mark", (4,), 3, 1, 1, free=True, grad="0", draw=draw),
            ),
        ),
        Check(
            "float64",
            "the dtype of the result, and whether anything on the way is fixed to one dtype",
            (
                some((n,), size, "float64"),
                some((b, n), size, "float64"),
                ignoring("with marked places", (b, n), size, -100, dtype="float64"),
                ignoring("a token as the mark", (n,), size, 1, 1, free=True, dtype="float64"),
            ),
        ),
        Check(
            "the inputs are left alone",
            "an operation that works in place: it changes what the caller holds",
            (
                some((n,), size, watch=True),
                ignoring("with marked places", (b, n), size, -100, watch=True),
                ignoring("with a token as the mark", (n,), size, 1, 1, free=True, watch=True),
            ),
            rule="untouched",
        ),
    ]


# --- perplexity and bits ------------------------------------------------------------------------


def alike(formula):
    """Make a reference for a float or a 0-d array from a formula for floats."""

    def reference(mean_nll):
        value = formula(float(mean_nll))
        return np.asarray(value) if isinstance(mean_nll, np.ndarray) else value

    return reference


def conversion_checks(function: str, formula, easy: Sequence[tuple[str, float]], look: str):
    """Make the checks of a conversion of one number; ``easy`` are cases known by heart."""
    reference = alike(formula)

    def checks(given: Draw) -> list[Check]:
        draw = Cases(given)

        def number(name, value):
            return case(name, function, float(value), reference=reference)

        def zero_d(name, value, dtype="float32", **more):
            return case(name, function, tensor(value, dtype), reference=reference, **more)

        def some():
            return round(float(draw.uniform(0.2, 6.0)), 3)

        drawn = [some() for _ in range(3)]
        return [
            Check(
                "floats",
                look,
                (
                    *(number(name, value) for name, value in easy),
                    *(number(f"{value:g} nats", value) for value in drawn),
                    number("80 nats", 80.0),  # float32 still holds e to the 80th
                ),
                options=CONVERTED,
                core=True,
                share=2,
            ),
            Check(
                "tensors",
                "what comes back for a 0-d tensor: a 0-d tensor of the same dtype",
                (
                    zero_d(f"{drawn[0]:g} nats, float32", drawn[0]),
                    zero_d(f"{drawn[1]:g} nats, float64", drawn[1], "float64"),
                    zero_d("0 nats", 0.0),
                    zero_d("9 nats", 9.0),
                    zero_d("200 nats, float64", 200.0, "float64"),
                ),
                options=CONVERTED,
            ),
            Check(
                "gradients",
                "anything that leaves the graph (detach, data, item, float, math, numpy)",
                (
                    zero_d(f"{drawn[2]:g} nats", drawn[2], "float64", grad="0", draw=draw),
                    zero_d("1 nat", 1.0, grad="0", draw=draw),
                ),
            ),
            Check(
                "the input is left alone",
                "a method whose name ends in _, or an operator such as /=: it writes into the "
                "caller's tensor",
                (zero_d("2 nats", 2.0, watch=True), zero_d("3 nats", 3.0, "float64", watch=True)),
                rule="untouched",
            ),
        ]

    return checks


perplexity_checks = conversion_checks(
    "perplexity",
    math.exp,
    [("0 nats", 0.0), ("ln 6 nats: a fair die", math.log(6)), ("20 nats", 20.0)],
    "how the logarithm is undone: nats are powers of e",
)
bits_checks = conversion_checks(
    "bits_per_token",
    lambda nats: nats / math.log(2),
    [("0 nats", 0.0), ("ln 2 nats: a fair coin", math.log(2)), ("ln 8 nats", math.log(8))],
    "how many nats are one bit: a fair coin is worth ln 2 nats",
)


# --- entropy rate -------------------------------------------------------------------------------


def stationary_reference(transition: np.ndarray) -> list[float]:
    """Take states out one by one and put them back (Grassmann, Taksar and Heyman 1985).

    No subtraction, so that no digits are lost; no iteration, so that periods do not matter.
    """
    table = np.array(transition, np.float64)
    n = len(table)
    for last in range(n - 1, 0, -1):
        table[:last, last] /= table[last, :last].sum()
        for i in range(last):
            table[i, :last] += table[i, last] * table[last, :last]
    share = [1.0]
    for state in range(1, n):
        share.append(sum(share[i] * table[i, state] for i in range(state)))
    return [s / math.fsum(share) for s in share]


def entropy_rate_reference(transition: np.ndarray) -> np.ndarray:
    """Weight the rows' entropies, summed entry by entry, by the stationary distribution."""
    rows = [-math.fsum(p * math.log(p) for p in row if p > 0) for row in transition.tolist()]
    shares = stationary_reference(transition)
    return np.asarray(math.fsum(s * h for s, h in zip(shares, rows, strict=True)))


def entropy_rate_checks(given: Draw) -> list[Check]:
    """Return the checks of ``entropy_rate``."""
    draw = Cases(given)
    size, more = draw.sizes(2, 3, 6)

    def ask(name, table, dtype="float64", **more):
        return case(
            name, "entropy_rate", tensor(table, dtype), reference=entropy_rate_reference, **more
        )

    def two(stay, back):
        return ask(
            f"it leaves state 0 with {1 - stay:.3g}, state 1 with {back:.3g}",
            [[stay, 1 - stay], [back, 1 - back]],
        )

    def some(states, spread=0.6, dtype="float64", **more):
        """Make a case with rows of very different entropy: few successors here, many there."""
        table = draw.rng.dirichlet(np.full(states, spread), size=states)
        table[0] = 0.9 * np.eye(states)[draw.integer(0, states - 1)] + 0.1 / states
        table = 0.98 * table + 0.02 / states
        table /= table.sum(axis=1, keepdims=True)
        return ask(f"{states} states", table, dtype, **more)

    def around(*classes):
        """Make a periodic chain: states in classes that follow each other in a circle."""
        owner = np.repeat(np.arange(len(classes)), classes)
        table = np.zeros((len(owner), len(owner)))
        for state, own in enumerate(owner):
            to = np.flatnonzero(owner == (own + 1) % len(classes))
            table[state, to] = 0.8 * draw.rng.dirichlet(np.ones(len(to))) + 0.2 / len(to)
        order = draw.permutation(len(owner))
        return table[np.ix_(order, order)]

    gaps = some(size + 2).ask.args[0].data.copy()
    for state in range(len(gaps)):
        gaps[state, (state + 2) % len(gaps)] = 0.0
        gaps[state, (state + 1) % len(gaps)] += 0.1  # the ring that holds the chain together
    gaps /= gaps.sum(axis=1, keepdims=True)
    lazy = 1 - draw.uniform(0.01, 0.04, 3)
    sticky = np.array(
        [[p if i == j else (1 - p) / 2 for j in range(3)] for i, p in enumerate(lazy)]
    )
    sticky[1] = [0.3, 0.4, 0.3]
    leave, back = 0.01, float(draw.uniform(0.02, 0.05))
    return [
        Check(
            "two states",
            "how much each row's entropy counts: as much as the share of time that the chain "
            "spends in that state in the long run",
            (
                two(0.9, 0.5),
                two(0.25, 0.125),
                two(float(draw.uniform(0.6, 0.95)), float(draw.uniform(0.3, 0.6))),
            ),
            rule="one_number",
            options=ITERATED,
            core=True,
            share=2,
        ),
        Check(
            "more states",
            "which axis is the current state (rows sum to 1), and in which direction the long run "
            "is followed",
            (some(size), some(more), some(20, 0.2)),
            rule="one_number",
            options=ITERATED,
            core=True,
            share=2,
        ),
        Check(
            "steps that never happen",
            "the value of 0 · ln 0: as p goes to 0, so does p ln p",
            (
                ask(f"{len(gaps)} states with gaps", gaps),
                ask("0 → 1, 1 → 0 or 1", [[0, 1], [0.5, 0.5]]),
                ask("a ring of 3 with a choice", [[0, 1, 0], [0, 0.2, 0.8], [1, 0, 0]]),
            ),
            rule="one_number",
            options=ITERATED,
        ),
        Check(
            "chains that go round",
            "whether the long run is found where the chain never settles, because it is in state "
            "0 at every second step, say",
            (
                ask("0 → 1, 2 or 3; each of them → 0", around(1, 3)),
                ask("period 3", around(1, 2, 3)),
                ask("round and round without a choice", np.roll(np.eye(4), 1, axis=1)),
                *(
                    ask(f"period {len(classes)}, chain {place}", around(*classes))
                    for place, classes in enumerate(LONG_ROUNDS)
                ),
            ),
            rule="one_number",
            options=ITERATED,
        ),
        Check(
            "slow chains",
            "whether the long run is really reached: a chain may stay in one state for a long time",
            (
                ask(
                    f"it changes state with {leave:g} and {back:.3g}",
                    [[1 - leave, leave], [back, 1 - back]],
                ),
                ask("3 states, two of them sticky", sticky),
            ),
            rule="one_number",
            options=ITERATED,
        ),
        Check(
            "certainty and chance",
            "the ends of the scale: 0 where there is no choice, ln V where everything is chance",
            (
                ask("one state", [[1.0]]),
                ask(f"{size} states, all equally likely", np.full((size, size), 1 / size)),
            ),
            rule="one_number",
            options=ITERATED,
        ),
        Check(
            "float32",
            "whether it works in either precision",
            (some(size, dtype="float32"), some(8, dtype="float32")),
            rule="one_number",
            options=ITERATED,
        ),
        Check(
            "the input is left alone",
            "an operation that works in place: it changes what the caller holds",
            (
                some(size, watch=True),
                ask(
                    "two steps never taken",
                    [[0, 0.5, 0.5], [0.5, 0.5, 0], [0.3, 0.4, 0.3]],
                    watch=True,
                ),
            ),
            rule="untouched",
            options=ITERATED,
        ),
    ]


# --- gradient descent ---------------------------------------------------------------------------


def descent_reference(tokens, vocab_size: int, steps: int, lr: float) -> np.ndarray:
    """Descend by the gradient, written out: the row's share times (softmax - frequencies)."""
    counts = pair_counts(tokens, vocab_size)
    share = counts.sum(axis=1, keepdims=True) / counts.sum()
    wanted = bigram_reference(tokens, vocab_size)
    logits = np.zeros((vocab_size, vocab_size))
    for step in range(steps + 1):
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        model = powers / powers.sum(axis=1, keepdims=True)
        if step < steps:
            logits = logits - lr * share * (model - wanted)
    return model


def top_share(tokens: np.ndarray) -> float:
    """Return the share of the predictions that are made from the most frequent token."""
    return float(np.bincount(tokens[:-1]).max() / (len(tokens) - 1))


def descent_checks(given: Draw) -> list[Check]:
    """Return the checks of ``fit_bigram``. By the contract, rates are below 4 / (top row share)."""
    draw = Cases(given)
    size, more_size = draw.sizes(2, 3, 5)

    def ask(name, tokens, vocab_size, steps, lr, reference=descent_reference, **more):
        return case(
            f"{name}: {steps} step{'s'[: steps != 1]}, lr {lr:.3g}",
            "fit_bigram",
            whole(tokens),
            vocab_size,
            steps,
            lr,
            reference=reference,
            dtype="float32",
            **more,
        )

    def some(length, vocab_size, steps, bold, **more):
        """Make a case whose rate is ``bold`` times the bound of the contract, 4 / (top share)."""
        text = draw.text(vocab_size, length)
        rate = round(4 * bold / top_share(text), 3)
        return ask(
            f"{length} tokens, {vocab_size} different", text, vocab_size, steps, rate, **more
        )

    def frequencies(tokens, vocab_size, steps, lr):
        return bigram_reference(tokens, vocab_size)

    # Every pair comes 3 times or more, so that the descent has a minimum to arrive at.
    tour = [0, 0, 1, 1, 2, 2, 0, 2, 1]
    rich = np.array([*(3 * tour), *draw.text(3, 25)])
    pair = np.array([*(4 * [0, 0, 1, 1]), *draw.text(2, 20)])
    absent = skipping(draw, 5, 24)
    return [
        Check(
            "the first steps",
            "where the table starts, what the gradient is taken of (the mean over all T - 1 "
            "predictions), how far a step goes, and how many steps there are",
            (
                ask("text 0 0 1 0 1 1 0 2 0 1", [0, 0, 1, 0, 1, 1, 0, 2, 0, 1], 3, 1, 1.0),
                some(20, size, 1, 0.3),
                some(20, size, 2, 0.3),
                some(30, more_size, 5, 0.2),
            ),
            options=DESCENT,
            core=True,
            share=3,
        ),
        Check(
            "no step",
            "which probabilities a table of zeros stands for",
            (ask("text 0 1 1", [0, 1, 1], 2, 0, 0.5), some(12, size, 0, 0.3)),
            options=DESCENT,
        ),
        Check(
            "small and large steps",
            "whether the learning rate is used as given, and nothing else (momentum, decay) goes "
            "into a step",
            (
                some(20, size, 10, 0.02),
                some(25, more_size, 10, 0.8),
                some(25, 2, 20, 0.6),
                ask("text 0 0 1 0 1 1 0 2 0 1", [0, 0, 1, 0, 1, 1, 0, 2, 0, 1], 3, 250, 2.0),
            ),
            options=DESCENT,
        ),
        Check(
            "where it ends",
            "whether the conditional frequencies of the text are reached",
            (
                ask("all pairs occur", rich, 3, 120, round(2 / top_share(rich), 3), frequencies),
                ask("all pairs occur", pair, 2, 120, round(2 / top_share(pair), 3), frequencies),
            ),
            # The remaining distance to the minimum, by the reference, was below 1e-6 in 300 draws.
            options={"dtype": False, "rtol": 2e-3, "atol": 2e-3},
            share=2,
        ),
        Check(
            "rows without counts",
            "tokens with no successor: no gradient reaches their rows",
            (
                ask("text 0 1 0 1, 3 different tokens", [0, 1, 0, 1], 3, 6, 2.0),
                ask(
                    "token 1 missing, the last one new",
                    absent,
                    5,
                    8,
                    round(2 / top_share(absent), 3),
                ),
            ),
            options=DESCENT,
        ),
        Check(
            "sizes of one",
            "a vocabulary of one token, a single prediction",
            (
                ask("text 0 0 0", [0, 0, 0], 1, 3, 1.0),
                ask("text 1 0", [1, 0], 2, 4, 1.5),
                ask("text 1 1", [1, 1], 3, 2, 0.5),
            ),
            options=DESCENT,
        ),
        Check(
            "the input is left alone",
            "an operation that works in place: it changes what the caller holds",
            (some(15, size, 2, 0.3, watch=True), some(25, more_size, 1, 0.3, watch=True)),
            rule="untouched",
            options=DESCENT,
        ),
    ]


EXERCISES = [
    Exercise(
        "sequence_log_prob",
        2,
        log_prob_checks,
        hints=(
            "What is the logarithm of a product?",
            "Never form the product: it becomes 0 long before the sequence ends. Take the "
            "logarithm of every step first, and combine the results along the last axis.",
            "logs ← ____ of every probability\nanswer ← ____ of logs along axis ____",
        ),
        views=("batch axes",),
    ),
    Exercise(
        "one_hot",
        1,
        one_hot_checks,
        hints=(
            "Write the rows for the tokens 2, 0, 1 on paper. What does each entry say about its "
            "token and its column?",
            "There is one column for each token of the vocabulary. An entry is 1 exactly where "
            "the token equals the number of the column. A comparison that broadcasts settles that "
            "for all entries at once; an identity matrix, a library function or a loop will do it "
            "too.",
            "columns ← the numbers 0 to ____\n"
            "table ← compare each token, with an axis of length 1 put ____, with the columns\n"
            "answer ← table as ____",
        ),
        views=("any number of axes",),
    ),
    Exercise(
        "embed",
        2,
        embed_checks,
        hints=(
            "Multiply a one-hot row by a matrix, by hand. How many of the products are not 0?",
            "What remains is one row of the matrix, unchanged. So nothing needs to be multiplied: "
            "the token says which row to take. PyTorch can take many rows at once, for an index "
            "of any shape, and its backward pass adds up the gradients that go to the same row.",
            "answer ← the rows of ____ at the numbers in ____",
        ),
        views=("any number of axes",),
    ),
    Exercise(
        "bigram_mle",
        3,
        bigram_checks,
        hints=(
            "Write the text below itself, shifted by one place. Each column is one pair. Count "
            "the pairs.",
            "A table that is indexed with many pairs at once writes to each place only once, "
            "however often the pair comes. Ask for accumulation, or number the pairs and count "
            "the numbers, or loop. Add the smoothing to every count, and only then divide each "
            "row by its own sum. A row whose sum is 0 needs a decision.",
            "pairs ← (each token but the ____, each token but the ____)\n"
            "counts ← how often each pair occurs, as a (V, V) table, plus ____\n"
            "totals ← sum of counts along ____\n"
            "answer ← counts / ____ where totals are not 0, ____ elsewhere",
        ),
        views=("counting pairs", "smoothing"),
    ),
    Exercise(
        "negative_log_likelihood",
        4,
        nll_checks,
        hints=(
            "Start without marks, with one row of logits and one target. Then take a mean. Then "
            "add the marks.",
            "Softmax followed by log fails where a probability is too small for floating point; "
            "there is one function that does both. To pick the entry at each target along the "
            "last axis, the index needs as many axes as the logits. A mark may not be a valid "
            "index, so put some valid token in its place first, and a 0 in place of its loss "
            "afterwards. Divide by the number of places that count, but not by 0.",
            "counts ← places whose target is not ____\n"
            "log_probs ← ____ of the logits along ____\n"
            "index ← targets, with ____ where a place does not count\n"
            "losses ← minus the entries of ____ at index, with ____ where a place does not count\n"
            "answer ← sum of losses / (number of ____, but at least ____)",
        ),
        views=("any number of axes", "places that do not count"),
    ),
    Exercise(
        "perplexity",
        1,
        perplexity_checks,
        hints=(
            "A fair die with six sides costs ln 6 nats a roll. Its perplexity should be 6.",
            "Undo the logarithm, with the math module for a float and with PyTorch for a tensor. "
            "Find out which of the two you have been given.",
            "if it is a ____: answer ← its ____ by PyTorch, so that the gradient survives\n"
            "otherwise: answer ← ____ by math",
        ),
    ),
    Exercise(
        "bits_per_token",
        1,
        bits_checks,
        hints=(
            "A fair coin costs ln 2 nats a toss. It should be worth 1 bit.",
            "To change the base of a logarithm takes one division, by a plain number. It works "
            "for floats and for tensors alike.",
            "one_bit ← ____ nats\nanswer ← mean_nll ____ one_bit",
        ),
    ),
    Exercise(
        "entropy_rate",
        3,
        entropy_rate_checks,
        hints=(
            "Each row is a die of its own. How often is each of the dice rolled?",
            "The stationary distribution π does not change in a step: π P = π, and it sums to 1. "
            "That is a system of linear equations (one of the equations in π P = π is redundant; "
            "put the equation for the sum in its place, or add it to the others). Following the "
            "chain for many steps works too, unless it goes round and round: then take the mean "
            "over time, or let the chain stay where it is with probability one half. The entropies "
            "of the rows need a decision at p = 0.",
            "π ← solve π (____ - P) = 0 together with sum of π = ____\n"
            "h ← for each row: minus the sum of p · ____, with 0 where p is ____\n"
            "answer ← sum over rows of ____ · h",
        ),
        views=("more states",),
    ),
    Exercise(
        "fit_bigram",
        3,
        descent_checks,
        hints=(
            "A table of logits is the smallest network there is: the current token picks a row, "
            "and softmax turns the row into probabilities.",
            "The text without its last token is the input, the text without its first token is "
            "the target. One forward pass gives the mean negative log-likelihood of all pairs at "
            "once; autograd gives its gradient, for the whole table. Make sure that gradients of "
            "earlier steps do not pile up, and that the update itself is not part of the graph. "
            "(You can also write the gradient down: the share of the row times the difference "
            "between softmax and the counted frequencies.)",
            "logits ← (V, V) table of ____, whose gradient is wanted\n"
            "repeat ____ times:\n"
            "    loss ← mean negative log-likelihood of rows of logits at ____, against ____\n"
            "    gradient ← of ____ with respect to ____\n"
            "    logits ← logits ____ lr · gradient, outside of the graph\n"
            "answer ← ____ of each row",
        ),
        uses=("embed", "negative_log_likelihood"),
        views=("the first steps",),
    ),
]
