"""The diagram of the lesson: the example with two keys, with every number."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from grader.authoring.drawing import BLUE, GRAY, SMALL, STEP, Drawing

QUERY = (0.5, 0.5)
KEYS = ((0.1, 0.2), (0.2, 0.3))
VALUES = ((0.6, 0.8), (0.7, 0.9))


def two_keys() -> Figure:
    """Data flow from left to right. Compare: the dot products of the query (0.5, 0.5) with the keys
    (0.1, 0.2) and (0.2, 0.3) are the scores 0.15 and 0.25. Normalize: softmax turns them into the
    weights 0.475 and 0.525, which add up to 1. Combine: each weight multiplies its value,
    (0.6, 0.8) or (0.7, 0.9), and the sum of the two is the output (0.652, 0.852).
    """
    scores = [sum(q * k for q, k in zip(QUERY, key, strict=True)) for key in KEYS]
    powers = [math.exp(score) for score in scores]
    weights = [power / sum(powers) for power in powers]
    output = [sum(w * v[c] for w, v in zip(weights, VALUES, strict=True)) for c in range(2)]

    page = Drawing(372)
    for x, name in ((192, "compare"), (374, "normalize"), (598, "combine")):
        page.text(x, 22, name, bold=True, color=BLUE)
    query = page.box(12, 158, 118, 54, _vector(QUERY), "query $q$")
    page.box(332, 123, 84, 124, "softmax", fill=STEP)
    total = page.circle(646, 185, "+")
    result = page.box(676, 158, 112, 54, _vector(output, 3), "output $o$", size=SMALL)
    for row, y in enumerate((131, 239)):
        key = page.box(12, (70, 246)[row], 118, 54, _vector(KEYS[row]), f"key $k_{row + 1}$")
        value = page.box(539, (40, 276)[row], 118, 54, _vector(VALUES[row]), f"value $v_{row + 1}$")
        dot, times = page.circle(192, y, "·"), page.circle(598, y, "×")
        score = page.box(228, y - 27, 78, 54, f"{scores[row]:.2f}", f"score $s_{row + 1}$")
        weight = page.box(442, y - 27, 90, 54, f"{weights[row]:.3f}", f"weight $a_{row + 1}$")
        page.arrow(key.right, dot.near(*key.right))
        page.arrow(query.right, dot.near(*query.right))
        page.arrow(dot.right, score.left)
        page.arrow(score.right, (332, y))
        page.arrow((416, y), weight.left)
        page.arrow(weight.right, times.left)
        page.arrow((value.bottom, value.top)[row], (times.top, times.bottom)[row])
        page.arrow(times.near(*total.center), total.near(*times.center))
    page.arrow(total.right, result.left)
    page.text(487, 185, "sum 1", size=SMALL, color=GRAY)
    shapes = ((71, "q (2,), keys (2, 2)"), (267, "scores (2,)"), (487, "weights (2,)"))
    for x, words in (*shapes, (598, "values (2, 2)"), (732, "output (2,)")):
        page.text(x, 350, words, size=SMALL, color=GRAY)
    return page.figure


def _vector(numbers: Sequence[float], digits: int = 1) -> str:
    return "[" + ", ".join(f"{number:.{digits}f}" for number in numbers) + "]"
