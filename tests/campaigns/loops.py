"""``python -m tests.campaigns.loops``: try the check on honest and looping answers.

All of them are right answers to ``batched_attention``. The honest ones may loop over keys,
features, names and what not; the looping ones go through the queries one by one, or in blocks, and
some of them hide it. Each is put to the exercise's own checks.
"""

from __future__ import annotations

import linecache
import sys
import textwrap
import types
from dataclasses import dataclass

from grader.course.exercises import find
from grader.judge.known_replies import known_replies
from grader.protocol.calls import DirectCalls
from grader.protocol.values import Verdict
from grader.rules.asking import put_questions
from grader.rules.evaluate import evaluate

LESSON, EXERCISE, CHECK = "single_query_attention", "batched_attention", "no loop over the queries"
HEAD = "def batched_attention(queries, keys, values):\n"
RETURN = "return weights @ values, weights\n"
PRELUDE = """
import numpy as np

def softmax(scores, axis=-1):
    powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)

def attend(query, keys, values):
    return softmax(keys @ query)
"""


def body(text: str, end: str = RETURN) -> str:
    """Write a cell whose function has this body and returns the weighted average of values."""
    return HEAD + textwrap.indent(textwrap.dedent(text).strip("\n") + "\n" + end, "    ")


def before(text: str) -> str:
    """Write a cell that does something first, and then the two products."""
    return body(textwrap.dedent(text).strip("\n") + "\nweights = softmax(queries @ keys.T)")


def after(text: str) -> str:
    """Write a cell that does something with the weights before it returns."""
    return body("weights = softmax(queries @ keys.T)\n" + textwrap.dedent(text).strip("\n"))


HONEST = {
    "two products": before(""),
    "einsum": body(
        """
        weights = softmax(np.einsum("md,nd->mn", queries, keys))
        return np.einsum("mn,nv->mv", weights, values), weights
        """,
        "",
    ),
    "matmul, transposed": body("weights = softmax(np.matmul(keys, queries.T), axis=0).T"),
    "np.dot and np.inner": body("weights = softmax(np.inner(queries, keys))"),
    "np.tensordot": body("weights = softmax(np.tensordot(queries, keys, axes=(1, 1)))"),
    "broadcasting over three axes": body(
        "weights = softmax((queries[:, None, :] * keys[None, :, :]).sum(axis=-1))"
    ),
    "broadcast_to and where": body(
        """
        scores = queries @ keys.T
        top = np.broadcast_to(scores.max(axis=1)[:, None], scores.shape)
        powers = np.where(scores < top, np.exp(scores - top), 1.0)
        weights = powers / powers.sum(axis=1)[:, None]
        """
    ),
    "a loop over the keys": body(
        """
        scores = np.zeros((len(queries), len(keys)))
        for j, key in enumerate(keys):
            scores[:, j] = queries @ key
        weights = softmax(scores)
        """
    ),
    "a comprehension over the keys": body(
        "weights = softmax(np.array([queries @ key for key in keys]).T)"
    ),
    "a while over the keys": body(
        """
        columns, j = [], 0
        while j < keys.shape[0]:
            columns.append((queries * keys[j]).sum(axis=1))
            j += 1
        weights = softmax(np.stack(columns, axis=1))
        """
    ),
    "map over the keys": body(
        "weights = softmax(np.stack(list(map(lambda key: queries @ key, keys)), axis=1))"
    ),
    "np.apply_along_axis over the keys": body(
        "weights = softmax(np.apply_along_axis(lambda key: queries @ key, 1, keys).T)"
    ),
    "np.vectorize over the numbers of the keys": body(
        """
        one = np.vectorize(lambda j: queries @ keys[j], signature="()->(m)")
        weights = softmax(one(np.arange(len(keys))).T)
        """
    ),
    "reduce over the keys": body(
        """
        import functools
        weights = softmax(queries @ keys.T)
        parts = (np.outer(weights[:, j], values[j]) for j in range(len(values)))
        return functools.reduce(np.add, parts), weights
        """,
        "",
    ),
    "recursion over the keys": """
def columns(queries, keys):
    return [] if len(keys) == 0 else [queries @ keys[0], *columns(queries, keys[1:])]

"""
    + body("weights = softmax(np.stack(columns(queries, keys), axis=1))"),
    "a loop over the features": body(
        """
        scores = 0
        for k in range(queries.shape[1]):
            scores = scores + queries[:, k, None] * keys[:, k]
        weights = softmax(scores)
        """
    ),
    "a loop over keys and features": body(
        """
        scores = np.zeros((queries.shape[0], keys.shape[0]))
        for j in range(keys.shape[0]):
            for k in range(keys.shape[1]):
                scores[:, j] += queries[:, k] * keys[j, k]
        weights = softmax(scores)
        """
    ),
    "a loop over the columns of the values": body(
        """
        weights = softmax(queries @ keys.T)
        return np.stack([weights @ column for column in values.T], axis=1), weights
        """,
        "",
    ),
    "names and shapes, printed (from the issue)": before(
        """
        for name, x in dict(q=queries, k=keys, v=values).items():
            print(name, x.shape)
        """
    ),
    "a while that ends by itself (from the issue)": after(
        """
        i = 0
        while not np.allclose(weights.sum(1), 1) and i < 3:
            weights = weights / weights.sum(axis=1, keepdims=True)
            i += 1
        """
    ),
    "vars() while debugging (from the issue)": after("print(sorted(vars()))\nlocals()"),
    "eval while debugging (from the issue)": after(
        'for text in ("queries.shape", "keys.shape", "weights.min()"):\n    print(text, eval(text))'
    ),
    "exec while debugging": after('exec("print(weights.shape)")'),
    "globals() while debugging": before('print("softmax" in globals())'),
    "a loop over the arguments": before(
        "queries, keys, values = [np.asarray(x, dtype=np.float64) for x in (queries, keys, values)]"
    ),
    "a loop over the shape": before("for size in (*queries.shape, *keys.shape):\n    assert size"),
    "asserts": after(
        """
        assert queries.shape[1] == keys.shape[1], "widths differ"
        assert np.allclose(weights.sum(axis=1), 1.0), weights
        assert (weights >= 0).all() and not np.isnan(weights).any()
        """
    ),
    "the exact type is asked for": before("assert type(queries) is np.ndarray, type(queries)"),
    "everything is printed": after(
        "print(queries)\nprint(weights, weights.sum(axis=1))\nprint(f'{values}', repr(queries))"
    ),
    "the first rows are printed": after("for row in weights[:2]:\n    print(row)"),
    "lists are printed": after("print(queries.tolist(), str(weights.tolist()))"),
    "only the queries are printed as a list": before("print(queries.tolist())"),
    "a helper in another cell": """
def scores_of(left, right):
    return left @ right.T


def normalized(powers):
    return powers / powers.sum(axis=1, keepdims=True)

"""
    + body(
        """
        scores = scores_of(queries, keys)
        weights = normalized(np.exp(scores - scores.max(axis=1, keepdims=True)))
        """
    ),
    "functions inside": body(
        """
        def scores():
            return queries @ keys.T

        shifted = (lambda s: s - s.max(axis=1, keepdims=True))(scores())
        weights = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
        """
    ),
    "a class": """
class Lookup:
    def __init__(self, keys, values):
        self.keys, self.values = keys, values

    def __call__(self, queries):
        weights = softmax(queries @ self.keys.T)
        return weights @ self.values, weights

"""
    + body("return Lookup(keys, values)(queries)", ""),
    "a dataclass": """
from dataclasses import dataclass

@dataclass
class Result:
    output: np.ndarray
    weights: np.ndarray

"""
    + body(
        """
        weights = softmax(queries @ keys.T)
        result = Result(weights @ values, weights)
        return result.output, result.weights
        """,
        "",
    ),
    "a decorator that measures time": """
import functools, time

def timed(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        started = time.perf_counter()
        result = function(*args, **kwargs)
        print(f"{function.__name__}: {time.perf_counter() - started:.3f} s")
        return result
    return wrapper

@timed
"""
    + before(""),
    "a cache by shape": """
import functools

@functools.lru_cache(maxsize=None)
def zeros(m, n):
    return np.zeros((m, n))

"""
    + body("weights = softmax(zeros(len(queries), len(keys)) + queries @ keys.T)"),
    "try and except": body(
        """
        try:
            scores = queries @ keys
        except ValueError:
            scores = queries @ keys.T
        if scores.shape != (len(queries), len(keys)):
            scores = queries @ keys.T
        scores = queries @ keys.T
        weights = softmax(scores)
        """
    ),
    "logging and warnings": """
import logging, warnings

log = logging.getLogger("lesson")

"""
    + after(
        """
        log.warning("weights %s", weights.shape)
        log.debug("%s", weights)
        warnings.warn("look here", stacklevel=2)
        """
    ),
    "a test against attention of one query": after(
        "one = attend(queries[0], keys, values)\nassert np.allclose(one, weights[0])"
    ),
    "a test against a few rows": after(
        """
        for i in (0, -1):
            assert np.allclose(weights[i], attend(queries[i], keys, values))
        """
    ),
    "torch": "import torch\n"
    + body(
        """
        q, k, v = (torch.from_numpy(x) for x in (queries, keys, values))
        weights = torch.softmax(q @ k.T, dim=-1)
        return (weights @ v).numpy(), weights.numpy()
        """,
        "",
    ),
    "np.testing and np.errstate": after(
        """
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(weights.sum(axis=1), np.ones(len(weights)))
        """
    ),
    "sorting and searching": after(
        """
        order = np.argsort(weights, axis=1)
        best = np.take_along_axis(weights, order, axis=1)[:, -1]
        print(np.percentile(best, 50), np.unique(order[:, -1], return_counts=True))
        """
    ),
    "halves, joined": body(
        """
        half = queries.shape[0] // 2
        parts = [softmax(part @ keys.T) for part in (queries[:half], queries[half:])]
        weights = np.concatenate(parts)
        """
    ),
    "a lambda": "batched_attention = lambda q, k, v: (lambda w: (w @ v, w))(softmax(q @ k.T))\n",
    "match and walrus": body(
        """
        match queries.shape:
            case (m, d) if (n := keys.shape[0]):
                print(m, d, n)
        weights = softmax(queries @ keys.T)
        """
    ),
    "a generator of two": body(
        """
        def both():
            weights = softmax(queries @ keys.T)
            yield weights @ values
            yield weights

        return tuple(both())
        """,
        "",
    ),
    "a trace of one's own, put back": after(
        """
        import sys
        old = sys.gettrace()
        sys.settrace(old)
        """
    ),
}

ROWS = "weights = np.array(rows)"
LOOPING = {
    "for": body(
        f"rows = []\nfor query in queries:\n    rows.append(softmax(keys @ query))\n{ROWS}"
    ),
    "for, by number": body(
        """
        weights = np.zeros((queries.shape[0], keys.shape[0]))
        for i in range(queries.shape[0]):
            weights[i] = softmax(keys @ queries[i])
        """
    ),
    "for, inside a loop over the keys": body(
        """
        scores = np.zeros((len(queries), len(keys)))
        for j in range(len(keys)):
            for i in range(len(queries)):
                scores[i, j] = queries[i] @ keys[j]
        weights = softmax(scores)
        """
    ),
    "for over np.ndindex": body(
        """
        scores = np.zeros((len(queries), len(keys)))
        for i, j in np.ndindex(*scores.shape):
            scores[i, j] = queries[i] @ keys[j]
        weights = softmax(scores)
        """
    ),
    "a comprehension": body("weights = np.array([softmax(keys @ q) for q in queries])"),
    "only the softmax in a loop": body(
        "weights = np.array([softmax(row) for row in queries @ keys.T])"
    ),
    "only the output in a loop": body(
        """
        weights = softmax(queries @ keys.T)
        return np.array([row @ values for row in weights]), weights
        """,
        "",
    ),
    "a generator": body("weights = np.stack(list(softmax(keys @ q) for q in queries))"),
    "a generator function and yield from": """
def rows(queries, keys):
    yield from (softmax(keys @ q) for q in queries)

"""
    + body("weights = np.stack([*rows(queries, keys)])"),
    "np.fromiter of a generator": body(
        """
        n = len(keys)
        flat = (score for q in queries for score in keys @ q)
        weights = softmax(np.fromiter(flat, float).reshape(-1, n))
        """
    ),
    "while with an index": body(
        f"""
        i, rows = 0, []
        while i < len(queries):
            rows.append(softmax(keys @ queries[i]))
            i += 1
        {ROWS}
        """
    ),
    "while a list lasts": body(
        f"""
        left, rows = list(queries), []
        while left:
            rows.append(softmax(keys @ left.pop(0)))
        {ROWS}
        """
    ),
    "recursion (from the issue)": """
def down(queries, keys, i=0):
    if i == len(queries):
        return []
    return [softmax(keys @ queries[i])] + down(queries, keys, i + 1)

"""
    + body("weights = np.array(down(queries, keys))"),
    "divide and conquer": """
def halves(queries, keys):
    if len(queries) == 1:
        return softmax(keys @ queries[0])[None]
    half = len(queries) // 2
    return np.concatenate([halves(queries[:half], keys), halves(queries[half:], keys)])

"""
    + body("weights = halves(queries, keys)"),
    "rows(*queries) (from the issue)": """
def rows(*queries, keys):
    return np.array([softmax(keys @ q) for q in queries])

"""
    + body("weights = rows(*queries, keys=keys)"),
    "sorted(key=) (from the issue)": body(
        f"rows = []\nsorted(queries, key=lambda q: rows.append(softmax(keys @ q)) or 0)\n{ROWS}"
    ),
    "max(key=) (from the issue)": body(
        f"""
        rows = []
        max(range(len(queries)), key=lambda i: rows.append(softmax(keys @ queries[i])) or 0)
        {ROWS}
        """
    ),
    "list.sort(key=)": body(
        f"""
        rows = []
        list(range(len(queries))).sort(key=lambda i: rows.append(softmax(keys @ queries[i])) or i)
        {ROWS}
        """
    ),
    "re.sub with a function (from the issue)": "import re\n"
    + body(
        f"""
        rows = []
        re.sub("x", lambda _: rows.append(softmax(keys @ queries[len(rows)])) or "",
               "x" * len(queries))
        {ROWS}
        """
    ),
    "timeit (from the issue)": "import timeit\n"
    + body(
        f"""
        rows = []
        timeit.timeit(lambda: rows.append(softmax(keys @ queries[len(rows)])), number=len(queries))
        {ROWS}
        """
    ),
    "__getitem__ (from the issue)": """
class Rows:
    def __init__(self, queries, keys):
        self.queries, self.keys = queries, keys

    def __len__(self):
        return len(self.queries)

    def __getitem__(self, i):
        return softmax(self.keys @ self.queries[i])

"""
    + body("weights = np.array(list(Rows(queries, keys)))"),
    "__iter__ and __next__": """
class Rows:
    def __init__(self, queries, keys):
        self.left, self.keys = list(queries), keys

    def __iter__(self):
        return self

    def __next__(self):
        if not self.left:
            raise StopIteration
        return softmax(self.keys @ self.left.pop(0))

"""
    + body("weights = np.array(list(Rows(queries, keys)))"),
    "__missing__ of a dict": """
class Table(dict):
    def __missing__(self, i):
        return softmax(self.keys_ @ self.queries[i])

"""
    + body(
        """
        table = Table()
        table.keys_, table.queries = keys, queries
        weights = np.array(list(map(table.__getitem__, range(len(queries)))))
        """
    ),
    "a global dict (from the issue)": """
tools = {"go": lambda queries, keys: np.array([softmax(keys @ q) for q in queries])}

"""
    + body('weights = tools["go"](queries, keys)'),
    "a swapped __code__ (from the issue)": """
def innocent(queries, keys):
    return softmax(queries @ keys.T)

def other(queries, keys):
    return np.array([softmax(keys @ q) for q in queries])

innocent.__code__ = other.__code__

"""
    + body("weights = innocent(queries, keys)"),
    "setattr on __main__ (from the issue)": """
import __main__

setattr(__main__, "go", lambda queries, keys: np.array([softmax(keys @ q) for q in queries]))

"""
    + body("weights = __main__.go(queries, keys)"),
    "map of a lambda": body("weights = np.array(list(map(lambda q: softmax(keys @ q), queries)))"),
    "map of a partial": """
from functools import partial

def one(keys, query):
    return softmax(keys @ query)

"""
    + body("weights = np.array([*map(partial(one, keys), queries)])"),
    "map of np.dot": body(
        """
        from itertools import repeat
        weights = softmax(np.array(list(map(np.dot, repeat(keys), queries))))
        """
    ),
    "map of keys.dot": body("weights = softmax(np.array(list(map(keys.dot, queries))))"),
    "map of np.matmul": body(
        """
        from itertools import repeat
        weights = softmax(np.array(list(map(np.matmul, repeat(keys), queries))))
        """
    ),
    "itertools.starmap of operator.matmul": body(
        """
        import itertools, operator
        pairs = zip(itertools.repeat(keys), queries)
        weights = softmax(np.array([*itertools.starmap(operator.matmul, pairs)]))
        """
    ),
    "itertools.accumulate": body(
        """
        import itertools
        rows = itertools.accumulate(queries, lambda _, q: softmax(keys @ q), initial=0)
        weights = np.array(list(rows)[1:])
        """
    ),
    "functools.reduce": body(
        """
        import functools
        rows = functools.reduce(lambda done, q: [*done, softmax(keys @ q)], queries, [])
        weights = np.array(rows)
        """
    ),
    "filter": body(
        f"rows = []\nlist(filter(lambda q: rows.append(softmax(keys @ q)), queries))\n{ROWS}"
    ),
    "iter(callable, sentinel)": body(
        f"""
        left, rows = list(queries), []
        list(iter(lambda: bool(left) and rows.append(softmax(keys @ left.pop(0))), False))
        {ROWS}
        """
    ),
    "np.vectorize of a function": body(
        """
        one = np.vectorize(lambda q: softmax(keys @ q), signature="(d)->(n)")
        weights = one(queries)
        """
    ),
    "np.vectorize of np.exp": body(
        """
        scores = queries @ keys.T
        powers = np.vectorize(np.exp)(scores - scores.max(axis=1, keepdims=True))
        weights = powers / powers.sum(axis=1, keepdims=True)
        """
    ),
    "np.vectorize of math.exp, made before": """
import math

exp = np.vectorize(math.exp)

"""
    + body(
        """
        scores = queries @ keys.T
        powers = exp(scores - scores.max(axis=1, keepdims=True))
        weights = powers / powers.sum(axis=1, keepdims=True)
        """
    ),
    "np.frompyfunc of a lambda": body(
        """
        scores = queries @ keys.T
        exp = np.frompyfunc(lambda x: np.exp(x), 1, 1)
        powers = exp(scores - scores.max(axis=1, keepdims=True)).astype(float)
        weights = powers / powers.sum(axis=1, keepdims=True)
        """
    ),
    "np.frompyfunc of math.exp": body(
        """
        import math
        scores = queries @ keys.T
        exp = np.frompyfunc(math.exp, 1, 1)
        powers = exp(scores - scores.max(axis=1, keepdims=True)).astype(float)
        weights = powers / powers.sum(axis=1, keepdims=True)
        """
    ),
    "np.apply_along_axis": body(
        "weights = np.apply_along_axis(lambda q: softmax(keys @ q), 1, queries)"
    ),
    "np.apply_along_axis of keys.dot": body(
        "weights = softmax(np.apply_along_axis(keys.dot, 1, np.asarray(queries)))"
    ),
    "np.array_split and map": body(
        """
        parts = np.array_split(queries, len(queries))
        weights = np.concatenate(list(map(lambda q: softmax(q @ keys.T), parts)))
        """
    ),
    "blocks of eight queries": body(
        """
        blocks = [queries[i : i + 8] for i in range(0, len(queries), 8)]
        weights = np.concatenate([softmax(block @ keys.T) for block in blocks])
        """
    ),
    "blocks of a hundred queries": body(
        """
        blocks = [queries[i : i + 100] for i in range(0, len(queries), 100)]
        weights = np.concatenate([softmax(block @ keys.T) for block in blocks])
        """
    ),
    "exec of as many lines": body(
        """
        rows = []
        lines = "rows.append(softmax(keys @ queries[len(rows)]))\\n" * len(queries)
        exec(lines, {"rows": rows, "softmax": softmax, "keys": keys, "queries": queries})
        weights = np.array(rows)
        """
    ),
    "eval of one long list": body(
        """
        text = "[" + "softmax(keys @ next(left))," * len(queries) + "]"
        names = {"softmax": softmax, "keys": keys, "left": iter(queries)}
        weights = np.array(eval(text, names))
        """
    ),
    "a thread": """
import threading

"""
    + body(
        f"""
        rows = []
        def work():
            for q in queries:
                rows.append(softmax(keys @ q))
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        {ROWS}
        """
    ),
    "ThreadPoolExecutor.map": """
from concurrent.futures import ThreadPoolExecutor

"""
    + body(
        """
        with ThreadPoolExecutor(2) as pool:
            weights = np.array(list(pool.map(lambda q: softmax(keys @ q), queries)))
        """
    ),
    "a pool of threads that were there before": """
from concurrent.futures import ThreadPoolExecutor

pool = ThreadPoolExecutor(1)
pool.submit(int).result()

"""
    + body("weights = np.array(list(pool.map(lambda q: softmax(keys @ q), queries)))"),
    "a pool of processes": """
import multiprocessing

def one(pair):
    return softmax(pair[0] @ pair[1])

"""
    + body(
        """
        with multiprocessing.get_context("fork").Pool(1) as pool:
            weights = np.array(pool.map(one, [(keys, q) for q in queries]))
        """
    ),
    "a coroutine": """
import asyncio

async def one(query, keys):
    return softmax(keys @ query)

def run(coroutine):
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()

async def every(queries, keys):
    return [await one(q, keys) for q in queries]

"""
    + body("weights = np.array(run(every(queries, keys)))"),
    "a decorator": """
def for_each(function):
    return lambda queries, keys: np.array([function(q, keys) for q in queries])

@for_each
def weights_of(query, keys):
    return softmax(keys @ query)

"""
    + body("weights = weights_of(queries, keys)"),
    "a property": """
class Lookup:
    def __init__(self, queries, keys):
        self.queries, self.keys = queries, keys

    @property
    def weights(self):
        return np.array([softmax(self.keys @ q) for q in self.queries])

"""
    + body("weights = Lookup(queries, keys).weights"),
    "an exception for each": body(
        f"""
        rows, left = [], iter(queries)
        try:
            while True:
                rows.append(softmax(keys @ next(left)))
        except StopIteration:
            pass
        {ROWS}
        """
    ),
    "a right answer that loops besides": after("for q in queries:\n    q.sum()"),
    "the trace function taken away": body(
        f"""
        import sys
        sys.settrace(None)
        rows = [softmax(keys @ q) for q in queries]
        {ROWS}
        """
    ),
}


@dataclass(frozen=True)
class Row:
    """What became of one answer."""

    verdict: Verdict

    @property
    def check(self):
        return next(check for check in self.verdict.checks if check.name == CHECK)

    @property
    def others(self) -> list[str]:
        """Return what other checks have against it: for these right answers, nothing."""
        return [c.message for c in self.verdict.checks if c.name != CHECK and not c.passed]


def namespace(source: str) -> dict:
    """Run the cell in the main module; return its names. Python knows its lines."""
    main = sys.modules["__main__"]
    for name, text in (("<ipython-input-1-a>", PRELUDE), ("<ipython-input-2-b>", source)):
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        exec(compile(text, name, "exec"), vars(main))
    return vars(main)


def judged(source: str, seed: bytes = b"loops") -> Row:
    """Judge an answer in this process, without measuring time."""
    suite, real = find(EXERCISE).suite(seed), sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        replies = put_questions(suite, DirectCalls(namespace(source)).ask, timed=False)
    finally:
        sys.modules["__main__"] = real
    return Row(evaluate(suite, replies, lambda: known_replies(LESSON, EXERCISE, suite)))


def main() -> None:
    """Print the table; exit with 1 if it is not as it should be."""
    faults = 0
    for kind, table in (("honest", HONEST), ("looping", LOOPING)):
        print(f"{len(table)} {kind} answers")
        for name, source in table.items():
            row = judged(source)
            good = row.check.passed == (kind == "honest") and not row.others
            faults += not good
            said = row.check.message or "passed"
            named = row.check.misconception
            print(f"  {'' if good else 'WRONG '}{name}: {said}{f' [{named.id}]' if named else ''}")
            for other in row.others:
                print(f"      another check: {other}")
    print(f"{faults} faults")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
