"""The diagram of the lesson: a block of 2017 beside a block of today."""

from __future__ import annotations

from matplotlib.figure import Figure

from grader.authoring.drawing import GRAY, LEARNED, SMALL, STEP, Box, Drawing

HEIGHT = 42  # of a box with a line below its name
PLAIN = 32  # of one without


def two_blocks() -> Figure:
    """Two diagrams of a block, each with the residual stream as a straight line from bottom to top.
    Left, 2017: a table of positions (n, d) is added before block 1. The first branch makes Q, K and
    V with h heads each (B, h, n, d/h) and has scores (B, h, n, n); it comes back to a plus sign,
    after which a layer norm sits on the stream. The second branch is a map up to (B, n, 4d), ReLU
    or GELU, and a map down (B, n, d), both with biases; another plus sign, another layer norm on
    the stream. Right, today: on the stream there are only two plus signs. The first branch is
    RMSNorm; Q with h heads, K and V with fewer, h kv; a turn of Q and K by position; attention
    block by block, in a window. The second branch is RMSNorm, then a gate through silu and a map
    up, both (B, n, d ff), multiplied, then a map down without bias. Boxes of parts that are new are
    blue.
    """
    page = Drawing(640)
    page.text(190, 20, "2017", bold=True)
    page.text(590, 20, "today (blue boxes are new)", bold=True)
    _block_of_2017(page, stream=100, branch=284)
    _block_of_today(page, stream=440, branch=640)
    return page.figure


def _at(
    page: Drawing, x: float, y: float, width: float, words: str, below: str = "", new: bool = False
) -> Box:
    """A box with its middle at (x, y)."""
    height = HEIGHT if below else PLAIN
    fill = LEARNED if new else STEP
    return page.box(x - width / 2, y - height / 2, width, height, words, below, fill=fill)


def _branch(page: Drawing, stream: float, branch: float, start: float, boxes: list[Box]) -> None:
    """Leave the stream at height ``start``, and go up through the boxes."""
    page.arrow((stream, start), (branch, start), boxes[0].bottom)
    for below, above in zip(boxes, boxes[1:], strict=False):
        page.arrow(below.top, above.bottom)


def _back(page: Drawing, stream: float, branch: float, y: float, last: Box) -> None:
    plus = page.circle(stream, y, "+")
    page.arrow(last.top, (branch, y), plus.right)


def _stream(page: Drawing, x: float) -> None:
    page.arrow((x, 606), (x, 44), width=2.4)
    page.text(x, 624, "residual stream (B, n, d)", size=SMALL, color=GRAY)


def _block_of_2017(page: Drawing, stream: float, branch: float) -> None:
    _stream(page, stream)
    _at(page, stream, 568, 170, "+ table of positions", "(n, d), before block 1")
    heads = _at(page, branch, 490, 206, "Q, K, V: h heads each", "(B, h, n, d/h)")
    formula = r"softmax$(QK^\top/\sqrt{d/h} + M)\,V$"
    scores = _at(page, branch, 432, 206, formula, "scores (B, h, n, n)")
    _branch(page, stream, branch, 530, [heads, scores])
    _back(page, stream, branch, 388, scores)
    _at(page, stream, 346, 160, "layer norm", "gain, bias")
    up = _at(page, branch, 276, 206, "up, with bias", "(B, n, 4d)")
    act = _at(page, branch, 224, 206, "ReLU or GELU")
    down = _at(page, branch, 172, 206, "down, with bias", "(B, n, d)")
    _branch(page, stream, branch, 312, [up, act, down])
    _back(page, stream, branch, 128, down)
    _at(page, stream, 86, 160, "layer norm", "gain, bias")


def _block_of_today(page: Drawing, stream: float, branch: float) -> None:
    _stream(page, stream)
    norm = _at(page, branch, 556, 250, "RMSNorm", "gain", new=True)
    words = "Q: h heads · K, V: $h_{kv}$ heads"
    heads = _at(page, branch, 498, 250, words, "(B, h, n, d/h), (B, $h_{kv}$, n, d/h)", new=True)
    turn = _at(page, branch, 446, 250, "turn Q and K by position", new=True)
    formula = r"softmax$(QK^\top/\sqrt{d/h} + M)\,V$"
    attend = _at(page, branch, 394, 250, formula, "block by block, in a window", new=True)
    _branch(page, stream, branch, 592, [norm, heads, turn, attend])
    _back(page, stream, branch, 348, attend)
    norm = _at(page, branch, 286, 250, "RMSNorm", "gain", new=True)
    _branch(page, stream, branch, 322, [norm])
    gate = _at(page, branch - 68, 222, 118, "silu(gate)", "(B, n, $d_{ff}$)", new=True)
    up = _at(page, branch + 68, 222, 118, "up", "(B, n, $d_{ff}$)", new=True)
    for box in (gate, up):
        page.arrow(norm.top, (branch, 254), (box.center[0], 254), box.bottom)
    times = page.circle(branch, 172, "×")
    page.arrow(gate.top, (gate.center[0], 172), times.left)
    page.arrow(up.top, (up.center[0], 172), times.right)
    down = _at(page, branch, 122, 250, "down, no bias", "(B, n, d)", new=True)
    page.arrow(times.top, down.bottom)
    _back(page, stream, branch, 78, down)
