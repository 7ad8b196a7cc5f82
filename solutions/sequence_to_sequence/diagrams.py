"""The diagram of the lesson: encoder, decoder, and who looks at whom."""

from __future__ import annotations

from matplotlib.figure import Figure

from grader.authoring.drawing import (
    BLUE,
    GRAY,
    HIDDEN,
    LEARNED,
    ORANGE,
    SMALL,
    VISIBLE,
    Drawing,
)

SOURCE = ("un", "chat", "noir", "pad")
TARGET = ("bos", "a", "black", "cat")


def who_looks_at_whom() -> Figure:
    """Upper row, the encoder: the source, of shape (B, S), is embedded, gets positions, and goes
    through self-attention and feed-forward, which gives the memory m (B, S, d). Lower row, the
    decoder: the target moved one place to the right, (B, T), is embedded, gets positions, and goes
    through causal self-attention, then cross-attention, whose queries come from the decoder and
    whose keys and values come from the memory, then feed-forward and the head, which gives the
    logits (B, T, V). Below, three grids of who looks at whom, yellow for visible, gray for hidden.
    Encoder, source looking at source: every word sees every word, but none sees the padding.
    Decoder, target looking at target: each word sees itself and the words before it, never those
    after it. Cross-attention, target looking at source: every word sees every source word, but not
    the padding.
    """
    page = Drawing(508)
    page.text(12, 24, "encoder", bold=True, color=BLUE, align="left")
    page.text(12, 140, "decoder", bold=True, color=ORANGE, align="left")
    above, below = 76, 192
    source = page.box(12, above - 27, 84, 54, "source", "(B, S)")
    embedded = page.box(124, above - 27, 116, 54, "embedding", "+ positions", fill=LEARNED)
    encoder = page.box(268, above - 27, 128, 54, "self-attention", "+ feed-forward", fill=LEARNED)
    memory = page.box(430, above - 27, 96, 54, "memory $m$", "(B, S, d)")
    given = page.box(12, below - 27, 84, 54, "target_in", "(B, T)")
    placed = page.box(124, below - 27, 116, 54, "embedding", "+ positions", fill=LEARNED)
    looking = page.box(268, below - 27, 128, 54, "self-attention", "causal", fill=LEARNED)
    cross = page.box(420, below - 27, 128, 54, "cross-attention", "$Q$ from here", fill=LEARNED)
    thinking = page.box(572, below - 27, 110, 54, "feed-forward", "+ head", fill=LEARNED)
    logits = page.box(706, below - 27, 84, 54, "logits", "(B, T, V)")
    for row in (
        (source, embedded, encoder, memory),
        (given, placed, looking, cross, thinking, logits),
    ):
        for one, other in zip(row, row[1:], strict=False):
            page.arrow(one.right, other.left)
    page.arrow((480, above + 27), (480, below - 27), color=BLUE, width=2.2)
    page.text(492, 132, "$K$, $V$ from the memory", size=SMALL, color=BLUE, align="left")

    page.line((12, 246), (788, 246), color=HIDDEN)
    page.text(12, 270, "Who looks at whom?", bold=True, align="left", size=14)
    page.text(
        788,
        270,
        "a row asks, a column is asked; yellow: visible, gray: hidden",
        size=SMALL,
        color=GRAY,
        align="right",
    )
    hide_padding = [[VISIBLE] * (len(SOURCE) - 1) + [HIDDEN] for _ in TARGET]
    causal = [[VISIBLE if j <= i else HIDDEN for j in range(4)] for i in range(4)]
    grids = (
        ("encoder", "(B, 1, 1, S) padding mask", SOURCE, SOURCE, hide_padding),
        ("decoder, self", "(T, T) causal mask", TARGET, TARGET, causal),
        ("decoder, cross", "(B, 1, 1, S) padding mask", TARGET, SOURCE, hide_padding),
    )
    for number, (name, mask, rows, columns, colors) in enumerate(grids):
        x, y = 64 + 262 * number, 344
        page.text(x + 84, 304, name, size=14, color=(BLUE, ORANGE, ORANGE)[number], bold=True)
        page.grid(
            x,
            y,
            [[""] * 4] * 4,
            cell=(42, 30),
            fills=colors,
        )
        for k in range(4):
            page.text(x - 8, y + 15 + 30 * k, rows[k], size=SMALL, color=GRAY, align="right")
            page.text(x + 21 + 42 * k, y - 12, columns[k], size=SMALL, color=GRAY)
        page.text(x + 84, y + 140, mask, size=SMALL, color=GRAY)
    return page.figure
