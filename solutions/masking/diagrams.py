"""The diagram of the lesson: the formula, with the right place for a mask and three wrong ones."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from grader.authoring.drawing import (
    GRAY,
    GREEN,
    HIDDEN,
    ORANGE,
    SMALL,
    STEP,
    VISIBLE,
    Drawing,
)

SCORES = (1.0, 2.0, 0.5, 3.0)  # of "sat" for: the cat sat down
VISIBLE_KEYS = 3  # of the four; the last one lies in the future


def places_for_a_mask() -> Figure:
    """The formula as a row of boxes: Q and K, scores S, plus mask M, softmax, weights A, times V,
    output O. The mask is added between scores and softmax: the one right place, in green. Three
    wrong places are marked in orange. Before the scores: a key set to zero still scores 0, and e to
    the 0 is 1. Between them, but multiplied: a hidden score becomes 0, which is a score like any
    other. After softmax: the weights that are left no longer sum to 1. Below, the row of the word
    sat with the word down hidden. Right: weights 0.23, 0.63, 0.14, 0, which sum to 1. Multiplied:
    0.21, 0.58, 0.13, 0.08. After softmax: 0.09, 0.23, 0.05, 0, which sum to 0.37.
    """
    right = _softmax([*SCORES[:VISIBLE_KEYS], -math.inf])
    multiplied = _softmax([*SCORES[:VISIBLE_KEYS], 0.0])
    after = [*_softmax(SCORES)[:VISIBLE_KEYS], 0.0]

    page = Drawing(462)
    y = 118
    names = (
        ("$Q, K$", "(n, $d_k$)", 92),
        (r"$S = \frac{QK^{\!\top}}{\sqrt{d_k}}$", "", 118),
        ("softmax$_j$", "", 92),
        ("$A$", "(n, n)", 70),
        ("$O = AV$", r"(n, $d_v$)", 104),
    )
    lefts = (12, 150, 392, 540, 684)
    boxes = [
        page.box(
            x, y - 32, width, 64, name, below, fill=STEP if name.startswith("soft") else "#ffffff"
        )
        for x, (name, below, width) in zip(lefts, names, strict=True)
    ]
    plus = page.circle(326, y, "+")
    causal = [[VISIBLE if j <= i else HIDDEN for j in range(4)] for i in range(4)]
    mask = page.grid(300, 16, [[""] * 4] * 4, cell=(13, 13), fills=causal)
    page.text(362, 42, "$M$  (n, n): 0 or $-\\infty$", size=SMALL, color=GREEN, align="left")
    for start, end in zip(
        [boxes[0], boxes[1], plus, *boxes[2:]], [boxes[1], plus, *boxes[2:]], strict=False
    ):
        page.arrow(start.right, end.left)
    page.arrow(mask.bottom, plus.top, color=GREEN, width=2.2)
    page.text(340, 92, "right", bold=True, color=GREEN, size=SMALL, align="left")

    for x, middle, words in (
        (127, 110, "keys set to 0:\nthey score 0,\nand $e^0 = 1$"),
        (288, 300, "scores times 0 or 1:\n0 is a score\nlike any other"),
        (657, 657, "weights times 0 or 1:\nthe row no longer\nsums to 1"),
    ):
        page.arrow((middle, 196), (x, y + 8), color=ORANGE, dashed=True)
        page.text(middle, 206, "wrong", bold=True, color=ORANGE, size=SMALL)
        page.text(middle, 246, words, color=ORANGE, size=SMALL)

    page.line((12, 292), (788, 292), color=HIDDEN)
    page.text(12, 316, "weights of", size=SMALL, color=GRAY, align="left")
    page.text(12, 334, "the word “sat”", size=SMALL, color=GRAY, align="left")
    rows = (
        (200, "right", right),
        (410, "scores times 0", multiplied),
        (620, "after softmax", after),
    )
    for x, name, weights in rows:
        color = GREEN if name == "right" else ORANGE
        page.text(x + 80, 326, name, bold=True, color=color, size=SMALL)
        shown = [[f"{w:.2f}" if w else "0" for w in weights]]
        page.grid(x, 366, shown, cell=(40, 32), fills=[[VISIBLE] * VISIBLE_KEYS + [HIDDEN]])
        for j, word in enumerate(("the", "cat", "sat", "down")):
            page.text(x + 20 + 40 * j, 354, word, size=12, color=GRAY)
        page.text(x + 80, 416, f"sum {sum(weights):.2f}", size=SMALL, color=color)
    page.text(12, 372, "yellow: visible", size=SMALL, color=GRAY, align="left")
    page.text(12, 392, "gray: hidden", size=SMALL, color=GRAY, align="left")
    return page.figure


def _softmax(scores: Sequence[float]) -> list[float]:
    powers = [math.exp(score) for score in scores]
    return [power / sum(powers) for power in powers]
