"""Loops over queries are found in the text, and loops over anything else are not."""

from __future__ import annotations

import textwrap

import pytest

from grader.rules.loops import find_query_loop

HEAD = "def batched_attention(queries, keys, values):\n"
TAIL = """
scores = queries @ keys.T
weights = np.exp(scores - scores.max(axis=1, keepdims=True))
weights = weights / weights.sum(axis=1, keepdims=True)
return weights @ values, weights
"""


def body(text: str) -> str:
    """A cell whose function has this body."""
    return HEAD + textwrap.indent(textwrap.dedent(text).strip("\n"), "    ") + "\n"


ALLOWED = {
    "matrix products": body(TAIL),
    "an earlier exercise": body(
        "weights = softmax(queries @ keys.T)\nreturn weights @ values, weights"
    ),
    "einsum": body(
        """
        scores = np.einsum("md,nd->mn", queries, keys)
        weights = softmax(scores, axis=-1)
        for j in range(weights.shape[1]):
            pass
        return np.einsum("mn,nv->mv", weights, values), weights
        """
    ),
    "for over keys": body(
        """
        scores = np.zeros((len(queries), len(keys)))
        for j in range(len(keys)):
            scores[:, j] = queries @ keys[j]
        weights = softmax(scores)
        return weights @ values, weights
        """
    ),
    "enumerate keys": body(
        """
        m, d = queries.shape
        n = keys.shape[0]
        scores = np.empty((m, n))
        for j, key in enumerate(keys):
            scores[:, j] = np.dot(queries, key)
        weights = softmax(scores)
        out = np.zeros((m, values.shape[1]))
        for j in range(n):
            out += weights[:, j : j + 1] * values[j]
        return out, weights
        """
    ),
    "comprehension over keys": body(
        """
        scores = np.array([queries @ key for key in keys]).T
        weights = softmax(scores)
        out = sum(column[:, None] * value for column, value in zip(weights.T, values))
        return out, weights
        """
    ),
    "a list that grows over keys": body(
        """
        columns = []
        for key in keys:
            columns.append((queries * key).sum(axis=1))
        scores = np.stack(columns, axis=1)
        weights = softmax(scores)
        parts = [column for column in columns]
        return weights @ values, weights
        """
    ),
    "for over features": body(
        """
        scores = 0
        for k in range(queries.shape[1]):
            scores = scores + queries[:, k, None] * keys[:, k]
        weights = softmax(scores)
        columns = [weights @ values[:, c] for c in range(values.shape[-1])]
        return np.column_stack(columns), weights
        """
    ),
    "features through the transpose": body(
        """
        scores = np.zeros((queries.shape[0], keys.shape[0]))
        for mine, theirs in zip(queries.T, keys.T):
            scores += np.outer(mine, theirs)
        weights = softmax(scores)
        return weights @ values, weights
        """
    ),
    "features last to first": body(
        """
        *_, d = queries.shape
        scores = sum(queries[:, [k]] * keys[:, k][None, :] for k in range(d))
        weights = softmax(scores)
        return weights @ values, weights
        """
    ),
    "while over keys": body(
        """
        n = len(keys)
        j = 0
        total = np.zeros((queries.shape[0], 1))
        out = np.zeros((queries.shape[0], values.shape[1]))
        while j < n:
            part = np.exp(queries @ keys[j])[:, np.newaxis]
            total += part
            out += part * values[j]
            j += 1
        return out / total, None
        """
    ),
    "for over the arguments": body(
        """
        for array in (queries, keys, values):
            assert array.ndim == 2
        for name, array in {"queries": queries, "keys": keys}.items():
            if array.shape[1] != keys.shape[1]:
                raise ValueError(name)
        """
        + TAIL.replace("\n", "\n        ")
    ),
    "map over the arguments": body(
        """
        queries, keys, values = map(np.asarray, (queries, keys, values))
        for k in range(keys.shape[1]):
            pass
        """
        + TAIL.replace("\n", "\n        ")
    ),
    "comprehension over the arguments": body(
        """
        queries, keys, values = [np.asarray(a, dtype=float) for a in (queries, keys, values)]
        for key in keys:
            pass
        """
        + TAIL.replace("\n", "\n        ")
    ),
    "for over the shape": body(
        """
        for size in queries.shape:
            assert size > 0
        for axis in range(queries.ndim):
            pass
        """
        + TAIL.replace("\n", "\n        ")
    ),
    "columns of the scores": body(
        """
        scores = queries @ keys.T
        weights = np.empty_like(scores)
        top = scores.max(axis=1)
        total = np.exp(scores - top[:, None]).sum(axis=1)
        for j, column in enumerate(scores.T):
            weights[:, j] = np.exp(column - top) / total
        for j in range(scores.shape[1]):
            weights[:, j] = weights[:, j] * 1.0
        return weights @ values, weights
        """
    ),
    "keys first": body(
        """
        scores = keys @ queries.T
        for row in scores:
            row -= 0
        weights = softmax(scores, axis=0).T
        return weights @ values, weights
        """
    ),
    "map over keys": body(
        """
        scores = np.stack(list(map(lambda key: queries @ key, keys)), axis=-1)
        weights = softmax(scores)
        return weights @ values, weights
        """
    ),
    "reduce over keys": body(
        """
        from functools import reduce
        weights = softmax(queries @ keys.T)
        parts = [np.outer(weights[:, j], values[j]) for j in range(len(values))]
        return reduce(np.add, parts), weights
        """
    ),
    "vectorize over the keys alone": body(
        """
        size = np.vectorize(lambda j: float(np.sum(keys[j] ** 2)))(np.arange(len(keys)))
        lengths = np.apply_along_axis(np.linalg.norm, 1, keys)
        """
        + TAIL.replace("\n", "\n        ")
    ),
    "a helper over keys": """
def fill(scores, queries, keys):
    for j in range(keys.shape[0]):
        scores[:, j] = queries.dot(keys[j])
    return scores

def batched_attention(queries, keys, values):
    scores = fill(np.zeros((queries.shape[0], keys.shape[0])), queries, keys)
    weights = softmax(scores)
    return weights @ values, weights
""",
    "a helper that loops, called for keys": """
def lengths(vectors):
    return np.array([np.sqrt(v @ v) for v in vectors])

def batched_attention(queries, keys, values):
    lengths(keys)
    weights = softmax(queries @ keys.T)
    return weights @ values, weights
""",
    "a generator over keys": """
def columns(queries, keys):
    for key in keys:
        yield queries @ key

def batched_attention(queries, keys, values):
    scores = np.stack([c for c in columns(queries, keys)], axis=1)
    weights = softmax(scores)
    return weights @ values, weights
""",
    "a loop in another function": """
def attention_for_each(queries, keys, values):
    return [attention(q, keys, values) for q in queries]

"""
    + body(TAIL),
    "a loop that tries it out": body(TAIL)
    + "\nfor q in np.eye(3):\n    print(batched_attention(q[None], np.eye(3), np.eye(3)))\n",
    "three-axis broadcast": body(
        """
        products = queries[:, None, :] * keys[None, :, :]
        scores = products.sum(axis=-1)
        for j in range(scores.shape[1]):
            pass
        for j in range(products.shape[1]):
            pass
        weights = softmax(scores)
        out = (weights[:, :, None] * values[None]).sum(axis=1)
        return out, weights
        """
    ),
    "reshaped": body(
        """
        m, d = queries.shape
        scores = np.sum(queries.reshape(m, 1, d) * keys.reshape(1, -1, d), axis=2)
        for column in scores.transpose():
            pass
        for column in np.moveaxis(scores, 1, 0):
            pass
        weights = softmax(scores)
        return weights @ values, weights
        """
    ),
    "a guard for one query": body(
        """
        if queries.ndim == 1:
            queries = queries[None, :]
        scores = queries @ keys.T
        for j in range(scores.shape[1]):
            pass
        weights = softmax(scores)
        return weights @ values, weights
        """
    ),
    "one fixed query": body(
        "first = attention(queries[0], keys, values)\nweights = softmax(queries @ keys.T)\n"
        "return weights @ values, weights"
    ),
    "through torch": body(
        """
        q, k, v = (torch.from_numpy(a) for a in (queries, keys, values))
        weights = (q @ k.transpose(0, 1)).softmax(dim=-1)
        return (weights @ v).numpy(), weights.numpy()
        """
    ),
    "other names": """
def batched_attention(q, k, v):
    s = q.dot(k.T)
    for key in k:
        s = s + 0 * (q @ key)[:, None]
    w = softmax(s)
    return w @ v, w
""",
    "a class over keys": """
class Lookup:
    def __init__(self, keys, values):
        self.keys, self.values = keys, values

    def scores(self, queries):
        return np.stack([queries @ key for key in self.keys], axis=1)

def batched_attention(queries, keys, values):
    weights = softmax(Lookup(keys, values).scores(queries))
    return weights @ values, weights
""",
}

FORBIDDEN = {
    "for": (
        "for",
        body(
            """
            rows = []
            for query in queries:
                rows.append(softmax(keys @ query))
            weights = np.array(rows)
            return weights @ values, weights
            """
        ),
    ),
    "comprehension": (
        "comprehension",
        body(
            """
            weights = np.array([softmax(keys @ q) for q in queries])
            return weights @ values, weights
            """
        ),
    ),
    "generator": (
        "comprehension",
        body("return np.stack(list(attention(q, keys, values) for q in queries)), None"),
    ),
    "dict comprehension": (
        "comprehension",
        body("rows = {i: softmax(keys @ queries[i]) for i in range(len(queries))}\nreturn rows"),
    ),
    "range of the shape": (
        "for",
        body(
            """
            m, d = queries.shape
            out = np.zeros((m, values.shape[1]))
            for i in range(m):
                out[i] = attention(queries[i], keys, values)
            return out, None
            """
        ),
    ),
    "range of len": (
        "for",
        body("for i in range(len(queries)):\n    print(queries[i])\nreturn None"),
    ),
    "enumerate": (
        "for",
        body("for i, query in enumerate(queries):\n    print(i, query)\nreturn None"),
    ),
    "zip with something else": (
        "for",
        body(
            """
            out = np.zeros((queries.shape[0], values.shape[1]))
            for query, row in zip(queries, out):
                row[:] = attention(query, keys, values)
            return out, None
            """
        ),
    ),
    "rows of the scores": (
        "comprehension",
        body(
            """
            scores = queries @ keys.T
            weights = np.array([softmax(row) for row in scores])
            return weights @ values, weights
            """
        ),
    ),
    "rows of the transposed product": (
        "for",
        body(
            """
            scores = keys @ queries.T
            for i in range(scores.shape[1]):
                scores[:, i] = softmax(scores[:, i])
            return scores.T @ values, scores.T
            """
        ),
    ),
    "rows of the output": (
        "for",
        body(
            """
            weights = np.zeros((queries.shape[0], len(keys)))
            for i in range(weights.shape[0]):
                weights[i] = softmax(keys @ queries[i])
            return weights @ values, weights
            """
        ),
    ),
    "nested": (
        "for",
        body(
            """
            scores = np.zeros((len(queries), len(keys)))
            for j in range(len(keys)):
                for i in range(len(queries)):
                    scores[i, j] = np.sum(queries[i] * keys[j])
            return None
            """
        ),
    ),
    "while": (
        "while",
        body(
            """
            i = 0
            rows = []
            while i < len(queries):
                rows.append(attention(queries[i], keys, values))
                i += 1
            return np.array(rows), None
            """
        ),
    ),
    "while true": (
        "index",
        body(
            """
            i = 0
            while True:
                query = queries[i]
                i += 1
                if i >= len(queries):
                    break
            return None
            """
        ),
    ),
    "while a list lasts": (
        "while",
        body("left = list(queries)\nwhile left:\n    left.pop()\nreturn None"),
    ),
    "a range that hides its length": (
        "index",
        body("for i in range(10**6):\n    queries[i]\nreturn None"),
    ),
    "an endless count": (
        "index",
        body("for i in itertools.count():\n    softmax(keys @ queries[i])\nreturn None"),
    ),
    "slices of one": (
        "for",
        body("for i in range(0, queries.shape[0], 1):\n    queries[i : i + 1]\nreturn None"),
    ),
    "ndindex": (
        "for",
        body("for i, j in np.ndindex(len(queries), len(keys)):\n    pass\nreturn None"),
    ),
    "a list of rows": (
        "comprehension",
        body("return np.array([attention(q, keys, values) for q in queries.tolist()]), None"),
    ),
    "map": (
        "map",
        body(
            """
            weights = np.array(list(map(lambda q: softmax(keys @ q), queries)))
            return weights @ values, weights
            """
        ),
    ),
    "map over numbers": (
        "map",
        body(
            "return list(map(lambda i: attention(queries[i], keys, values), range(len(queries))))"
        ),
    ),
    "map, unpacked": (
        "map",
        body("return np.stack([*map(softmax, queries @ keys.T)]), None"),
    ),
    "starmap": (
        "starmap",
        body(
            "from itertools import starmap, repeat\n"
            "return list(starmap(attention, zip(queries, repeat(keys), repeat(values))))"
        ),
    ),
    "a pool": (
        "map",
        body("with Pool(2) as pool:\n    rows = pool.map(softmax, queries @ keys.T)\nreturn rows"),
    ),
    "reduce": (
        "reduce",
        body("import functools\nreturn functools.reduce(lambda a, q: a + q, queries, 0)"),
    ),
    "vectorize": (
        "vectorize",
        body(
            """
            one = np.vectorize(lambda q: softmax(keys @ q), signature="(d)->(n)")
            weights = one(queries)
            return weights @ values, weights
            """
        ),
    ),
    "vectorize over scores": (
        "vectorize",
        body(
            "powers = np.vectorize(math.exp)(queries @ keys.T)\n"
            "weights = powers / powers.sum(1, keepdims=True)\nreturn weights @ values, weights"
        ),
    ),
    "vectorize over numbers": (
        "vectorize",
        body(
            "one = np.vectorize(lambda i: softmax(keys @ queries[i]), signature='()->(n)')\n"
            "return one(np.arange(len(queries)))"
        ),
    ),
    "vectorize as a decorator": (
        "vectorize",
        """
@np.vectorize
def power(score):
    return math.exp(score)

def batched_attention(queries, keys, values):
    powers = power(queries @ keys.T)
    weights = powers / powers.sum(axis=1, keepdims=True)
    return weights @ values, weights
""",
    ),
    "vectorize under another name": (
        "vectorize",
        "from numpy import vectorize as together\n"
        + body("return together(lambda q: q, signature='(d)->(d)')(queries)"),
    ),
    "frompyfunc": (
        "frompyfunc",
        body("return np.frompyfunc(math.exp, 1, 1)(queries @ keys.T).astype(float)"),
    ),
    "apply_along_axis": (
        "apply_along_axis",
        body(
            """
            weights = np.apply_along_axis(lambda q: softmax(keys @ q), 1, queries)
            return weights @ values, weights
            """
        ),
    ),
    "apply_along_axis over scores": (
        "apply_along_axis",
        body("weights = np.apply_along_axis(softmax, -1, np.einsum('md,nd->mn', queries, keys))"),
    ),
    "a helper": (
        "comprehension",
        """
def each(rows, keys):
    return np.array([softmax(keys @ row) for row in rows])

def batched_attention(queries, keys, values):
    weights = each(queries, keys)
    return weights @ values, weights
""",
    ),
    "a helper of a helper, by keyword": (
        "for",
        """
def softmax_rows(scores):
    out = np.zeros(scores.shape)
    for i in range(out.shape[0]):
        out[i] = softmax(scores[i])
    return out

def weigh(a, b):
    return softmax_rows(scores=a @ b.T)

def batched_attention(queries, keys, values):
    weights = weigh(b=keys, a=queries)
    return weights @ values, weights
""",
    ),
    "a helper given the number": (
        "for",
        """
def rows(count, row):
    out = []
    for i in range(count):
        out.append(row(i))
    return np.array(out)

def batched_attention(queries, keys, values):
    weights = rows(queries.shape[0], lambda i: softmax(keys @ queries[i]))
    return weights @ values, weights
""",
    ),
    "a generator": (
        "for",
        """
def rows(queries, keys):
    for q in queries:
        yield softmax(keys @ q)

def batched_attention(queries, keys, values):
    weights = np.array(list(rows(queries, keys)))
    return weights @ values, weights
""",
    ),
    "a class": (
        "comprehension",
        """
class Reader:
    def __init__(self, queries):
        self.queries = queries

    def read(self, keys):
        return [softmax(keys @ q) for q in self.queries]

def batched_attention(queries, keys, values):
    weights = np.array(Reader(queries).read(keys))
    return weights @ values, weights
""",
    ),
    "a function inside": (
        "comprehension",
        body(
            """
            def inner():
                return np.array([softmax(keys @ q) for q in queries])
            weights = inner()
            return weights @ values, weights
            """
        ),
    ),
    "a lambda": (
        "comprehension",
        "batched_attention = lambda q, k, v: np.array([attention(x, k, v) for x in q])\n",
    ),
    "a partial": (
        "map",
        "from functools import partial\n"
        + body("return list(map(partial(attention, keys=keys, values=values), queries))"),
    ),
    "a copy that cannot be followed": (
        "for",
        body("rows = mystery(queries)\nfor row in rows:\n    pass\nreturn None"),
    ),
    "an iterator": (
        "for",
        body("for q in iter(queries):\n    pass\nreturn None"),
    ),
    "parts of it": (
        "for",
        body("for part in np.array_split(queries, 4):\n    pass\nreturn None"),
    ),
    "a copy": (
        "for",
        body(
            "q = np.array(queries, dtype=np.float64).copy()\nfor row in q:\n    pass\nreturn None"
        ),
    ),
    "other names": (
        "comprehension",
        "def batched_attention(a, b, c):\n    return [attention(x, b, c) for x in a], None\n",
    ),
    "behind a magic": (
        "comprehension",
        "%time\n" + body("return np.array([attention(q, keys, values) for q in queries]), None"),
    ),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_allowed(name: str) -> None:
    assert find_query_loop(ALLOWED[name]) is None


@pytest.mark.parametrize("name", FORBIDDEN)
def test_forbidden(name: str) -> None:
    what, source = FORBIDDEN[name]
    found = find_query_loop(source)
    assert found is not None
    assert found.what == what
    assert found.kind == ("loop" if what in LOOPS else "call")
    assert found.text and found.text in source


LOOPS = {"for", "comprehension", "while", "index", "pop", "next"}


@pytest.mark.parametrize("name", [*ALLOWED, *FORBIDDEN])
def test_snippets_are_python(name: str) -> None:
    source = ALLOWED.get(name) or FORBIDDEN[name][1]
    compile(source.replace("%time\n", ""), "cell", "exec")


@pytest.mark.parametrize(
    "source",
    [
        "",
        "def batched_attention(queries, keys, values):\n    return (",
        "\0",
        "batched_attention = 3",
        "def batched_attention(*args, **kwargs):\n    return args",
        "def batched_attention():\n    return 1",
        "class batched_attention:\n    pass",
        body("return batched_attention(queries, keys, values)"),
        body("return " + "(" * 300 + "1" + ")" * 300),
        body("return queries" + " + 1" * 5000),
        body("return queries[0, 1, 2, 3], queries[..., None, 'a'], queries.T.T.x.y(3)"),
        body("queries.shape = 3\ndel queries\nmatch keys:\n    case [a, *b]:\n        return b"),
        "async def batched_attention(q, k, v):\n    async for x in k:\n        await x",
        body("np.stack()\nnp.einsum()\nrange()\nzip()\nmap()\nlen()\nnext()"),
        body("np.einsum('ij,jk', queries)\nnp.transpose(queries, 7)\nqueries.reshape()"),
    ],
)
def test_strange_source_is_nobodys_fault(source: str) -> None:
    assert find_query_loop(source) is None


def test_the_line_is_named() -> None:
    found = find_query_loop(FORBIDDEN["for"][1])
    assert found is not None
    assert (found.line, found.text) == (3, "for query in queries:")


def test_any_function_can_be_asked_for() -> None:
    source = "def other(queries, keys, values):\n    return [q for q in queries]\n\n" + body(TAIL)
    assert find_query_loop(source) is None
    assert find_query_loop(source, "other") is not None


def test_the_last_function_stands_in_for_one_of_another_name() -> None:
    source = FORBIDDEN["comprehension"][1].replace("batched_attention", "batched_loops")
    assert find_query_loop(source) is not None
