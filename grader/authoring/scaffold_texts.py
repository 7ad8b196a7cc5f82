"""What a new exercise begins as: a small whole one, each place that is to be replaced marked.

The example takes from each row its mean: short, and there are many ways to get it right and wrong.
``$name`` is the exercise, ``$snake`` its name in small letters, ``$of_rows`` and the like what
differs between NumPy's lesson and PyTorch's.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import Template

MARK = "REPLACE"
CHECK = "each row less its mean"  # as in the checks below

TORCH = {
    "of_rows": "dim=-1, keepdim=True",
    "of_columns": "dim=0, keepdim=True",
    "stack": "torch.stack",
    "eye": "torch.eye(n, dtype=x.dtype)",
    "given": "tensor(draw.normal(*shape))",
    "sines": "torch.arange(24, dtype=torch.float64).reshape(2, 3, 4).sin()",
}
NUMPY = {
    "of_rows": "axis=-1, keepdims=True",
    "of_columns": "axis=0, keepdims=True",
    "stack": "np.stack",
    "eye": "np.eye(n)",
    "given": "draw.normal(*shape)",
    "sines": "np.sin(np.arange(24.0)).reshape(2, 3, 4)",
}


@dataclass(frozen=True)
class Texts:
    """The parts of one kind of exercise, one for each file that it is added to."""

    solution: Template
    misconceptions: Template
    alternatives: Template
    checks: Template
    law: Template
    what: str


FUNCTION = Texts(
    solution=Template('''\
def $name(x):
    """Take from each row its mean.

    REPLACE this text: students are given it with the signature. Say shapes, dtypes and errors.

    Args:
        x: (..., n), floating, n at least 1.

    Returns:
        (..., n): the rows of x, each less its mean.
    """
    return x - x.mean($of_rows)  # REPLACE
'''),
    misconceptions=Template("""\
# REPLACE these five by what students get wrong; each needs a reply of its own to be named by.


@misconception(
    "$name",
    "mean_is_added",
    "adds the mean",
    "Each row should sum to 0 afterwards; here its sum has doubled.",
)
def ${snake}_adds(x):
    return x + x.mean($of_rows)


@misconception(
    "$name",
    "mean_of_columns",
    "takes from each column its mean",
    "The mean runs over the first axis: it is the columns that sum to 0, not the rows.",
)
def ${snake}_of_columns(x):
    return x - x.mean($of_columns)


@misconception(
    "$name",
    "mean_of_everything",
    "takes one mean from everything",
    "One number for all rows: only the whole sums to 0, as a single row would.",
)
def ${snake}_of_everything(x):
    return x - x.mean()


@misconception(
    "$name",
    "sum_for_mean",
    "takes the sum for the mean",
    "The sum is as many times too large as the row is long.",
)
def ${snake}_of_sums(x):
    return x - x.sum($of_rows)


@misconception(
    "$name",
    "sides_swapped",
    "takes each number from the mean",
    "Every sign is the opposite of what it should be.",
)
def ${snake}_swapped(x):
    return x.mean($of_rows) - x
"""),
    alternatives=Template("""\
# REPLACE these three by other right ways; the checks must accept them all.


@alternative("$name", "row by row")
def ${snake}_by_rows(x):
    rows = x.reshape(-1, x.shape[-1])
    return $stack([row - sum(row) / len(row) for row in rows]).reshape(x.shape)


@alternative("$name", "sum and length")
def ${snake}_by_sum(x):
    return x - x.sum($of_rows) / x.shape[-1]


@alternative("$name", "one matrix")
def ${snake}_by_matrix(x):
    n = x.shape[-1]
    return x @ ($eye - 1 / n)
"""),
    checks=Template('''\
def ${snake}_reference(x: np.ndarray) -> np.ndarray:
    """One row at a time, by plain sums. REPLACE: it shares no code with the solution."""
    out = np.zeros(x.shape)
    for place in np.ndindex(*x.shape[:-1]):
        row = x[place].tolist()
        mean = sum(row) / len(row)
        out[place] = [number - mean for number in row]
    return out


def ${snake}_checks(draw: Draw) -> list[Check]:
    """The checks of ``$name``."""
    a, b, n = draw.sizes(3, 2, 6)

    def ask(*shape):
        return case(
            f"shape {shape}",
            "$name",
            $given,
            reference=${snake}_reference,
        )

    return [
        Check(  # REPLACE; a card of the notebook lists the checks by name
            "each row less its mean",
            "which axis the mean runs over, and the shape that it has",
            (ask(n), ask(b, n), ask(a, b, n)),
            core=True,
        ),
    ]
'''),
    law=Template('''\
def test_${snake}_rows_sum_to_zero_and_forget_a_shift() -> None:
    """REPLACE by a law of what you teach: the expected value comes from elsewhere."""
    x = $sines
    out = $name(x)
    assert abs(out.sum(-1)).max() < 1e-12
    assert abs($name(x + 7) - out).max() < 1e-12
'''),
    what="`$name(x)` → the rows of x, each less its mean",
)

LAYER = Texts(
    solution=Template('''\
class $name(nn.Module):
    """Take from each vector the mean of its numbers, then apply a linear map.

    REPLACE this text: students are given it with the signature and ``__init__``.

    Args:
        d_in: width of the vectors that come in, at least 1.
        d_out: width of those that go out.
    """

    def __init__(self, d_in, d_out):
        super().__init__()
        self.W = nn.Linear(d_in, d_out, bias=False)

    def forward(self, x):
        """Map every vector of ``x``.

        Args:
            x: (..., d_in).

        Returns:
            (..., d_out).
        """
        return self.W(x - x.mean(dim=-1, keepdim=True))  # REPLACE
'''),
    misconceptions=Template('''\
# REPLACE these five by what students get wrong; each needs a reply of its own to be named by.


class _$name(nn.Module):
    """The layer's weights; each version below gets its own forward wrong."""

    def __init__(self, d_in, d_out):
        super().__init__()
        self.W = nn.Linear(d_in, d_out, bias=False)


@misconception(
    "$name",
    "mean_left_in",
    "maps the vectors as they are",
    "The mean is never taken away: a shift of the input shows in the output.",
)
class ${name}Plain(_$name):
    def forward(self, x):
        return self.W(x)


@misconception(
    "$name",
    "mean_of_the_output",
    "takes the mean away after the map",
    "The output sums to 0, which nobody asked for, and a shift of the input shows in it.",
)
class ${name}Late(_$name):
    def forward(self, x):
        out = self.W(x)
        return out - out.mean(dim=-1, keepdim=True)


@misconception(
    "$name",
    "mean_over_positions",
    "takes the mean over the positions",
    "Each vector loses what it has in common with its neighbors, not its own mean.",
)
class ${name}OverPositions(_$name):
    def forward(self, x):
        return self.W(x - x.mean(dim=-2, keepdim=True))


@misconception(
    "$name",
    "mean_of_everything",
    "takes one mean from everything",
    "One number for all vectors: only the whole batch sums to 0.",
)
class ${name}OfEverything(_$name):
    def forward(self, x):
        return self.W(x - x.mean())


@misconception(
    "$name",
    "mean_is_added",
    "adds the mean",
    "A shift of the input shows in the output twice over.",
)
class ${name}Adds(_$name):
    def forward(self, x):
        return self.W(x + x.mean(dim=-1, keepdim=True))
'''),
    alternatives=Template("""\
# REPLACE these three by other right ways; the checks must accept them all.


@alternative("$name", "the difference of two maps")
class ${name}ByDifference(nn.Module):
    def __init__(self, d_in, d_out):
        super().__init__()
        self.W = nn.Linear(d_in, d_out, bias=False)

    def forward(self, x):
        return self.W(x) - self.W(x.mean(dim=-1, keepdim=True).expand_as(x))


@alternative("$name", "the weights less their mean")
class ${name}ByWeights(nn.Module):
    def __init__(self, d_in, d_out):
        super().__init__()
        self.W = nn.Linear(d_in, d_out, bias=False)

    def forward(self, x):
        weight = self.W.weight - self.W.weight.mean(dim=1, keepdim=True)
        return x @ weight.T


@alternative("$name", "one matrix before the map")
class ${name}ByMatrix(nn.Module):
    def __init__(self, d_in, d_out):
        super().__init__()
        self.W = nn.Linear(d_in, d_out, bias=False)

    def forward(self, x):
        n = x.shape[-1]
        return self.W(x @ (torch.eye(n, dtype=x.dtype) - 1 / n))
"""),
    checks=Template('''\
def ${snake}_reference(weights, x: np.ndarray) -> np.ndarray:
    """One vector at a time, by plain sums. REPLACE: it shares no code with the solution."""
    matrix = weights["W.weight"].tolist()
    out = np.zeros((*x.shape[:-1], len(matrix)))
    for place in np.ndindex(*x.shape[:-1]):
        vector = x[place].tolist()
        mean = sum(vector) / len(vector)
        out[place] = [sum(w * (v - mean) for w, v in zip(r, vector, strict=True)) for r in matrix]
    return out


def ${snake}_checks(draw: Draw) -> list[Check]:
    """The checks of ``$name``."""
    a, b, d_in, d_out = draw.sizes(4, 2, 6)

    def ask(*shape):
        return case(
            f"x of shape {shape}, d_out = {d_out}",
            "$name",
            tensor(draw.normal(*shape)),
            reference=${snake}_reference,
            init=(shape[-1], d_out),
            weights={"W.weight": draw.normal(d_out, shape[-1]).astype("float32")},
        )

    return [
        Check(  # REPLACE; a card of the notebook lists the checks by name
            "each row less its mean",
            "which axis the mean runs over, and whether it goes before the map",
            (ask(b, d_in), ask(a, b, d_in)),
            core=True,
        ),
    ]
'''),
    law=Template('''\
def test_${snake}_forgets_a_shift() -> None:
    """REPLACE by a law of what you teach: the expected value comes from elsewhere."""
    layer = $name(4, 3).double()
    x = torch.arange(24, dtype=torch.float64).reshape(2, 3, 4).sin()
    torch.testing.assert_close(layer(x + 7), layer(x))
    constant = torch.full((2, 4), 5.0, dtype=torch.float64)
    torch.testing.assert_close(layer(constant), torch.zeros(2, 3, dtype=torch.float64))
'''),
    what="`$name(d_in, d_out)` → a layer that takes from each vector its mean, then maps it",
)

ENTRY = Template("""\
    Exercise(
        "$name",
        $points,
        ${snake}_checks,
        hints=(
            "REPLACE: a nudge. How many means do three rows have?",
            "REPLACE: the idea. A mean over the last axis loses that axis; keep it, so that the "
            "means still stand beside their rows.",
            "REPLACE: an outline with blanks.\\n"
            "mean ← the mean over the ____ axis, which is kept\\n"
            "answer ← x ____ mean",
        ),
    ),
""")

CARD = Template("""\
### Exercise $number · `$name`

| | |
| --- | --- |
| **What** | REPLACE: $what |
| **Why** | REPLACE: what it is good for |
| **Points** | $counted |
| **Difficulty** | ●○○○○ |
| **Minutes** | 5 |
| **The checks look at** | $check |

REPLACE: what there is to know beyond the table.""")

HINT = Template('`hint("$name")` is there if you want it.')
