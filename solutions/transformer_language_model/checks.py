"""Lesson 8's specification: a NumPy model, Chernoff's bound on samples, held-out loss of training.

Where chance decides, a check bounds what a right answer can do, whatever it draws its numbers
with; see ``public/rules.py`` for the bound. A trained model is judged by its loss on text that it
has not seen: at grading the judge computes that loss itself, from the weights.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from grader.course.specification import (
    Draw,
    Exercise,
    case,
    question,
    raises,
    steady,
    tensor,
)
from grader.course.wild import VIEWS
from grader.protocol.values import Ask, Case, Check, Failure, Ref, Reply, Step, Tensor
from solutions.transformer_language_model.public.rules import mean_nll, nll, surprise

INF = math.inf
# Seconds of processor time: the notebook trains a model, and so do the checks.
SOLVED_CPU = 150.0  # seconds that the solved notebook may take
LIMITS = {"cell_cpu": 120.0, "checks_cpu": 90.0, "notebook_cpu": 400.0}

MODEL, GENERATOR = Ref("model"), Ref("generator")


def seeded(seed: int) -> Step:
    """Make the step of a generator, which later steps find under its name."""
    return Step("generator", "@generator", (seed,))


EITHER = ("the generator", "the seed")  # what decides in the first three cases, and in the others


def thrice(name: str, target: str, args: tuple, kwargs: dict | None = None, **how: Any) -> tuple:
    """Ask the same three times, the last time at another seed of torch's own generator."""
    return tuple(
        Case(
            f"{name}, torch's own generator at seed {seed}",
            Ask(target, args, kwargs or {}, seed=seed, **how),
        )
        for seed in (1, 1, 2)
    )


def whole(array: Any) -> Tensor:
    """Make tokens as student code receives them."""
    return tensor(array, "int64")


# --- get_batch ----------------------------------------------------------------------------------


def only_window(tokens: np.ndarray, rows: int, length: int, _generator: Any) -> tuple:
    """Return the batch of a text of length + 1 tokens: there is one place to begin."""
    x = [[tokens[t] for t in range(length)] for _ in range(rows)]
    y = [[tokens[t + 1] for t in range(length)] for _ in range(rows)]
    return np.array(x, np.int64), np.array(y, np.int64)


def batch_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``get_batch``."""
    rows, length, more = draw.sizes(3, 3, 6)
    seed = draw.integer(1, 10**6)

    def text(size):
        """Draw tokens that identify their places: none occurs twice, none equals a place."""
        return 200 + draw.permutation(3 * size)[:size]

    def one_place(name, count, size):
        return case(
            name,
            "get_batch",
            whole(text(size + 1)),
            count,
            size,
            GENERATOR,
            reference=only_window,
            dtype="float32",
            how={"steps": (seeded(seed),)},
        )

    def many(name, places, count, size, dtype="int64"):
        """Ask for a batch with ``places`` starts to choose from."""
        given = tensor(text(places + size), dtype)
        how = {"steps": (seeded(seed),), "seed": 1}
        return question(name, "get_batch", given, count, size, GENERATOR, how=how)

    def sized(places, count, size, dtype="int64"):
        name = f"{places + size} tokens, B = {count}, T = {size}"
        name += "" if dtype == "int64" else f", {dtype}"
        return many(name, places, count, size, dtype)

    again = many("B = 32, T = 3, 50 places", 50, 32, 3)
    ask = again.ask
    args = ask.args[:-1]
    second = Step("second", "get_batch", ask.args)
    on = Ask(ask.target, ask.args, steps=ask.steps, after=(second,), seed=1)
    return [
        Check(
            "one place only",
            "a text that is one token longer than a snippet: x is all but its last token, y all "
            "but its first",
            (
                one_place("4 tokens, B = 1, T = 3", 1, 3),
                one_place(f"{length + 1} tokens, B = {rows}", rows, length),
            ),
            core=True,
        ),
        Check(
            "snippets of the text",
            "whether every row of x is a piece of the text, and y the same piece one token later",
            (sized(5, 4, 2), sized(20, rows, length), sized(40, 50, more)),
            "transformer_language_model.snippets",
            {"of": "form"},
            core=True,
            share=2,
        ),
        Check(
            "every start is equally likely",
            "the first place where a snippet may begin, and the last: there x ends one token "
            "before the end of the text, so that y still fits",
            # One of S places left out or one too many: n·ln(S/(S-1)) is at least 121, the bound 24.
            (
                sized(5, 2000, 2),
                sized(2, 2000, 1),
                sized(draw.integer(12, 17), 2000, 1),
            ),
            "transformer_language_model.snippets",
            {"of": "starts"},
            share=2,
        ),
        Check(
            "rows are drawn independently",
            "whether one row's start says anything about the next one's",
            (sized(3, 2000, 1), sized(4, 3000, 2)),
            "transformer_language_model.snippets",
            {"of": "pairs"},
        ),
        Check(
            "the generator decides",
            "where the random numbers come from: a generator in the same state should give the "
            "same batch, whatever torch's global generator does; None is that global generator",
            (
                *thrice(again.name, "get_batch", ask.args, steps=ask.steps),
                *thrice(f"{again.name}, no generator", "get_batch", (*args, None)),
            ),
            "transformer_language_model.decided_by",
            {"by": EITHER, "names": "global_generator"},
        ),
        Check(
            "every batch is a fresh one",
            "whether the generator moves on: a second call has to draw different snippets",
            (Case("two calls, 50 places, B = 32", on),),
            "transformer_language_model.moves_on",
        ),
        Check(
            "long, whatever the text is stored as",
            "the dtype of x and y when the text is kept in smaller integers",
            (sized(30, rows, length, "int32"), sized(12, 3, 4, "uint8"), sized(9, 2, 3, "int16")),
            "transformer_language_model.snippets",
            {"of": "form"},
        ),
        Check(
            "sizes of one",
            "a single row, snippets of a single token",
            (sized(1, 1, 1), sized(6, 1, 3), sized(6, 3, 1)),
            "transformer_language_model.snippets",
            {"of": "form"},
        ),
        Check(
            "the text is left alone",
            "an in-place operation on the caller's text",
            (
                question(
                    "the text after the call",
                    "get_batch",
                    whole(text(9)),
                    rows,
                    3,
                    generator=GENERATOR,
                    how={"steps": (seeded(seed),), "watch": True, "seed": 1},
                ),
            ),
            "untouched",
        ),
    ]


# --- TransformerLM ------------------------------------------------------------------------------


def model_shapes(vocab: int, width: int, layers: int, block: int, d_ff: int) -> dict[str, tuple]:
    """Return the shape of every weight of a ``TransformerLM``, by path."""
    shapes: dict[str, tuple] = {
        "token_embedding.weight": (vocab, width),
        "position_embedding.weight": (block, width),
    }
    for layer in range(layers):
        of = f"blocks.{layer}"
        for name in ("W_query", "W_key", "W_value", "W_output"):
            shapes[f"{of}.attention.{name}.weight"] = (width, width)
        shapes[f"{of}.feed_forward.up.weight"] = (d_ff, width)
        shapes[f"{of}.feed_forward.up.bias"] = (d_ff,)
        shapes[f"{of}.feed_forward.down.weight"] = (width, d_ff)
        shapes[f"{of}.feed_forward.down.bias"] = (width,)
        for name in ("norm1", "norm2"):
            shapes[f"{of}.{name}.weight"] = shapes[f"{of}.{name}.bias"] = (width,)
    shapes["norm.weight"] = shapes["norm.bias"] = (width,)
    return shapes | {"head.weight": (vocab, width), "head.bias": (vocab,)}


def model_weights(draw: Draw, shapes: dict[str, tuple], loud: float = 1.5) -> dict[str, np.ndarray]:
    """Draw weights, none at its initial value. ``loud`` scales the matrices."""
    made = {}
    for path, shape in shapes.items():
        if "embedding" in path:
            made[path] = draw.normal(*shape)
        elif len(shape) == 2:
            made[path] = draw.normal(*shape, scale=loud * shape[1] ** -0.5)
        elif path.endswith("weight"):
            made[path] = draw.uniform(0.5, 1.5, *shape)
        else:
            made[path] = draw.normal(*shape, scale=0.4)
    return {path: array.astype(np.float32) for path, array in made.items()}


_erf = np.vectorize(math.erf, otypes=[float])


def _normed(x: np.ndarray, gain: np.ndarray, bias: np.ndarray) -> np.ndarray:
    middle = x.mean(axis=-1, keepdims=True)
    return (x - middle) / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5) * gain + bias


def _attended(x: np.ndarray, part: Callable[[str], np.ndarray], heads: int) -> np.ndarray:
    """Apply causal attention, one position and one head at a time, to no later positions."""
    length, width = x.shape[1], x.shape[2] // heads
    q, k, v = (x @ part(f"attention.W_{name}.weight").T for name in ("query", "key", "value"))
    found = np.zeros_like(x)
    for head, i in itertools.product(range(heads), range(length)):
        own = slice(head * width, (head + 1) * width)
        seen = slice(0, i + 1)
        scores = np.einsum("bd,bjd->bj", q[:, i, own], k[:, seen, own]) / math.sqrt(width)
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares = powers / powers.sum(axis=1, keepdims=True)
        found[:, i, own] = np.einsum("bj,bjd->bd", shares, v[:, seen, own])
    return found @ part("attention.W_output.weight").T


def _attended_at_once(x: np.ndarray, part: Callable[[str], np.ndarray], heads: int) -> np.ndarray:
    """Do the same for all positions and heads at once; see ``quick_model``."""
    length = x.shape[1]
    maps = (x @ part(f"attention.W_{name}.weight").T for name in ("query", "key", "value"))
    q, k, v = (rows.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2) for rows in maps)
    scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])
    scores = np.where(np.tri(length, dtype=bool), scores, -INF)
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    found = powers / powers.sum(axis=-1, keepdims=True) @ v
    return found.swapaxes(1, 2).reshape(x.shape) @ part("attention.W_output.weight").T


def model_reference(
    heads: int,
    weights: dict[str, np.ndarray],
    tokens: np.ndarray,
    attended: Callable[..., np.ndarray] = _attended,
) -> np.ndarray:
    """Compute the logits of a ``TransformerLM`` with these weights, float64 throughout."""
    length = tokens.shape[1]
    weights = {path: array.astype(np.float64) for path, array in weights.items()}
    x = weights["token_embedding.weight"][tokens]
    x = x + weights["position_embedding.weight"][np.arange(length)]
    layers = len({path.split(".")[1] for path in weights if path.startswith("blocks.")})
    for layer in range(layers):

        def part(name: str, of: str = f"blocks.{layer}") -> np.ndarray:
            return weights[f"{of}.{name}"]

        x = x + attended(_normed(x, part("norm1.weight"), part("norm1.bias")), part, heads)
        y = _normed(x, part("norm2.weight"), part("norm2.bias"))
        up = y @ part("feed_forward.up.weight").T + part("feed_forward.up.bias")
        up = up * (1 + _erf(up / math.sqrt(2))) / 2
        x = x + up @ part("feed_forward.down.weight").T + part("feed_forward.down.bias")
    x = _normed(x, weights["norm.weight"], weights["norm.bias"])
    return x @ weights["head.weight"].T + weights["head.bias"]


def quick_model(heads: int) -> Callable[..., np.ndarray]:
    """Return a quick reference, to test rounding; no expected result comes from it."""
    return functools.partial(model_reference, heads, attended=_attended_at_once)


def model_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``TransformerLM``."""
    vocab, batch, length = draw.sizes(3, 3, 6)
    heads, size = draw.sizes(2, 2, 3)
    width, block = heads * size, length + draw.integer(1, 3)
    d_ff = 4 * width

    def built(layers=1, hidden=None, dropout=None, sizes=None, dtype="float32"):
        """Return what a case needs of a model: init, weights, reference."""
        v, d, h, t = sizes or (vocab, width, heads, block)
        init: tuple = (v, d, h, layers, t)
        if hidden or dropout is not None:
            init += (hidden,) + (() if dropout is None else (dropout,))
        weights = model_weights(draw, model_shapes(v, d, layers, t, hidden or 4 * d))
        return {
            "init": init,
            "weights": {path: array.astype(dtype) for path, array in weights.items()},
            "reference": functools.partial(model_reference, h),
        }

    def tokens(rows, n, v=vocab):
        return np.array([[draw.integer(0, v - 1) for _ in range(n)] for _ in range(rows)])

    def ask(name, given, model, dtype="float32", **more):
        """Make a case; draw the weights again if float32 would not hold the logits."""
        quick = more.pop("quick", quick_model(model["init"][2]))
        while True:
            found = case(name, "TransformerLM", whole(given), dtype=dtype, **model, **more)
            if dtype == "float64" or steady(draw, found, quick):
                return found
            shapes = {path: array.shape for path, array in model["weights"].items()}
            model = model | {"weights": model_weights(draw, shapes)}

    def logits_of(rows, n, layers=1, **more):
        blocks = f"{layers} block{'s'[: layers > 1]}"
        name = f"B = {rows}, T = {n}, {blocks}, block_size {block}"
        return ask(name, tokens(rows, n), built(layers, **more))

    def moved(layers, until, steep=1.0):
        """Ask a snippet twice, with other tokens from ``until`` on; ``steep`` scales scores."""
        model, first = built(layers), tokens(batch, length)
        model["weights"]["blocks.0.attention.W_query.weight"] *= np.float32(steep)
        second = first.copy()
        second[:, until:] = (second[:, until:] + 1) % vocab
        named = f"{layers} block{'s'[: layers > 1]}, tokens from {until} on"
        named += ", large scores" if steep > 1 else ""
        plain = {key: model[key] for key in ("init", "weights")}
        return [
            question(f"{named}: {said}", "TransformerLM", whole(given), **plain)
            for said, given in (("as they are", first), ("changed", second))
        ]

    def silent(weights, given):
        """Compute the logits where dropout 1 leaves nothing of what the blocks would add."""
        rest = {path: array for path, array in weights.items() if not path.startswith("blocks.")}
        return model_reference(heads, rest, given)

    cuts = [(1, 1), (2, length - 1), (3, draw.integer(1, length - 1)), (1, 2, 200.0)]
    full, noisy = built(), built(1, None, 0.5)
    noisy = {key: noisy[key] for key in ("init", "weights")}
    given = whole(tokens(batch, length))
    tiny = (3, 4, 2, 3)
    one = [
        question(f"dropout 0.5 in training, seed {seed}", "TransformerLM", given, **noisy, how=how)
        for seed, how in ((s, {"mode": "train", "seed": s}) for s in (1, 2))
    ]
    return [
        Check(
            "one block",
            "the path of a token: its own vector plus that of its place, the block with a causal "
            "mask, the last norm, the head",
            (
                ask("one sequence of 2 tokens", tokens(1, 2), built()),
                logits_of(1, length),
                logits_of(batch, length),
            ),
            core=True,
            share=2,
        ),
        Check(
            "several blocks",
            "whether the stream goes through every block once, in order, each time with the mask",
            (logits_of(batch, length, 2), logits_of(2, block, 3)),
            core=True,
            share=2,
        ),
        Check(
            "positions",
            "which position vector a token gets: the first token of a snippet is at place 0, and "
            "a snippet may be shorter than the window",
            (
                ask("one token, again and again", np.full((1, block), 1), built()),
                ask("a single token", tokens(batch, 1), built()),
                logits_of(block, block),  # B = T: no mix-up of the two axes goes unseen
                logits_of(2, block),
            ),
        ),
        Check(
            "no look ahead",
            "whether changing a token changes the logits of any place before it",
            tuple(one for cut in cuts for one in moved(*cut)),
            "unmoved",
            {
                "until": [cut[1] for cut in cuts],
                "said": [f"the tokens from {cut[1]} on were changed" for cut in cuts],
                "rtol": 0.0,
                "atol": 1e-5,
            },
        ),
        Check(
            "longer than the window",
            "what is raised for more tokens than there are position vectors, and whether the "
            "message names both numbers",
            tuple(
                raises(
                    f"{n} tokens, block_size {block}",
                    "TransformerLM",
                    whole(tokens(2, n)),
                    **{key: full[key] for key in ("init", "weights")},
                )
                for n in (block + 1, 3 * block)
            ),
            "error_names",
            {
                "numbers": [(n, block) for n in (block + 1, 3 * block)],
                "names": "error_without_numbers",
            },
        ),
        Check(
            "other widths inside",
            "d_ff: 4 · d_model if it is None, otherwise the number that was passed in",
            (
                ask(f"d_ff = {d_ff + 3}", tokens(batch, length), built(2, d_ff + 3)),
                ask("d_ff = 1", tokens(1, length), built(1, 1)),
            ),
        ),
        Check(
            "dropout while training only",
            "whether dropout acts in training mode, and only there; and in the blocks only: with "
            "dropout 1 the sum of the two embeddings goes on unchanged to the last norm",
            (
                ask(
                    "dropout 0.5 in evaluation mode",
                    tokens(batch, length),
                    built(2, None, 0.5),
                    how={"mode": "eval", "seed": 1},
                ),
                ask(
                    "no dropout in training mode",
                    tokens(2, 3),
                    built(),
                    how={"mode": "train", "seed": 1},
                ),
                ask(
                    "dropout 1 in training mode",
                    tokens(batch, length),
                    built(2, None, 1.0) | {"reference": silent},
                    quick=silent,
                    how={"mode": "train", "seed": 1},
                ),
            ),
        ),
        Check(
            "dropout acts",
            "whether the blocks are in the same mode as the model",
            tuple(one),
            "transformer_language_model.differing",
            {"said": "dropout 0.5 in training mode, and two seeds"},
        ),
        Check(
            "float64",
            "the dtype of the logits where the weights are float64",
            (ask("float64 weights", tokens(2, 3), built(2, dtype="float64"), "float64"),),
        ),
        Check(
            "sizes of one",
            "a single head of width 1, a vocabulary of one token, a block of one token",
            (
                ask("block_size 1", tokens(3, 1), built(sizes=(vocab, 4, 2, 1))),
                ask("one head", tokens(2, 3), built(sizes=(vocab, 3, 1, 4))),
                ask("a vocabulary of one", np.zeros((2, 3), int), built(sizes=(1, 4, 2, 3))),
                ask("no block at all", tokens(2, 3), built(0)),
            ),
        ),
        Check(
            "gradients",
            "whether backpropagation reaches every weight",
            (
                ask(
                    "V = 3, d_model = 4, T = 3",
                    np.array([[0, 2, 1], [2, 2, 0]]),
                    built(1, 2, sizes=tiny, dtype="float64"),
                    "float64",
                    grad=(
                        "token_embedding.weight",
                        "position_embedding.weight",
                        "blocks.0.attention.W_value.weight",
                        "blocks.0.feed_forward.up.bias",
                        "norm.weight",
                        "head.weight",
                        "head.bias",
                    ),
                    draw=draw,
                ),
            ),
        ),
        Check(
            "the tokens are left alone",
            "an in-place operation on the caller's tokens",
            (ask("tokens after the call", tokens(batch, length), built(), watch=True),),
            "untouched",
        ),
    ]


# --- train_step ---------------------------------------------------------------------------------

TABLES = ("embedding.weight", "head.weight", "head.bias")


def _gradient(weights: dict, x: np.ndarray, y: np.ndarray, keep: float) -> tuple[float, dict]:
    """Compute the stock model's loss and gradient place by place. ``keep`` 0 drops everything."""
    table, matrix, bias = (weights[name] for name in TABLES)
    grads = {name: np.zeros_like(weights[name]) for name in TABLES}
    total, places = 0.0, x.size
    for here, due in zip(x.ravel(), y.ravel(), strict=True):
        vector = keep * table[here]
        logits = matrix @ vector + bias
        top = logits.max()
        log_sum = top + math.log(math.fsum(np.exp(logits - top)))
        total += log_sum - logits[due]
        error = np.exp(logits - log_sum) / places
        error[due] -= 1 / places
        grads["head.bias"] += error
        grads["head.weight"] += np.outer(error, vector)
        grads["embedding.weight"][here] += keep * (matrix.T @ error)
    return total / places, grads


def _stepped(kind: str, options: dict, weights: dict, grads: dict, memory: dict) -> dict:
    """Take one step of the named optimizer, by its formula."""
    lr, decay = options["lr"], options.get("weight_decay", 0.01 if kind == "AdamW" else 0.0)
    memory["t"] = memory.get("t", 0) + 1
    moved = {}
    for name, grad in grads.items():
        old = weights[name]
        if kind == "SGD":
            speed = options.get("momentum", 0.0) * memory.get(name, 0.0) + grad + decay * old
            memory[name] = speed
            moved[name] = old - lr * speed
            continue
        first, second = memory.get(name, (0.0, 0.0))
        first, second = 0.9 * first + 0.1 * grad, 0.999 * second + 0.001 * grad**2
        memory[name] = (first, second)
        mean, square = first / (1 - 0.9 ** memory["t"]), second / (1 - 0.999 ** memory["t"])
        moved[name] = old * (1 - lr * decay) - lr * mean / (np.sqrt(square) + options["eps"])
    return moved


def step_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``train_step``."""
    vocab, width, batch, length = draw.sizes(4, 2, 6)

    def ask(
        name,
        sizes=(batch, length),
        *,
        kind="SGD",
        options=None,
        before=0,
        stain=0.0,
        training=True,
        dropout=0.0,
        loud=1.0,
        dtype="float32",
        tables=(vocab, width),
    ):
        """Make a program: the stock model, an optimizer, ``before`` steps, the step in question."""
        v, d = tables
        options = options or {"lr": float(draw.uniform(0.3, 0.9))}
        shapes = ((v, d), (v, d), (v,))
        arrays = [draw.normal(*shape, scale=loud).astype(dtype) for shape in shapes]
        weights = dict(zip(TABLES, arrays, strict=True))
        batches = [
            [np.array([[draw.integer(0, v - 1) for _ in range(sizes[1])] for _ in range(sizes[0])])
             for _ in "xy"]
            for _ in range(before + 1)
        ]  # fmt: skip
        calls = [(MODEL, Ref("optimizer"), whole(x), whole(y)) for x, y in batches]
        steps = [
            Step(
                "model",
                "@transformer_language_model.Shallow",
                init=(v, d, dropout),
                weights=weights,
            ),
            Step("set", "@set_mode", (MODEL, training)),
            Step("optimizer", "@optimizer", (kind, MODEL), options),
        ]
        if stain:
            steps.append(Step("stain", "@stain", (MODEL, stain)))
        steps += [Step(f"step {i}", "train_step", call) for i, call in enumerate(calls[:-1])]
        after = (Step("state", "@state", (MODEL,)), Step("mode", "@mode", (MODEL,)))
        now = {path: array.astype(np.float64) for path, array in weights.items()}
        memory: dict = {}
        loss = 0.0
        for x, y in batches:
            loss, grads = _gradient(now, x, y, 0.0 if training and dropout else 1.0)
            now = _stepped(kind, options, now, grads, memory)
        state = {path: Tensor(array.astype(dtype)) for path, array in now.items()}
        program = Ask("train_step", calls[-1], steps=tuple(steps), after=after)
        return Case(name, program, Reply(value=(float(loss), state, training)))

    soft = {"rtol": 5e-4, "atol": 5e-5}
    adam = {"lr": 0.1, "eps": 0.05, "weight_decay": 0.2}
    return [
        Check(
            "one step downhill",
            "what is minimized (the mean over all B·T predictions of y), whether the optimizer "
            "takes exactly one step, and what is returned",
            (
                ask("B = 1, T = 2, plain gradient descent", (1, 2)),
                ask(f"B = {batch}, T = {length}, plain gradient descent"),
                ask("B = T = V", (3, 3), tables=(3, width)),
            ),
            options=soft,
            core=True,
            share=3,
        ),
        Check(
            "one batch alone",
            "old gradients: PyTorch adds each new gradient to the one that is there already",
            (
                ask("the model holds gradients from elsewhere", stain=0.7),
                ask("the second step", before=1),
                ask("the fourth step, gradients from elsewhere", before=3, stain=-0.4),
            ),
            options=soft,
            share=2,
        ),
        Check(
            "the optimizer decides how",
            "whether the optimizer takes the step, with what it remembers of earlier ones",
            (
                ask(
                    "the third step with momentum",
                    options={"lr": 0.4, "momentum": 0.9},
                    before=2,
                ),
                ask("the first step of AdamW", kind="AdamW", options=adam),
                ask("the third step of AdamW", kind="AdamW", options=adam, before=2),
            ),
            options=soft,
        ),
        Check(
            "training mode stays",
            "a model in training mode stays in it, during the step and after it: then dropout 1 "
            "drops everything",
            (
                ask("dropout 1 in training mode", dropout=1.0),
                ask("the second step, dropout 1", dropout=1.0, before=1),
            ),
            options=soft,
        ),
        Check(
            "evaluation mode stays",
            "a model in evaluation mode stays in it, during the step and after it: then dropout "
            "1 drops nothing",
            (
                ask("dropout 1 in evaluation mode", dropout=1.0, training=False),
                ask("the second step", dropout=1.0, training=False, before=1),
            ),
            options=soft,
        ),
        Check(
            "a steep place",
            "a large gradient: nothing should clip it, and the loss of unlikely tokens should "
            "stay exact",
            (
                ask("weights ten times as large", loud=10.0),
                ask("the second step", loud=6.0, before=1, options={"lr": 0.01}),
            ),
            options=soft,
        ),
        Check(
            "sizes of one",
            "a batch of one row, snippets of one token",
            (ask("B = 1, T = 1", (1, 1)), ask("T = 1", (3, 1)), ask("V = 1", tables=(1, 2))),
            options=soft,
        ),
        Check(
            "float64",
            "a model in double precision",
            (ask("float64 weights", dtype="float64", before=1),),
        ),
        Check(
            "the batch is left alone",
            "an operation in place: it changes what the caller holds",
            (ask("x and y after the call"),),
            "untouched",
        ),
    ]


# --- sample_next --------------------------------------------------------------------------------

ROWS = 8_000
MANY = 20_000  # where the chances themselves are in question


def chances_of(
    logits: Sequence[float],
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    order: str = "tkp",
) -> list[float]:
    """Compute each token's probability, with the three rules applied in ``order``."""
    scores = list(logits)
    for letter in order:
        ranked = sorted(range(len(scores)), key=lambda token: -scores[token])
        if letter == "t":
            scores = [score / temperature for score in scores]
        if letter == "k" and top_k is not None:
            scores = [s if t in ranked[:top_k] else -INF for t, s in enumerate(scores)]
        if letter == "p" and top_p is not None:
            shares, mass, nucleus = _shares(scores), 0.0, []
            for token in ranked:
                nucleus.append(token)
                mass += shares[token]
                if mass >= top_p:
                    break
            scores = [s if t in nucleus else -INF for t, s in enumerate(scores)]
    return _shares(scores)


def _shares(scores: Sequence[float]) -> list[float]:
    top = max(scores)
    powers = [math.exp(score - top) if score > -INF else 0.0 for score in scores]
    return [power / math.fsum(powers) for power in powers]


def _support(chances: Sequence[float]) -> tuple[int, ...]:
    return tuple(token for token, chance in enumerate(chances) if chance > 0)


def _clear(logits: np.ndarray, temperature: float, top_k: int | None, top_p: float | None) -> bool:
    """Tell whether no two logits are nearly equal, and no nucleus has nearly the mass top_p."""
    gaps = np.diff(np.sort(logits[np.isfinite(logits)]))
    if gaps.size and gaps.min() < 0.05:
        return False
    if top_p is None:
        return True
    for order in ("tkp", "tpk", "pkt", "kpt"):
        steps = order[: order.index("p")]
        before = chances_of(logits.tolist(), temperature, top_k, None, steps)
        masses = np.cumsum(sorted(before, reverse=True))
        if (np.abs(masses - top_p) < 0.01).any():
            return False
    return True


def sample_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``sample_next``."""
    vocab = draw.integer(5, 7)
    seed = draw.integer(1, 10**6)

    def rows(count, size=None, spread=1.3, clear=(1.0, None, None), telling=()):
        """Draw rows of logits, far from every tie; each tells the orders in ``telling`` apart."""
        found: list[np.ndarray] = []
        temperature, top_k, top_p = clear
        while len(found) < count:
            row = draw.normal(size or vocab, scale=spread)
            if not _clear(row, *clear):
                continue
            orders = [
                _support(chances_of(row.tolist(), temperature, top_k, top_p, order))
                for order in ("tkp", *telling)
            ]
            if orders[0] not in orders[1:]:
                found.append(row)
        return np.array(found)

    def ask(name, logits, dtype="float32", generator=True, draws=ROWS, through=(), **sampling):
        """Ask for ``draws`` draws from the given rows in turn; compute each row's probabilities.

        ``through`` names steps that the logits go through first.
        """
        given = tensor(logits, dtype)
        groups, size = given.data.shape
        exact = [chances_of(row, **sampling) for row in given.data.astype(np.float64).tolist()]
        how = sampling | ({"generator": GENERATOR} if generator else {})
        steps = (
            seeded(seed),
            Step("logits", "@again", (given, draws)),
            Step("few", "@same", (given,)),
            *(Step(name, step, (Ref(name),)) for step in through for name in ("logits", "few")),
            Step("many", "sample_next", (Ref("logits"),), how),
        )
        after = (Step("tally", "@tally", (Ref("many"), groups, size)),)
        asked = Ref("few") if through else given
        program = Ask("sample_next", (asked,), how, steps=steps, after=after, seed=seed + 1)
        return Case(name, program), np.array(exact)

    def drawn(name, look, *asked, **more):
        options = {
            "chances": [chances for _, chances in asked],
            "shapes": [(len(chances),) for _, chances in asked],
        }
        return Check(
            name,
            look,
            tuple(one for one, _ in asked),
            "transformer_language_model.frequencies",
            options,
            **more,
        )

    def greedy(name, logits, dtype="float32", **sampling):
        def best(given, **_):
            return np.array([int(np.argmax(row)) for row in given], np.int64)

        sampling = {"temperature": 0} | sampling
        given = tensor(logits, dtype)
        how = {"seed": 1}
        return case(
            name, "sample_next", given, reference=best, dtype="float32", how=how, **sampling
        )

    hot, cold = float(draw.uniform(1.8, 2.5)), float(draw.uniform(0.3, 0.45))
    k = draw.integer(2, 3)
    mass = float(draw.uniform(0.6, 0.8))
    peaked = np.log([[0.9, 0.06, 0.03, 0.01], [0.02, 0.05, 0.9, 0.03]])
    holes = rows(2)
    holes[0, 1], holes[1, [0, 2]] = -INF, -INF
    alone = np.full((2, vocab), -INF)
    alone[0, 2], alone[1, 0] = 0.3, -4.0
    # Divided by a temperature of 1e-6 or more, such logits are drawn from rather than compared; all
    # 128 rows are right with probability 1e-7 at most. In float32, softmax still tells them apart.
    neck = np.zeros((128, 3)) - 0.5
    neck[np.arange(128), draw.rng.integers(0, 3, 128)] += 2e-6
    low = -3e4  # far below any number that might stand for minus infinity
    cool = 0.05 * np.log([[0.8, 0.15, 0.05]])
    steep = np.array([[1000.0, 999.0, -1000.0, 998.5], [-5000.0, -5001.0, -4999.5, -9000.0]])
    everything = {"temperature": hot, "top_k": 4, "top_p": mass}
    clear = (hot, 4, mass)
    graph, part = ({"through": (step,), "draws": 2_000} for step in ("@leaf", "@sliced"))
    fresh = (tensor(draw.normal(64, 40)),)
    repeat = thrice(
        "64 rows", "sample_next", fresh, {"generator": GENERATOR}, steps=(seeded(seed),)
    )
    ask_again = repeat[0].ask
    second = Step("second", "sample_next", ask_again.args, ask_again.kwargs)
    on = Ask(
        "sample_next",
        ask_again.args,
        ask_again.kwargs,
        steps=ask_again.steps,
        after=(second,),
        seed=1,
    )
    return [
        drawn(
            "as likely as they are",
            "how often each token comes in 20 000 draws: the softmax of its row's logits",
            ask("one row, three tokens", np.log([[0.5, 0.3, 0.2]]), draws=MANY),
            ask("three rows that differ", rows(3), draws=MANY),
            core=True,
            share=2,
        ),
        drawn(
            "temperature",
            "what the logits are divided by before softmax: a number above 1 makes chances more "
            "even, one below 1 less even",
            ask("temperature 2", np.log([[0.5, 0.3, 0.2]]), temperature=2.0, draws=MANY),
            ask(f"temperature {cold:.3g}", rows(2), temperature=cold, draws=MANY),
            ask(f"temperature {hot:.3g}", rows(2), temperature=hot, draws=MANY),
            ask("temperature 0.05", cool, temperature=0.05, draws=MANY),
            share=2,
        ),
        Check(
            "temperature 0",
            "the limit case, in which nothing is divided: always the most likely token",
            (
                greedy("two rows", np.array([[0.1, 2.0, -1.0], [3.0, 2.0, 1.0]])),
                greedy("0.0, and no generator", rows(6), temperature=0.0),
                greedy("with top_k and top_p", rows(4), top_k=3, top_p=0.5),
                greedy("with -inf among the logits", holes),
                greedy("128 rows, one logit larger by 2e-6", neck),
            ),
            share=2,
        ),
        drawn(
            "top_k",
            "which tokens are kept: the k largest logits of each row, whatever the other rows hold",
            ask("top_k = 2 of 4", np.log([[0.1, 0.4, 0.2, 0.3]]), top_k=2),
            ask(f"top_k = {k}", rows(3), top_k=k),
            ask("top_k = 1", rows(3), top_k=1),
            share=2,
        ),
        drawn(
            "top_k beyond the vocabulary",
            "a k larger than there are tokens: all of them stay",
            ask(f"top_k = {vocab + 1}", rows(2), top_k=vocab + 1),
            ask("top_k = 1000", rows(2), top_k=1000),
            ask("top_k = V", rows(2), top_k=vocab),
        ),
        drawn(
            "top_p",
            "which tokens make up the nucleus: the most likely ones, up to and including the one "
            "that brings the mass to top_p",
            ask("0.6 of (0.5, 0.3, 0.2)", np.log([[0.3, 0.5, 0.2]]), top_p=0.6),
            ask(f"top_p = {mass:.3g}", rows(3, clear=(1.0, None, mass)), top_p=mass),
            ask("top_p = 0.95", rows(3, clear=(1.0, None, 0.95)), top_p=0.95),
            share=2,
        ),
        drawn(
            "a small nucleus",
            "a top_p below the largest probability: one token should remain, never none",
            ask("top_p = 0.3", peaked, top_p=0.3),
            ask("top_p = 1e-6", rows(3), top_p=1e-6),
            ask("top_p = 0", rows(2), top_p=0.0),
        ),
        drawn(
            "one after the other",
            "the order: temperature, then top_k, then top_p on what is left, after its "
            "probabilities sum to 1 again",
            ask(
                f"temperature {hot:.3g}, then top_p = {mass:.3g}",
                rows(3, clear=(hot, None, mass), telling=("pt",)),
                temperature=hot,
                top_p=mass,
            ),
            ask(
                f"top_k = {k}, then top_p = {mass:.3g}",
                rows(3, clear=(1.0, k, mass), telling=("pk",)),
                top_k=k,
                top_p=mass,
            ),
            ask(
                f"all three: {hot:.3g}, 4, {mass:.3g}",
                rows(3, 7, 1.6, clear, ("tpk", "kpt", "pkt")),
                **everything,
            ),
            share=2,
        ),
        drawn(
            "tokens that can never come",
            "logits of -inf: such tokens have probability 0, whatever else is asked for",
            ask("some are -inf", holes),
            ask("top_k reaches among them", holes, top_k=vocab - 1),
            ask("with temperature and top_p", alone, temperature=hot, top_p=0.9),
        ),
        drawn(
            "large logits",
            "whether exp is ever given a large number, and whether a token that must not come has "
            "a logit of -inf, which is below all others, however low they are",
            ask("logits of ±1000", np.resize(steep, (2, 4))),
            ask("and top_p", steep[:1], top_p=0.99),
            ask("and top_k", steep, top_k=2),
            ask("logits near -30 000, top_k = 2", low + rows(2), top_k=2),
            ask("logits near -30 000, top_p = 0.6", low + np.log([[0.3, 0.5, 0.2]]), top_p=0.6),
            ask("logits near -30 000 and -inf", low + holes),
        ),
        Check(
            "the generator decides",
            "where the random numbers come from: a generator in the same state should give the "
            "same tokens, whatever torch's global generator does; None is that global generator",
            (*repeat, *thrice("64 rows, no generator", "sample_next", fresh)),
            "transformer_language_model.decided_by",
            {"by": EITHER, "names": "global_generator"},
        ),
        Check(
            "fresh every time",
            "whether the generator moves on from call to call",
            (Case("two calls, 64 rows each", on),),
            "transformer_language_model.moves_on",
        ),
        drawn(
            "without a generator",
            "None: torch's global generator",
            ask("no generator given", rows(2), generator=False),
        ),
        drawn(
            "a model's logits",
            "what a model in training passes on: logits that belong to a graph, and are part of a "
            "larger tensor. Drawing needs no gradient",
            ask("a graph behind them", rows(2), **graph),
            ask("the same and top_p", rows(2, clear=(1.0, None, 0.95)), **graph, top_p=0.95),
            ask("a slice", rows(2), **part),
            ask("a slice and top_k", rows(2), **part, top_k=2),
            ask("a slice and top_p", rows(2, clear=(1.0, None, 0.95)), **part, top_p=0.95),
            ask("all three, a slice", rows(2, 7, 1.6, clear), **part, **everything),
        ),
        drawn(
            "float64",
            "logits in double precision",
            ask("float64 logits", rows(2), "float64"),
            ask("all three", rows(2, 7, 1.6, clear), "float64", **everything),
        ),
        drawn(
            "sizes of one",
            "a vocabulary of one token, or of two",
            ask("V = 1", np.array([[0.7], [-3.0]]), top_k=1, top_p=0.5),
            ask("V = 2", rows(2, 2)),
        ),
        Check(
            "the logits are left alone",
            "an in-place operation on the caller's logits",
            (
                question(
                    "all three",
                    "sample_next",
                    tensor(rows(3)),
                    generator=GENERATOR,
                    **everything,
                    how={"steps": (seeded(seed),), "watch": True, "seed": 1},
                ),
                greedy("temperature 0", rows(3), watch=True),
            ),
            "untouched",
        ),
    ]


# --- generate -----------------------------------------------------------------------------------


def scripted_logits(tables: dict[str, np.ndarray], tokens: list[int]) -> np.ndarray:
    """Return the stock model's logits after these tokens, of which it sees the last block."""
    block = len(tables["place"])
    seen = tokens[-block:]
    logits = tables["current"][seen[-1]] + tables["place"][len(seen) - 1]
    return logits + (tables["previous"][seen[-2]] if len(seen) > 1 else 0.0)


# Enough surprise (see public/rules.py) for a wrong answer to be expected to cause: that of a
# frequency 11 standard deviations off. As 6.9 are found, it goes unseen once in 30 000 draws.
TELLING = 60.0


def _evidence(true: np.ndarray, claimed: np.ndarray, draws: int) -> float:
    """Return the surprise of the most telling outcome, if it comes as often as it should."""
    pairs = zip(true.ravel().tolist(), claimed.ravel().tolist(), strict=True)
    return max((surprise(share * draws, draws, chance) for share, chance in pairs), default=-1.0)


def generate_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``generate``."""
    vocab, block, batch, new = draw.sizes(4, 3, 7)
    seed = draw.integer(1, 10**6)

    def tables(v=vocab, t=block):
        shapes = {"current": (v, v), "previous": (v, v), "place": (t, v)}
        return {name: draw.normal(*shape) for name, shape in shapes.items()}

    def program(model, training=False):
        """Return steps that build the stock model, and those that look at it afterwards."""
        v, t = len(model["current"]), len(model["place"])
        weights = {name: array.astype(np.float32) for name, array in model.items()}
        steps = (
            seeded(seed),
            Step("model", "@transformer_language_model.Scripted", init=(v, t), weights=weights),
            Step("set", "@set_mode", (MODEL, training)),
        )
        return steps, (Step("mode", "@mode", (MODEL,)),)

    def texts(rows, length, v=vocab):
        return np.array([[draw.integer(0, v - 1) for _ in range(length)] for _ in range(rows)])

    def continued(model, prompt, count):
        """Return the greedy continuation, or None where two logits are too close to call."""
        rows = [list(map(int, row)) for row in prompt]
        for row in rows:
            for _ in range(count):
                logits = scripted_logits(model, row)
                best = np.sort(logits)[::-1]
                if len(best) > 1 and best[0] - best[1] < 1e-3:
                    return None
                row.append(int(np.argmax(logits)))
        return np.array(rows, np.int64).reshape(len(rows), -1)

    def greedy(
        name, rows, length, count, v=vocab, t=block, *, training=False, as_it="@same", **sampling
    ):
        sampling = sampling or {"temperature": 0}
        answer = None
        while answer is None:
            model, prompt = tables(v, t), texts(rows, length, v)
            answer = continued(model, prompt, count)
        steps, after = program(model, training)
        steps += (Step("prompt", as_it, (whole(prompt),)),)
        after += (Step("prompt afterwards", "@same", (Ref("prompt"),)),)
        ask = Ask(
            "generate", (MODEL, Ref("prompt"), count), sampling, steps=steps, after=after, seed=1
        )
        expected: tuple = (Tensor(answer), training, Tensor(prompt.astype(np.int64)))
        if training:  # the check of what is as before
            after += (Step("torch.is_grad_enabled()", "@transformer_language_model.recording"),)
            ask, expected = replace(ask, after=after), (*expected, True)
        return Case(name, ask, Reply(value=expected))

    def sized(rows, length, count, **more):
        name = f"B = {rows}, a prompt of {length}, {count} new, block_size {more.get('t', block)}"
        return greedy(name, rows, length, count, **more)

    def sampled(name, prompt, **sampling):
        """Ask for two tokens, many times over; compute how likely each pair of them is."""
        v, prompt = 3, [token % 3 for token in prompt]

        def pairs(**sampling):
            chances = np.zeros((1, v * v))
            for first in range(v):
                here = chances_of(scripted_logits(model, prompt).tolist(), **sampling)[first]
                logits = scripted_logits(model, [*prompt, first]).tolist()
                for second, chance in enumerate(chances_of(logits, **sampling)):
                    chances[0, first * v + second] = here * chance
            return chances

        # A default temperature of 0.8 or less must show: see TELLING.
        chances = other = np.zeros(0)
        while _evidence(other, chances, ROWS // 2) < (0.0 if sampling else TELLING):
            model = tables(v, 2)
            chances, other = pairs(**sampling), pairs(temperature=0.8)
        steps, after = program(model)
        how = sampling | {"generator": GENERATOR}
        given = whole([prompt])
        steps += (
            Step("prompts", "@again", (given, ROWS // 2)),
            Step("many", "generate", (MODEL, Ref("prompts"), 2), how),
        )
        after += (Step("tally", "@tally", (Ref("many"), 1, v, 2)),)
        ask = Ask("generate", (MODEL, given, 2), how, steps=steps, after=after, seed=seed)
        return Case(name, ask), chances, (1, len(prompt) + 2)

    wild, prompts = tables(), texts(8, 2)
    steps, _ = program(wild)
    how = {"generator": GENERATOR}
    args = (MODEL, whole(prompts), 20)
    second = Step("second", "generate", args, how)
    on = Ask("generate", args, how, steps=steps, after=(second,), seed=1)
    cold = float(draw.uniform(0.3, 0.45))
    draws = [
        sampled("plain", [0, 2]),
        sampled(f"temperature {cold:.3g}", [1], temperature=cold),
        sampled("top_k = 2", [2, 0, 1], top_k=2),
    ]
    return [
        Check(
            "greedy, while it fits",
            "which of the model's logits the next token is drawn from, and whether the model sees "
            "all of the text so far",
            (
                greedy("B = 1, a prompt of 1, 1 new", 1, 1, 1),
                greedy("B = 1, a prompt of 1, 2 new", 1, 1, 2),
                greedy(f"B = {batch}, a prompt of 2", batch, 2, block + 1, t=block + 3),
            ),
            core=True,
            share=2,
        ),
        Check(
            "longer than the window",
            "what the model gets to see when the text no longer fits (the last block_size "
            "tokens), and whether the whole text is still returned",
            (
                sized(2, block + 2, 1),
                sized(batch, 2, block + new),
                sized(3, 2 * block, new),
                sized(2, 3, 5, t=1),
            ),
            share=2,
        ),
        Check(
            "nothing new",
            "0 new tokens: the prompt as it is",
            (sized(2, 3, 0), sized(1, block + 3, 0), sized(batch, 2, 0, training=True)),
        ),
        Check(
            "evaluation inside, training after",
            "the mode while generate works: as long as a part of this model is in training mode, "
            "its logits have the wrong sign. Afterwards a model that was in training mode is in "
            "it again, and torch records gradients as before",
            (sized(2, 2, 3, training=True), sized(batch, block, 2, training=True)),
            share=2,
        ),
        Check(
            "sampling as asked for",
            "whether temperature, top_k and top_p reach sample_next",
            (
                greedy("top_k = 1", 2, 2, 4, top_k=1),
                greedy("top_p = 1e-6", 2, 2, 4, top_p=1e-6),
                greedy("top_k = 1, temperature 5", 2, 2, 4, top_k=1, temperature=5.0),
            ),
        ),
        Check(
            "as likely as the model says",
            f"how often each continuation by two tokens comes up in {ROWS // 2} rows: every row "
            "should draw its own tokens and go on from them",
            tuple(one for one, _, _ in draws),
            "transformer_language_model.frequencies",
            {
                "chances": [chances for _, chances, _ in draws],
                "shapes": [shape for _, _, shape in draws],
                "base": 3,
            },
        ),
        Check(
            "the generator decides",
            "whether the generator reaches sample_next: its state alone should decide which "
            "tokens come, and without one, that of torch's global generator",
            (
                *thrice("8 rows, 20 new", "generate", args, how, steps=steps),
                *thrice("8 rows, 20 new, no generator", "generate", args, steps=steps),
            ),
            "transformer_language_model.decided_by",
            {"by": EITHER, "names": ""},
        ),
        Check(
            "fresh every time",
            "whether the generator moves on from call to call",
            (Case("two calls, 8 rows, 20 new", on),),
            "transformer_language_model.moves_on",
        ),
        Check(
            "sizes of one",
            "a single row, a single token, a vocabulary of one",
            (sized(1, 1, 1, t=1), greedy("V = 1", 2, 2, 3, v=1), sized(1, 4, 1)),
        ),
        Check(
            VIEWS,
            "whether the prompt may be a slice or a transpose of another tensor",
            (
                sized(batch, 3, 2, as_it="@sliced"),
                sized(2, block + 2, 2, as_it="@transposed"),
            ),
        ),
    ]


# --- attend_with_cache --------------------------------------------------------------------------

PARTS = ("query", "key", "value")
LESSON = "@transformer_language_model"
SOON = 10


def causal_row(rows: dict[str, np.ndarray], places: Sequence[int]) -> np.ndarray:
    """Compute the last row of causal attention over the positions in ``places``, term by term."""
    query = rows["query"][..., places[-1], :]
    keys = [rows["key"][..., place, :] for place in places]
    values = [rows["value"][..., place, :] for place in places]
    scores = [(query * key).sum(-1) / math.sqrt(query.shape[-1]) for key in keys]
    top = np.max(scores, axis=0)
    powers = [np.exp(score - top) for score in scores]
    total = np.sum(powers, axis=0)
    mixed = sum(p[..., None] * v for p, v in zip(powers, values, strict=True))
    return (mixed / total[..., None])[..., None, :]


def causal_rows(rows: dict[str, np.ndarray]) -> np.ndarray:
    """Compute causal attention over a sequence without batch axes, row after row."""
    found = []
    for place, query in enumerate(rows["query"]):
        scores = rows["key"][: place + 1] @ query / math.sqrt(len(query))
        powers = np.exp(scores - scores.max())
        found.append(powers @ rows["value"][: place + 1] / powers.sum())
    return np.stack(found)


def _row_gradient(rows: dict, places: Sequence[int], cotangent: np.ndarray) -> tuple:
    """Differentiate sum(last row * cotangent) by central differences in q, k and v."""
    found = []
    for part in PARTS:
        grad = np.zeros_like(rows[part])
        for at in np.ndindex(*grad.shape):
            ends = []
            for move in (1e-5, -1e-5):
                moved = {name: array.copy() for name, array in rows.items()}
                moved[part][at] += move
                ends.append(float((causal_row(moved, places) * cotangent).sum()))
            grad[at] = (ends[0] - ends[1]) / 2e-5
        found.append(grad)
    return tuple(found)


def cache_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``attend_with_cache``, called after the positions in its history."""
    d_k, d_v, n = draw.sizes(3, 3, 6)
    b, c = draw.sizes(2, 2, 4)

    def drawn(length, batch=(), widths=(d_k, d_v), loud=1.0):
        k, v = widths
        shapes = {"query": (length, k), "key": (length, k), "value": (length, v)}
        return {
            part: draw.normal(*batch, *shape, scale=1.0 if part == "value" else loud)
            for part, shape in shapes.items()
        }

    def exactly(rows):
        return {part: array.astype(np.float64) for part, array in rows.items()}

    def parts(place):
        return tuple(Ref("rows", (part, place)) for part in PARTS)

    def chain(name, rows, history, *branches, dtype="float32", grad=False):
        """Walk through ``history``; then, from caches on the way, through each branch.

        A branch (start, places) goes on from the cache after the first ``start`` positions of the
        history. The call that is asked about is the history's last, or its first if that is all.
        """
        rows = {part: array.astype(dtype) for part, array in rows.items()}
        exact = exactly(rows)
        batch = list(rows["query"].shape[:-2])
        init = (batch, rows["query"].shape[-2], rows["query"].shape[-1], rows["value"].shape[-1])
        steps = [Step("rows", "@transformer_language_model.Rows", init=init, weights=rows)]
        name_of: dict[tuple, str | None] = {(): None}
        for length in range(1, len(history)):
            before, here = tuple(history[: length - 1]), tuple(history[:length])
            steps.append(_called(f"{here}", parts(here[-1]), name_of[before]))
            name_of[here] = f"{here}"
        args = _called("", parts(history[-1]), name_of[tuple(history[:-1])]).args
        name_of[tuple(history)] = "result"
        expected = [causal_row(exact, history)]
        after = []
        for start, places in branches:
            path = list(history[:start])
            for place in places:
                before = tuple(path)
                path.append(place)
                label = f"branch {start} {path}"
                after.append(_called(label, parts(place), name_of[before]))
                name_of[tuple(path)] = label
                expected.append(causal_row(exact, path))
        cotangents: tuple | None = None
        grads: tuple = ()
        if grad:
            cotangent = draw.normal(*expected[0].shape)
            cotangents = (cotangent,)
            grads = _row_gradient(exact, history, cotangent)
        ask = Ask(
            "attend_with_cache",
            args,
            cotangents=cotangents,
            wrt=PARTS if grad else (),
            steps=tuple(steps),
            after=tuple(after),
        )
        value = tuple(Tensor(row.astype(dtype)) for row in expected)
        return Case(name, ask, Reply(value=value, grads=grads))

    def walk(length, batch=(), **more):
        shape = f", batch {batch}" if batch else ""
        keys = {"widths", "loud"} & more.keys()
        rows = drawn(length, batch, **{key: more.pop(key) for key in keys})
        return chain(f"{length} steps{shape}", rows, range(length), **more)

    def first(batch=(), **more):
        return chain(f"the first step, batch {batch}", drawn(1, batch), [0], **more)

    def long_walk(texts, count, **how):
        """Take ``count`` steps in each of the texts; the outputs of all steps are compared.

        What is counted or timed must be an answer: one that forgets early positions, or gives
        anything at all where it is measured, would be cheap.
        """
        vectors = [tensor(draw.normal(1, 4)) for _ in PARTS]
        steps, after, expected = [], [], [vectors[-1]]
        for text in range(texts):
            rows = {
                part: array.astype("float32") for part, array in drawn(count, widths=(4, 4)).items()
            }
            expected.append(Tensor(causal_rows(exactly(rows)).astype("float32")))
            refs = tuple(Ref(f"reel {text}", (part,)) for part in PARTS)
            every = (f"rows {text}", 0)
            steps += [
                Step(f"reel {text}", f"{LESSON}.Reel", tuple(tensor(rows[p]) for p in PARTS)),
                Step("walk", "attend_with_cache", refs, every=every),
                Step(
                    "walk",
                    "attend_with_cache",
                    (*refs, Ref("walk", (1,))),
                    times=count - 1,
                    every=every,
                ),
            ]
            after.append(Step(f"all {text}", f"{LESSON}.joined", (Ref(f"rows {text}"),)))
        name = f"{count} steps" + (f", in {texts} texts each" if texts > 1 else "")
        ask = Ask(
            "attend_with_cache", tuple(vectors), steps=tuple(steps), after=tuple(after), **how
        )
        return Case(name, ask, Reply(value=tuple(expected)))

    here = drawn(3)
    kept = [Step(part, "@same", (tensor(here[part][..., 1:2, :]),)) for part in PARTS]
    before = Step("start", "attend_with_cache", tuple(tensor(here[p][..., :1, :]) for p in PARTS))
    refs = tuple(Ref(part) for part in PARTS)
    after = tuple(Step(f"{part} after", "@same", (Ref(part),)) for part in PARTS)
    steps = (*kept, before)
    left_alone = Ask("attend_with_cache", (*refs, Ref("start", (1,))), steps=steps, after=after)
    at_first = Ask("attend_with_cache", refs, steps=tuple(kept), after=after)
    as_given = [tensor(here[part][..., 1:2, :]) for part in PARTS]
    answer = Tensor(causal_row(here, [0, 1]).astype("float32"))
    alone = Tensor(causal_row(here, [1]).astype("float32"))
    return [
        Check(
            "step by step",
            "the row that full causal attention gives for the new position: its query against all "
            "keys so far, including its own",
            (
                chain("the first step", drawn(1, widths=(2, 3)), [0]),
                chain("the second step", drawn(2, widths=(2, 3)), [0, 1]),
                walk(n),
                walk(11),
                long_walk(1, draw.integer(150, 250)),
            ),
            "transformer_language_model.cached_rows",
            core=True,
            share=2,
        ),
        Check(
            "batch axes",
            "whether axes are counted from the end, so that any number of batch axes may come "
            "first",
            (first((b,)), walk(n, (b,)), walk(3, (b, c)), walk(3, (2, 1, c)), walk(n, (n,))),
            "transformer_language_model.cached_rows",
            share=2,
        ),
        Check(
            "an old cache stays valid",
            "what a step does to the cache that it is given, since two continuations of one text "
            "may start from it, one after the other",
            (
                chain("two continuations from step 1", drawn(4), [0, 1], (1, [2]), (2, [3])),
                chain("from step 2, longer", drawn(7), [0, 1, 2, 3], (2, [4, 5]), (4, [6])),
                chain(
                    "taking turns", drawn(7), [0, 1, 2], (1, [3]), (3, [4]), (1, [5, 6]), (3, [5])
                ),
            ),
            "transformer_language_model.cached_rows",
            share=2,
        ),
        Check(
            "every text for itself",
            "where the past is kept: in the cache alone, so that a call without a cache starts "
            "anew",
            (chain("a new start in between", drawn(4), [0, 1], (0, [2, 3]), (2, [3])),),
            "transformer_language_model.cached_rows",
        ),
        Check(
            "the work of a step",
            "how much torch computes as the steps go on: a step should look at n keys once, and "
            "not compute the earlier rows anew",
            # The work of 100 steps over that of 10, measured: 10 (a buffer of fixed size), 81 to 91
            # (the other right ways), 349 (a mask of all pairs), 637 to 805 (all rows anew). With
            # steps whose work is exactly proportional to n it would be 100.
            # The count is made where the answer runs. The judge's clock tests it: the time of 1000
            # steps in one text over that of as many in four texts, measured: 1.0 to 2.7 (at most 4
            # for steps proportional to n), 8.8 to 11 (a mask, all rows anew).
            (
                long_walk(1, SOON, counted="work"),
                long_walk(1, 10 * SOON, counted="work"),
                long_walk(4, 250, timed=True),
                long_walk(1, 1000, timed=True),
            ),
            "transformer_language_model.cheap_steps",
            {
                "steps": SOON,
                "limit": 130.0,
                "slower": 5.0,
                "names": [(500.0, "mask_of_all_pairs"), (math.inf, "all_rows_again")],
            },
            slow=True,
        ),
        Check(
            "gradients",
            "whether the gradient reaches the queries, keys and values of all earlier steps "
            "through the cache",
            (
                walk(3, widths=(2, 3), grad=True),
                walk(2, (2,), widths=(3, 2), grad=True),
                walk(1, widths=(2, 2), grad=True),
            ),
            "transformer_language_model.cached_rows",
        ),
        Check(
            "large scores",
            "whether exp is ever given a large number",
            (walk(4, loud=25.0), walk(3, (b,), loud=60.0)),
            "transformer_language_model.cached_rows",
            {"rtol": 2e-3, "atol": 2e-4},
        ),
        Check(
            "float64",
            "the dtype of the output",
            (first((b,), dtype="float64"), walk(4, (b,), dtype="float64")),
            "transformer_language_model.cached_rows",
        ),
        Check(
            "sizes of one",
            "vectors of width 1, batch axes of length 1",
            (walk(3, widths=(1, 1)), walk(3, (1, 1)), walk(3, widths=(4, 1))),
            "transformer_language_model.cached_rows",
        ),
        Check(
            "the inputs are left alone",
            "an in-place operation on the query, key or value of the caller",
            (
                Case(
                    "query, key and value after the call",
                    left_alone,
                    Reply(value=(answer, *as_given)),
                ),
                Case("after the first call", at_first, Reply(value=(alone, *as_given))),
            ),
            "transformer_language_model.cached_rows",
        ),
    ]


def _called(name: str, parts: tuple, cache: str | None) -> Step:
    """Make a step of the chain, with the cache of the step of that name, or with none."""
    return Step(name, "attend_with_cache", parts + (() if cache is None else (Ref(cache, (1,)),)))


# --- train_language_model -----------------------------------------------------------------------

# How far above the best possible the held-out loss may be after training, in nats. Measured over
# eight draws: 0.007 to 0.048 for the loops in solutions/; for broken ones, over six, at least 0.51
# (only the head trained), 0.62 (plain gradient descent), 0.65 (always the same batch), 0.73 (only
# the last position trained), 0.75 (snippets of one token), 0.85 (no training) and 0.93 (gradients
# that add up). By its entropy, a uniform guess or a bigram table is 0.79 above.
ENOUGH = 0.15
MANY_STEPS = 8  # after these, the next step of one Adam differs from a new one's first


def echo(draw: Draw, vocab: int, length: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw a text in which every token depends on the one two places back; return the dependence.

    x_t is a fixed permutation of x_(t-2), but for a share ``noise``, which is any other token. The
    last token says nothing about the next one: a bigram table of it is as bad as a uniform one.
    """
    turn = draw.permutation(vocab)
    table = np.full((vocab, vocab), noise / (vocab - 1))
    table[np.arange(vocab), turn] = 1 - noise
    text = [draw.integer(0, vocab - 1) for _ in range(2)]
    for chance in draw.uniform(0, 1, length - 2):
        due = int(turn[text[-2]])
        text.append(due if chance < 1 - noise else (due + draw.integer(1, vocab - 1)) % vocab)
    return np.array(text), table


def windows_of(text: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut a text into snippets side by side; return also what follows each of their tokens."""
    count = (len(text) - 1) // length
    x = text[: count * length].reshape(count, length)
    return x, text[1 : count * length + 1].reshape(count, length)


def best_loss(x: np.ndarray, y: np.ndarray, table: np.ndarray) -> float:
    """Return the best loss on an echo: nothing predicts what follows a snippet's first token."""
    costs = [[math.log(len(table))] * len(x)]
    costs += [-np.log(table[x[:, t - 1], y[:, t]]) for t in range(1, x.shape[1])]
    return float(np.mean(costs))


def goes_straight(weights: dict[str, np.ndarray], heads: int, text: np.ndarray, far: float) -> bool:
    """Tell whether a loss keeps its slopes while each weight moves ``far`` down its own.

    Layer norm bends sharply where a vector's entries are nearly equal. There the gradient turns
    within a few small steps, and no optimizer of the Adam family moves all weights equally far. At
    most a quarter of the slopes may change by more than a fifth. In 2000 draws of models and texts,
    1716 were like that. In these Adam's ninth step and NAdam's moved 0.92 of the weights or more
    equally far, to 30 %; in one of the others NAdam's moved 0.51.
    """
    weights = {path: array.astype(np.float64) for path, array in weights.items()}
    quick, step = quick_model(heads), 1e-6

    def loss() -> float:
        return mean_nll(quick(weights, text[None, :-1]), text[None, 1:])

    def slopes() -> dict[str, np.ndarray]:
        here, found = loss(), {path: np.zeros_like(array) for path, array in weights.items()}
        for path, array in weights.items():
            for place in np.ndindex(*array.shape):
                old = array[place]
                array[place] = old + step
                found[path][place] = (loss() - here) / step
                array[place] = old
        return found

    first = slopes()
    for path, array in weights.items():
        array[...] -= far * np.sign(first[path])
    then = slopes()
    before, after = (np.concatenate([s.ravel() for s in one.values()]) for one in (first, then))
    used = np.abs(before) > 1e-6  # not the rows of tokens that do not occur
    changes = np.abs(after[used] / before[used] - 1)
    return bool(np.quantile(changes, 0.75) <= 0.2)


def train_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``train_language_model``."""
    vocab, heads, layers, noise = 4, 2, 1, 0.1
    width, block, d_ff = 16, 6, 32
    seed = draw.integer(1, 10**6)

    def model_of(v, d, h, t, hidden):
        """Return the step that builds a model as it is before training, and its weights."""
        shapes = model_shapes(v, d, layers, t, hidden)
        weights = model_weights(draw, shapes, loud=0.6)
        for path in weights:
            if "embedding" in path:
                weights[path] *= np.float32(0.3)
            elif weights[path].ndim == 1:
                weights[path][:] = float("norm" in path and path.endswith("weight"))
        init = (v, d, h, layers, t, hidden)
        return Step("model", "TransformerLM", init=init, weights=weights), weights, shapes

    def ask(name, model, text, count, after=(), own=seed, around=1, **more):
        given = {} if own is None else {"generator": GENERATOR}
        steps = (seeded(own or 0), model, Step("before", "@state", (MODEL,)))
        args = (MODEL, whole(text), count)
        program = Ask(
            "train_language_model", args, more | given, steps=steps, after=after, seed=around
        )
        return Case(name, program)

    states = (Step("was", "@same", (Ref("before"),)), Step("now", "@state", (MODEL,)))

    # What the model learns.
    text, table = echo(draw, vocab, 3300, noise)
    text, unseen = text[:2000], text[2000:]
    x, y = windows_of(unseen, block)
    model, _, shapes = model_of(vocab, width, heads, block, d_ff)
    fruit = {
        "thresholds": [best_loss(x, y, table) + ENOUGH],
        "targets": [y],
        "uniform": math.log(vocab),
    }
    budget, rate = 70, 2e-2
    logits = (Step("logits", "@call", (MODEL, whole(x))),)
    state = (Step("state", "@state", (MODEL,)),)
    look = (
        "the loss on new text from the same source; in this source a token depends on the one two "
        "places back, so the last token alone says nothing"
    )
    title = f"{budget} steps, lr = {rate:g}, 2000 tokens"

    # What batches the model sees: with a learning rate of 0 every loss is that of the first model.
    small, weights, _ = model_of(4, 4, 1, 3, 4)
    numbers = np.array([draw.integer(0, 3) for _ in range(1500)])
    starts = np.arange(len(numbers) - 3)
    here = numbers[starts[:, None] + np.arange(3)]
    there = numbers[starts[:, None] + np.arange(1, 4)]
    scores = model_reference(1, weights, here)
    costs = nll(scores, there).mean(axis=-1)
    middle, spread = float(costs.mean()), float(costs.std())
    low, high = float(costs.min()) - 1e-3, float(costs.max()) + 1e-3
    near = _far(spread, high - low, 2000)

    # Two alternating tokens: however long the text, a snippet is one of two, and the mean over a
    # batch of B snippets is k/B of the way from one's loss to the other's.
    turns = max(
        itertools.combinations(range(4), 2),
        key=lambda pair: abs(_turn_loss(weights, pair) - _turn_loss(weights, pair[::-1])),
    )
    ends = (_turn_loss(weights, turns), _turn_loss(weights, turns[::-1]))
    between = (min(ends) - 1e-3, max(ends) + 1e-3)
    waltz = np.array(turns * 120)

    # A text with one place to begin: every batch is the same. With a small learning rate its
    # gradient has to stay nearly the same, too.
    slow = 1e-4
    while True:
        tiny, tiny_weights, _ = model_of(5, 4, 2, 6, 8)
        short = np.array([draw.integer(0, 4) for _ in range(7)])
        if goes_straight(tiny_weights, 2, short, slow * (MANY_STEPS + 1)):
            break
    start = mean_nll(model_reference(2, tiny_weights, short[None, :-1]), short[None, 1:])
    exact = (start - 2e-4, start + 2e-4, 0.0, math.inf)
    any_loss = (0.0, 20.0, 0.0, math.inf)

    alike = {"rtol": 1e-5, "atol": 1e-6}

    def three(own):
        return tuple(
            ask(f"4 steps, torch's own generator at seed {s}", small, numbers, 4, own=own, around=s)
            for s in (1, 1, 2)
        )

    return [
        Check(
            "one loss for each step",
            "what is returned: a list of floats, each of them the loss of a batch before its step",
            (
                ask("1 step, a text with one place to begin", tiny, short, 1),
                ask("5 steps", small, numbers, 5),
                ask("3 steps, batch_size and lr given", tiny, short, 3, batch_size=2, lr=1e-3),
            ),
            "transformer_language_model.loss_list",
            {"bounds": [exact, (low / 2, 2 * high, 1e-6, math.inf), any_loss]},
            core=True,
        ),
        Check(
            "it has learned",
            look,
            (ask(title, model, text, budget, logits, lr=rate),),
            "transformer_language_model.learned",
            fruit,
            core=True,
            share=3,
            where="notebook",
            slow=True,
        ),
        Check(
            "it has learned",
            look,
            (ask(title, model, text, budget, state, lr=rate),),
            "transformer_language_model.learned_weights",
            fruit | {"windows": [x], "shapes": shapes, "heads": heads},
            core=True,
            share=3,
            where="judge",
            slow=True,
        ),
        Check(
            "the model itself is trained",
            "which weights have moved: it should be all those of the model that was passed in",
            (ask("4 steps", small, numbers, 4, states),),
            "transformer_language_model.trained_in_place",
        ),
        Check(
            "the learning rate",
            "whether lr reaches the optimizer: with 0, or without a step, no weight moves",
            (
                ask("lr = 0", small, numbers, 3, states, lr=0.0),
                ask("0 steps", small, numbers, 0, states),
            ),
            "transformer_language_model.trained_in_place",
        ),
        Check(
            "the batches",
            "how many snippets a batch has, how long they are, and whether each batch is a new "
            "one. The losses of a model that does not learn (lr = 0) show it: a text of two "
            "alternating tokens has only two different snippets, and the loss tells how many of "
            "each a batch holds",
            (
                ask("batch_size = 2000, lr = 0", small, numbers, 4, batch_size=2000, lr=0.0),
                ask("batch_size = 1, two tokens in turns", small, waltz, 8, batch_size=1, lr=0.0),
                ask("batch_size = 3, two tokens in turns", small, waltz, 24, batch_size=3, lr=0.0),
            ),
            "transformer_language_model.loss_list",
            # With probability 4**-24, 24 batches of three snippets hold only one kind each; with
            # probability 10**-10 (twice (3/8)**24), all hold the same number of either kind.
            {
                "bounds": [
                    (middle - near, middle + near, 0.0, math.inf),
                    (*between, 0.0, math.inf),
                    (*between, 0.01 * (between[1] - between[0]), math.inf),
                ],
                "mixed": [(), (*ends, 1), (*ends, 3)],
            },
            share=2,
            slow=True,
        ),
        Check(
            "the generator decides",
            "where the random numbers come from: the same state of the generator should give the "
            "same losses, whatever torch's global generator does",
            three(seed),
            "transformer_language_model.decided_by",
            {"by": EITHER[:1], "names": "global_generator"} | alike,
        ),
        Check(
            "another generator, other batches",
            "whether the state of the generator makes a difference",
            tuple(ask(f"4 steps, generator at seed {s}", small, numbers, 4, own=s) for s in (1, 2)),
            "transformer_language_model.differing",
            {"said": "generators in two different states"},
        ),
        Check(
            "without a generator",
            "None: torch's global generator, whose seed then decides which batches come",
            three(None),
            "transformer_language_model.decided_by",
            {"by": EITHER[1:], "names": ""} | alike,
        ),
        Check(
            "one optimizer for all steps",
            "which optimizer is made, and where. An optimizer of the Adam family remembers the "
            "gradients so far: a step goes far (up to lr) where they agree, and hardly anywhere "
            "where they do not. A new optimizer remembers nothing: its first step moves all "
            "weights equally far",
            tuple(
                ask(f"{count} steps{of}", model, text, count, states, batch_size=2, **rate)
                for of, model, text, rate in (
                    (" of 2 snippets", small, numbers, {}),
                    (", a text with one place to begin", tiny, short, {"lr": slow}),
                )
                for count in (MANY_STEPS, MANY_STEPS + 1)
            ),
            "transformer_language_model.one_optimizer",
        ),
        Check(
            "the text is left alone",
            "an operation in place: it changes what the caller holds",
            (ask("2 steps", small, numbers, 2),),
            "untouched",
        ),
    ]


def _turn_loss(weights: dict[str, np.ndarray], turns: Sequence[int]) -> float:
    """Compute a model's loss, of block size 3, on the snippet that begins with ``turns[0]``."""
    first, second = turns
    x, y = np.array([[first, second, first]]), np.array([[second, first, second]])
    return mean_nll(model_reference(1, weights, x), y)


def _far(spread: float, size: float, count: int) -> float:
    """Bound how far the mean of ``count`` independent numbers can be from its expected value.

    By Bernstein's inequality, for numbers within ``size`` of each other with this standard
    deviation, the bound is exceeded with probability exp(-24) at most.
    """
    low, high = 0.0, size
    for _ in range(60):
        t = (low + high) / 2
        reached = count * t * t / (2 * (spread**2 + size * t / 3)) > 24
        low, high = (low, t) if reached else (t, high)
    return high


# --- next_logits --------------------------------------------------------------------------------

FEW = 8  # tokens of the shorter text whose work is counted; the longer one has ten times as many


def next_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``next_logits``, called after the tokens in its history."""
    vocab, batch, length = draw.sizes(3, 3, 6)
    heads, size = draw.sizes(2, 2, 3)
    width, block = heads * size, length + draw.integer(1, 3)

    def texts(rows, n, v=vocab):
        return np.array([[draw.integer(0, v - 1) for _ in range(n)] for _ in range(rows)])

    def weights_of(sizes, layers, dtype, tokens, loud):
        """Draw weights until float32 can hold their logits."""
        v, d, h, t = sizes
        quick, init = quick_model(h), (v, d, h, layers, t)
        while True:
            made = model_weights(draw, model_shapes(v, d, layers, t, 4 * d), loud)
            probe = case(
                "", "TransformerLM", whole(tokens), init=init, weights=made, reference=quick
            )
            if dtype == "float64" or steady(draw, probe, quick):
                return {path: array.astype(dtype) for path, array in made.items()}

    def chain(
        name, tokens, history, *branches, layers=1, sizes=None, dtype="float32", loud=1.5, **how
    ):
        """Read ``history``, places of ``tokens`` (B, N); then, from caches on the way, each branch.

        A branch (start, places) goes on from the cache after the first ``start`` tokens of the
        history. The call that is asked about is the history's last, or its first if that is all.
        """
        sizes = sizes or (vocab, width, heads, block)
        v, d, h, t = sizes
        paths = [list(history), *([*history[:start], *places] for start, places in branches)]
        longest = tokens[:, max(paths, key=len)]
        weights = weights_of(sizes, layers, dtype, longest, loud)
        init = (v, d, h, layers, t)
        steps = [Step("model", "TransformerLM", init=init, weights=weights)]
        called = functools.partial(_next_call, tokens)
        name_of: dict[tuple, str | None] = {(): None}
        for count in range(1, len(history)):
            before, here = tuple(history[: count - 1]), tuple(history[:count])
            steps.append(called(f"{here}", here[-1], name_of[before]))
            name_of[here] = f"{here}"
        args = called("", history[-1], name_of[tuple(history[:-1])]).args
        name_of[tuple(history)] = "result"

        def expected(path):
            return model_reference(h, weights, tokens[:, list(path)])[:, -1].astype(dtype)

        due = [expected(history)]
        after = []
        for start, places in branches:
            path = list(history[:start])
            for place in places:
                before = tuple(path)
                path.append(place)
                label = f"branch {start} {path}"
                after.append(called(label, place, name_of[before]))
                name_of[tuple(path)] = label
                due.append(expected(path))
        ask = Ask("next_logits", args, steps=tuple(steps), after=tuple(after), **how)
        return Case(name, ask, Reply(value=tuple(Tensor(row) for row in due)))

    def read(rows, n, layers=1, **more):
        sizes = more.get("sizes") or (vocab, width, heads, block)
        name = f"B = {rows}, {n} token{'s'[: n > 1]}, {layers} block{'s'[: layers > 1]}"
        return chain(name, texts(rows, n, sizes[0]), range(n), layers=layers, **more)

    def long_walk(count, n, heads=2, **how):
        """Read ``count`` texts of n tokens; the logits of all tokens are compared.

        What is counted or timed must be an answer: one that gives anything at all where it is
        measured would be cheap.
        """
        sizes = (5, 16, heads, n)
        rows = texts(count, n, sizes[0])
        weights = weights_of(sizes, 1, "float32", rows, 1.5)
        logits = model_reference(sizes[2], weights, rows).astype("float32")
        init = (sizes[0], sizes[1], sizes[2], 1, n)
        steps, after = [Step("model", "TransformerLM", init=init, weights=weights)], []
        for text, row in enumerate(rows):
            given, every = (MODEL, Ref(f"tape {text}", ("token",))), (f"rows {text}", 0)
            again = (*given, Ref("walk", (1,)))
            steps += [
                Step(f"tape {text}", "@transformer_language_model.Tape", (whole(row[None]),)),
                Step("walk", "next_logits", given, every=every),
                Step("walk", "next_logits", again, times=n - 1, every=every),
            ]
            after.append(
                Step(f"all {text}", "@transformer_language_model.joined", (Ref(f"rows {text}"),))
            )
        due = (Tensor(logits[:1, 0]), *(Tensor(row) for row in logits))
        name = f"{n} tokens" + (f", in {count} texts each" if count > 1 else "")
        args = (MODEL, whole(rows[:1, :1]))
        ask = Ask("next_logits", args, steps=tuple(steps), after=tuple(after), **how)
        return Case(name, ask, Reply(value=due))

    def left_alone(read_before, training):
        """Make a case that looks at token, weights and mode after the call, with a cache or not."""
        sizes, tokens = (vocab, width, heads, block), texts(2, read_before + 1)
        weights = weights_of(sizes, 1, "float32", tokens, 1.5)
        steps = [
            Step("model", "TransformerLM", init=(vocab, width, heads, 1, block), weights=weights)
        ]
        steps += [_next_call(tokens, "start", 0, None)] * read_before
        steps += [Step("set", "@set_mode", (MODEL, training))]
        steps += [Step("token", "@same", (whole(tokens[:, -1:]),))]
        args = (MODEL, Ref("token")) + (Ref("start", (1,)),) * read_before
        after = (
            Step("token afterwards", "@same", (Ref("token"),)),
            Step("weights afterwards", "@state", (MODEL,)),
            Step("mode afterwards (is it training?)", "@mode", (MODEL,)),
        )
        logits = model_reference(heads, weights, tokens)[:, -1].astype("float32")
        state = {path: Tensor(array) for path, array in weights.items()}
        due = (Tensor(logits), Tensor(tokens[:, -1:].astype(np.int64)), state, training)
        ask = Ask("next_logits", args, steps=tuple(steps), after=after)
        mode = "training" if training else "evaluation"
        return Case(f"the call for token {read_before + 1}, {mode} mode", ask, Reply(value=due))

    full = texts(1, block + 1)
    calls = [
        _next_call(full, f"token {place}", place, f"token {place - 1}" if place else None)
        for place in range(block + 1)
    ]
    sizes = (vocab, width, heads, block)
    own = weights_of(sizes, 1, "float32", full[:, :block], 1.5)
    model = Step("model", "TransformerLM", init=(vocab, width, heads, 1, block), weights=own)
    too_many = Ask("next_logits", calls[-1].args, steps=(model, *calls[:-1]))
    return [
        Check(
            "token by token",
            "what the whole model gives for the last token of the text so far: the token's own "
            "place, each block's two sub-layers, and attention over all tokens so far",
            (read(1, 1), read(1, 2), read(2, 3), read(batch, length), read(1, block)),
            "transformer_language_model.cached_rows",
            core=True,
            share=2,
        ),
        Check(
            "several blocks",
            "whether each block has keys and values of its own",
            (read(1, 2, 2), read(batch, length, 2), read(2, 3, 3)),
            "transformer_language_model.cached_rows",
        ),
        Check(
            "an old cache stays valid",
            "what a step does to the cache that it is given, since two continuations of one text "
            "may start from it, one after the other",
            (
                chain("two continuations from token 1", texts(2, 4), [0, 1], (1, [2]), (2, [3])),
                chain("taking turns", texts(1, 6), [0, 1, 2], (1, [3]), (3, [4]), (1, [5, 2])),
            ),
            "transformer_language_model.cached_rows",
            share=2,
        ),
        Check(
            "every text for itself",
            "where the past is kept: in the cache alone, so that a call without a cache starts "
            "anew",
            (chain("a new start in between", texts(1, 4), [0, 1], (0, [2, 3]), (2, [3])),),
            "transformer_language_model.cached_rows",
        ),
        Check(
            "past the window",
            "what is raised for a token after the last place of the window, and whether the "
            "message names block_size",
            (
                Case(
                    f"token {block + 1}, block_size {block}",
                    too_many,
                    Reply(failure=Failure("exception", "ValueError")),
                ),
            ),
            "error_names",
            {"numbers": [(block,)]},
        ),
        Check(
            "the work of a step",
            "how much torch computes as the text grows: only the new row goes through the layers",
            # The work of 80 tokens over that of 8, measured: 12.1 to 13.5 (the right ways), 41
            # (keys and values of all rows anew), 130 (the whole model on the whole text).
            # The count is made where the answer runs, of what torch does. The judge's clock tests
            # it: the time of 400 tokens in one text over that of as many in four texts, measured:
            # 0.9 to 1.6 (the right ways), 7.0 to 8.7 (the whole model on the whole text).
            (
                long_walk(1, FEW, counted="work"),
                long_walk(1, 10 * FEW, counted="work"),
                long_walk(4, 100, heads=8, timed=True),
                long_walk(1, 400, heads=8, timed=True),
            ),
            "transformer_language_model.one_row_a_step",
            {
                "steps": FEW,
                "limit": 25.0,
                "slower": 3.0,
                "names": [(80.0, "keys_again"), (math.inf, "whole_text_again")],
            },
            slow=True,
        ),
        Check(
            "float64",
            "the dtype of the logits",
            (read(2, 3, 2, dtype="float64"), read(1, 1, dtype="float64")),
            "transformer_language_model.cached_rows",
        ),
        Check(
            "sizes of one",
            "one row, one head, a block of one place",
            (
                read(1, 1, sizes=(3, 4, 1, 1)),
                read(1, 3, sizes=(2, 4, 1, 3)),
                read(2, 2, sizes=(3, 4, 4, 2)),
            ),
            "transformer_language_model.cached_rows",
        ),
        Check(
            "the inputs are left alone",
            "an in-place operation on the caller's token or on the model's weights, and a call of "
            "train() or eval(): the mode is the caller's business",
            tuple(left_alone(read, mode) for read in (0, 1) for mode in (True, False)),
            "transformer_language_model.cached_rows",
        ),
    ]


def _next_call(tokens: np.ndarray, name: str, place: int, cache: str | None) -> Step:
    """Make a step that reads the tokens at ``place``, with the cache of an earlier step."""
    args = (MODEL, whole(tokens[:, place : place + 1]))
    return Step(name, "next_logits", args + (() if cache is None else (Ref(cache, (1,)),)))


# --- learning_rate ------------------------------------------------------------------------------

# A float may come from a sum in another order, or from PyTorch in double precision.
RATE = {"rtol": 1e-6, "atol": 1e-12}


def rate_reference(step: int, steps: int, peak: float, warmup: int, floor: float = 0.1) -> float:
    """Compute the schedule by its geometry: heights on a half circle that is turned evenly."""
    if step < warmup:
        return math.fsum([peak / warmup] * (step + 1))
    turned = math.pi * (step - warmup) / (steps - warmup)
    height = 1 - math.sin(turned / 2) ** 2  # 1 at the top, 0 at the bottom
    low = peak * floor
    return low + (peak - low) * height


def rate_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``learning_rate``."""
    steps, warmup = draw.integer(24, 60), draw.integer(5, 9)
    peak = float(draw.uniform(0.5, 2.0))

    def ask(step, of=steps, warm=warmup, most=peak, **floor):
        told = "".join(f", {name} {value}" for name, value in floor.items())
        return case(
            f"step {step} of {of}, warm-up {warm}{told}",
            "learning_rate",
            step,
            of,
            most,
            warm,
            reference=rate_reference,
            **floor,
        )

    middle = (steps + warmup) // 2
    return [
        Check(
            "the warm-up",
            "a line from peak / warmup in step 0 to the peak in step warmup - 1",
            (ask(0), ask(warmup // 2), ask(warmup - 1)),
            options=RATE,
            core=True,
        ),
        Check(
            "the cosine",
            "half a cosine from the peak, in step warmup, down towards the floor, which would be "
            "reached in step `steps`",
            (ask(warmup), ask(warmup + 2), ask(middle), ask(steps - 2), ask(steps - 1)),
            options=RATE,
            core=True,
            share=2,
        ),
        Check(
            "no warm-up",
            "a warm-up of 0 steps: the cosine begins at once",
            (ask(0, warm=0), ask(steps // 3, warm=0), ask(steps - 1, warm=0)),
            options=RATE,
        ),
        Check(
            "the floor",
            "the share of the peak that is left at the end: 0, a half, all of it",
            (
                ask(steps - 1, floor=0.0),
                ask(middle, floor=0.5),
                ask(steps - 1, floor=0.5),
                ask(middle, floor=1.0),
                ask(1, floor=0.5),
            ),
            options=RATE,
        ),
        Check(
            "a small peak",
            "a learning rate of the usual size, as a plain float",
            (ask(2, most=3e-4), ask(middle, most=3e-4)),
            options=RATE,
        ),
        Check(
            "sizes of one",
            "a training run of one step, and a warm-up of all steps but one",
            (
                ask(0, of=1, warm=0),
                ask(0, of=2, warm=1),
                ask(1, of=2, warm=1),
                ask(3, of=4, warm=3),
            ),
            options=RATE,
        ),
    ]


EXERCISES = [
    Exercise(
        "get_batch",
        2,
        batch_checks,
        hints=(
            "Write down a text of six letters and take T = 3. At which places may a snippet begin "
            "if the letter after its last one is still to be in the text? Count the places.",
            "Draw B starting places at once, all places equally likely, with the generator that "
            "is passed in. Add the starts, as a column, to 0 … T, as a row: the table holds the "
            "places of every token that you need, and x is all but one of its columns, and so is "
            "y.",
            "places ← how many starts there are: ____ minus ____\n"
            "starts ← B random whole numbers from 0 to ____, from the generator\n"
            "table ← starts as a column plus 0 … ____ as a row\n"
            "tokens at the table, as long:  x ← all columns but ____, y ← all columns but ____",
        ),
        views=("one place only",),
        returns=("x", "y"),
    ),
    Exercise(
        "TransformerLM",
        4,
        model_checks,
        hints=(
            "`__init__` has built all the parts. In which order does a token pass through them? "
            "And what must be added at the very beginning because attention cannot find it out by "
            "itself?",
            "The stream starts as the sum of two vectors, one for the token and one for its "
            "place. Only the first T of the block_size position vectors are needed, since places "
            "are counted from the start of the snippet. Every block gets the stream and the "
            "causal mask of T positions. A check of the length comes before everything else.",
            "if T > ____: raise ____ with both numbers\n"
            "x ← vectors of the tokens (B, T, d) + vectors of the first ____ places (____, d)\n"
            "mask ← ____ for T positions\n"
            "for each block: x ← block of x with ____\n"
            "answer ← ____ of (____ of x)",
        ),
        views=("one block",),
    ),
    Exercise(
        "train_step",
        2,
        step_checks,
        hints=(
            "Four things have to happen, with the loss and the optimizer. Which of them, if left "
            "out, would go unnoticed in the first step and hurt from the second on?",
            "PyTorch adds a new gradient to the one that a parameter already holds. So clear the "
            "old gradients before the new ones are computed, and step afterwards. The loss is "
            "known before anything moves; return its number, not the tensor with its graph.",
            "loss ← negative_log_likelihood of (logits for x, ____)\n"
            "gradients of the optimizer's parameters: ____\n"
            "gradients of this loss: ____\n"
            "____ takes a step\n"
            "answer ← loss as a ____",
        ),
        views=("one step downhill",),
        returns=("loss",),
    ),
    Exercise(
        "train_language_model",
        3,
        train_checks,
        hints=(
            "You have written both halves of the loop already. What has to be made once, before "
            "the loop, and what anew in every step?",
            "Make one optimizer for the whole training, since it remembers the steps so far. In "
            "every step draw a fresh batch from the generator that was passed in, with snippets "
            "as long as the model can see; then take one step on it. The losses are what the "
            "steps return.",
            "optimizer ← of the Adam family, for ____ with learning rate ____\n"
            "losses ← an empty list\n"
            "____ times:\n"
            "    x, y ← a batch of ____ snippets of ____ tokens\n"
            "    losses gets what ____ returns\n"
            "answer ← losses",
        ),
        uses=("get_batch", "TransformerLM", "train_step"),
        views=("one loss for each step",),
        returns=("losses",),
    ),
    Exercise(
        "sample_next",
        4,
        sample_checks,
        hints=(
            "A token that must not be drawn can keep its place, with a logit of -inf. So each of "
            "the three rules can take logits and give logits, and softmax comes once, at the end.",
            "For top_k, the k-th largest logit of each row is the bar, and every token below the "
            "bar goes. For top_p, sort the probabilities of what is left in descending order. "
            "How much mass comes *before* each token? If that mass has reached top_p already, the "
            "token goes. The first token always stays. Then restore the order of the "
            "vocabulary. Temperature 0 is a case of its own.",
            "if temperature is 0: answer ← ____ of each row\n"
            "scores ← logits / ____\n"
            "if top_k: bar ← the ____ largest score of each row (k at most V); below it: ____\n"
            "if top_p: sorted shares and their order; before ← running sum minus ____\n"
            "          goes ← before ____ top_p, but never ____; back in the old order\n"
            "answer ← one token per row, drawn by softmax of ____ with the generator",
        ),
        views=("temperature 0",),
    ),
    Exercise(
        "generate",
        3,
        generate_checks,
        hints=(
            "The model gives logits for all positions that it sees. Only one position predicts "
            "the token that is not there yet.",
            "Keep two things apart: the text, which grows, and the part of it that the model "
            "sees, which never exceeds the window. Remember the model's mode before you change "
            "it, and restore it when you are done. Dropout belongs to training.",
            "mode ← the model's mode now; then evaluation\n"
            "without gradients, max_new_tokens times:\n"
            "    seen ← the last ____ tokens of the text\n"
            "    logits ← the model's at position ____\n"
            "    drawn ← sample_next of them, with ____\n"
            "    text ← text with ____ joined on as a column\n"
            "the model's mode ← ____",
        ),
        uses=("sample_next",),
        returns=("text",),
    ),
    Exercise(
        "attend_with_cache",
        3,
        cache_checks,
        hints=(
            "In row n of causal attention, which queries, keys and values take part? Which of "
            "them were there at step n - 1 already, unchanged?",
            "Old keys and values never change, and old queries are never needed again. So the "
            "cache is the keys and the values so far. Join the new ones to them along the axis of "
            "the positions, counted from the end. Make new tensors for this: the old cache may "
            "still be wanted. No mask is needed; nothing in the cache lies in the future.",
            "keys ← those of the cache (if any) and the new one, along axis ____\n"
            "values ← likewise\n"
            "weights ← softmax over ____ of (query with all keys) / ____\n"
            "answer ← (weights times ____, the new cache: ____ and ____)",
        ),
        returns=("output", "cache"),
    ),
    Exercise(
        "next_logits",
        3,
        next_checks,
        hints=(
            "Write down what the model does with a whole text, line by line. In which lines does "
            "a row need other rows than its own?",
            "Only attention looks at other rows, and `attend_with_cache` does that. Everything "
            "else works on the new row alone: its token's vector plus that of its place, and in "
            "each block norm1, the three maps, W_output, norm2, the feed-forward network. Cut "
            "query, key and value into heads, (B, h, 1, d/h), and join what comes back. Each "
            "block has a cache of its own; the model's cache holds all of these, and the number of "
            "tokens read so far.",
            "read, caches ← from the cache, or 0 and None for each block\n"
            "if read is ____: raise ____\n"
            "x ← vector of the token + vector of place ____\n"
            "for each block with its cache:\n"
            "    q, k, v ← the three maps of ____, each as (B, ____, 1, ____)\n"
            "    found, new cache ← ____ of q, k, v and the block's cache\n"
            "    x ← x + W_output of found as (B, 1, ____);  x ← x + ____ of ____ of x\n"
            "answer ← head of ____ of x without the axis of length 1, (____, the new caches)",
        ),
        uses=("TransformerLM", "attend_with_cache"),
        returns=("logits", "cache"),
    ),
    Exercise(
        "learning_rate",
        1,
        rate_checks,
        hints=(
            "Draw the curve first: where does it begin, where is its top, and how high is it at "
            "the end?",
            "There are two cases. In the warm-up the rate grows by the same amount in each step, "
            "and the last of these steps has the peak. After it, let u be the share of the *rest* "
            "that is done, beginning at 0. Then 1 + cos(πu) runs from 2 down to 0; half of it is "
            "the share of the way from the floor up to the peak.",
            "if step < ____: answer ← peak times ____ / warmup\n"
            "u ← (step minus ____) / (steps minus ____)\n"
            "share ← (1 + cos of ____) / 2\n"
            "answer ← floor times ____ + (1 minus ____) times peak times share",
        ),
    ),
]
