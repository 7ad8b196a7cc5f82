"""Hints that unfold one after the other, without a kernel: each contains the next.

A fold is HTML's own ``details`` element: a key opens it (Tab, then Enter or Space), a screen reader
says whether it is open, and it works in a notebook that is only viewed.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

STEPS = ("a nudge", "the idea", "an outline with blanks")
# Without this, JupyterLab takes the keys: Enter edits the cell, Space scrolls.
OWN_KEYS = 'data-lm-suppress-shortcuts="true"'
BUTTON = (
    "cursor:pointer;width:fit-content;padding:.2em .7em;border-radius:3px;"
    "border:1px solid currentColor"
)


def fold(exercise: str, hints: Sequence[str]) -> str:
    """Return HTML of an exercise's hints: a button opens the first, and each contains the next."""
    folded = ""
    for number in range(len(hints), 0, -1):
        step = f": {STEPS[number - 1]}" if number <= len(STEPS) else ""
        outline = "font-family:monospace;" if "\n" in hints[number - 1] else ""
        folded = (
            f'<details style="margin:.4em 0"><summary style="{BUTTON}">'
            f"Hint {number} of {len(hints)} for {html.escape(exercise)}{step}</summary>"
            f'<p style="{outline}white-space:pre-wrap;max-width:46em;margin:.5em 0 .5em .8em">'
            f"{html.escape(hints[number - 1])}</p>{folded}</details>"
        )
    return f"<div {OWN_KEYS}>{folded}</div>" if folded else ""
