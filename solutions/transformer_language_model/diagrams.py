"""The diagram of the lesson: the whole model, and one training step."""

from __future__ import annotations

from matplotlib.figure import Figure

from grader.authoring.drawing import (
    BLUE,
    GRAY,
    HIDDEN,
    LEARNED,
    ORANGE,
    SMALL,
    STEP,
    VISIBLE,
    Drawing,
)

TEXT, START, T = "to be or not to be", 3, 5  # the lesson's own snippet


def model_and_step() -> Figure:
    """Forward, from left to right: tokens x of shape (B, T) pick rows of the table E (V, d); rows
    of the table P (block size, d) are added; the stream (B, T, d) goes through L transformer blocks
    with the causal mask M (T, T), a layer norm and the head (V, d), which gives the logits Z
    (B, T, V). Minus the logarithm of their softmax, picked at the targets y (B, T) and averaged
    over all B times T places, is the loss, one number. Backward, from right to left, in orange:
    backward turns the loss into one gradient for each weight, and the optimizer's step changes all
    the weights, drawn as blue boxes. Below, a snippet: x is b, e, space, o, r, and y, moved on by
    one, is e, space, o, r, space.
    """
    page = Drawing(450)
    y = 128
    tokens = page.box(10, y - 28, 72, 56, "$x$", "(B, T)")
    table = page.box(104, y - 28, 66, 56, "$E$", "(V, d)", fill=LEARNED)
    plus = page.circle(200, y, "+")
    places = page.box(138, 22, 124, 48, "$P$", "(block_size, d)", fill=LEARNED)
    for shift in (12, 6):
        page.box(250 + shift, y - 34 - shift, 106, 68, fill=LEARNED)
    blocks = page.box(250, y - 34, 106, 68, "block × $L$", "(B, T, d)", fill=LEARNED)
    norm = page.box(388, y - 28, 54, 56, "LN", "$d$, $d$", fill=LEARNED)
    head = page.box(464, y - 28, 66, 56, "head", "(V, d), V", fill=LEARNED, small=12)
    logits = page.box(554, y - 28, 80, 56, "$Z$", "(B, T, V)")
    surprise = page.box(
        660, y - 28, 130, 56, "−log softmax", "picked at $y$, mean", fill=STEP, size=14
    )
    causal = [[VISIBLE if j <= i else HIDDEN for j in range(T)] for i in range(T)]
    mask = page.grid(290, 14, [[""] * T] * T, cell=(9, 9), fills=causal)
    page.text(342, 36, "$M$  (T, T)", size=SMALL, color=GRAY, align="left")
    targets = page.box(689, 18, 72, 50, "$y$", "(B, T)")
    for start, end in zip(
        (tokens, table, plus, blocks, norm, head, logits),
        (table, plus, blocks, norm, head, logits, surprise),
        strict=True,
    ):
        page.arrow(start.right, end.left)
    page.arrow(places.bottom, plus.top)
    page.arrow(mask.bottom, (312, y - 46))
    page.arrow(targets.bottom, surprise.top)
    loss = page.box(689, 206, 72, 50, "loss", "()")
    page.arrow(surprise.bottom, loss.top)

    gradient = page.box(
        424,
        204,
        196,
        54,
        "loss.backward()",
        "a gradient for each weight",
        fill=STEP,
        size=14,
        small=12,
    )
    step = page.box(
        212,
        204,
        176,
        54,
        "optimizer.step()",
        "changes the blue boxes",
        fill=STEP,
        size=14,
        small=12,
    )
    page.arrow(loss.left, gradient.right, color=ORANGE, dashed=True)
    page.arrow(gradient.left, step.right, color=ORANGE, dashed=True)
    page.arrow(step.left, (137, 231), (137, y + 30), color=ORANGE, dashed=True)
    page.arrow(step.top, (300, y + 36), color=ORANGE, dashed=True)
    page.text(522, 273, "the old gradients are cleared first", size=12, color=GRAY)
    page.text(10, 22, "forward", bold=True, color=BLUE, align="left")
    page.text(10, 231, "backward", bold=True, color=ORANGE, align="left")

    page.line((10, 292), (790, 292), color=HIDDEN)
    x, target = TEXT[START : START + T], TEXT[START + 1 : START + 1 + T]
    for row, (name, letters) in enumerate((("x", x), ("y", target))):
        words = [["␣" if letter == " " else letter for letter in letters]]
        page.grid(120, 336 + 48 * row, words, cell=(44, 34), size=16)
        page.text(100, 353 + 48 * row, f"${name}$", align="right")
    for place in range(T):
        page.text(142 + 44 * place, 322, str(place), size=12, color=GRAY)
    page.text(100, 322, "place", size=12, color=GRAY, align="right")
    page.text(372, 348, "Place $t$ sees the letters of $x$ up to $t$ and", size=14, align="left")
    page.text(372, 370, "has to predict $y_t$, the letter after them:", size=14, align="left")
    page.text(372, 392, "one snippet asks $T$ questions at once.", size=14, align="left")
    return page.figure
