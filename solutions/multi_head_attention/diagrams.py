"""The diagram of the lesson: vectors split into heads, and merged again."""

from __future__ import annotations

from matplotlib.figure import Figure

from grader.authoring.drawing import BLUE, GRAY, LEARNED, SMALL, STEP, Drawing

POSITIONS, WIDTH, HEADS = 3, 6, 3
COLORS = ("#f1a340", "#f7f7f7", "#998ec3")  # one for each head, as in the lesson's own picture


def split_and_merge() -> Figure:
    """Data flow from left to right, for 3 positions of width d = 6 and h = 3 heads of width w = 2.
    The input x, of shape (B, n, d), goes through W query, W key and W value. Each result, (B, n,
    d), is split into three heads, (B, h, n, w): head 0 gets features 0 and 1 of all three
    positions, head 1 features 2 and 3, head 2 features 4 and 5. Each head attends by itself, with
    weights (B, h, n, n). The outputs, (B, h, n, w), are merged side by side into (B, n, d), and W
    output mixes them into the layer's output, (B, n, d).
    """
    page = Drawing(392)
    middle, w = 196, WIDTH // HEADS
    x = page.box(8, middle - 29, 70, 58, "$x$", "(B, n, d)", size=18)
    maps = [
        page.box(100, middle - 27 + down, 76, 54, f"$W_{{{name}}}$", "(d, d)", fill=LEARNED)
        for down, name in ((-76, "query"), (0, "key"), (76, "value"))
    ]
    for box in maps:
        page.arrow(x.right, (89, middle), (89, box.left[1]), box.left)
    labels = [[f"{10 * i + c:02}" for c in range(WIDTH)] for i in range(POSITIONS)]
    colors = [[COLORS[c // w] for c in range(WIDTH)]] * POSITIONS
    whole = page.grid(200, middle - 39, labels, cell=(25, 26), fills=colors, size=12)
    for box in maps:
        page.arrow(box.right, (188, box.right[1]), (188, middle), whole.left)
    page.text(275, middle - 58, "$Q$, likewise $K$ and $V$", size=SMALL)
    page.text(275, middle + 56, "(B, n, d)", size=SMALL, color=GRAY)
    merged = page.grid(
        560,
        middle - 39,
        [[""] * WIDTH] * POSITIONS,
        cell=(17, 26),
        fills=colors,
    )
    for head in range(HEADS):
        y = middle + 118 * (head - 1)
        part = [row[w * head : w * head + w] for row in labels]
        split = page.grid(
            374, y - 39, part, cell=(25, 26), fills=[[COLORS[head]] * w] * POSITIONS, size=12
        )
        page.text(399, y - 50, f"head {head}", size=12, color=GRAY)
        attend = page.box(444, y - 22, 84, 44, "attention", fill=STEP, size=SMALL)
        page.arrow(whole.right, (362, middle), (362, y), split.left) if head != 1 else page.arrow(
            whole.right, split.left
        )
        page.arrow(split.right, attend.left)
        page.arrow(attend.right, (544, y), (544, middle), merged.left) if head != 1 else page.arrow(
            attend.right, merged.left
        )
    page.text(399, 378, "(B, h, n, w)", size=SMALL, color=GRAY)
    page.text(330, 22, "split", bold=True, color=BLUE)
    page.text(552, 22, "merge", bold=True, color=BLUE)
    page.text(611, middle + 56, "(B, n, d)", size=SMALL, color=GRAY)
    page.text(486, 378, "weights (B, h, n, n)", size=SMALL, color=GRAY, align="left")
    output = page.box(674, middle - 27, 50, 54, "$W_O$", "(d, d)", fill=LEARNED)
    page.arrow(merged.right, output.left)
    page.arrow(output.right, (742, middle))
    page.text(768, middle - 8, "out", size=SMALL)
    page.text(768, middle + 14, "(B, n, d)", size=SMALL, color=GRAY)
    page.text(8, 378, "n = 3, d = 6, h = 3, w = d/h = 2", size=SMALL, color=GRAY, align="left")
    return page.figure
