"""How a verdict looks: text for a terminal, a table for a notebook."""

from __future__ import annotations

import html
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import numpy as np

from grader.protocol.values import CheckResult, Verdict
from grader.student.folds import fold

MAX_CELLS = 900  # of a matrix that is drawn
# JupyterLab's colors, mixed with that of its text: alone they are too faint on a dark page.
MIX = "color-mix(in srgb, var(--jp-{0}-color0, {1}) 70%, var(--jp-ui-font-color0, {1}))"
GREEN, RED = MIX.format("success", "#1b5e20"), MIX.format("error", "#b71c1c")
MUTED = "color-mix(in srgb, var(--jp-ui-font-color0, #333) 75%, transparent)"


class Report:
    """A verdict that displays itself; if it is not a pass, with the hints folded below it."""

    def __init__(self, verdict: Verdict, hints: Sequence[str] = ()) -> None:
        self.verdict = verdict
        self.hints = () if verdict.passed else hints

    @property
    def headline(self) -> str:
        checks = self.verdict.checks
        passed = sum(check.passed for check in checks)
        if passed == len(checks):
            return f"{self.verdict.exercise}: all {len(checks)} checks passed"
        return f"{self.verdict.exercise}: {passed} of {len(checks)} checks passed"

    def __repr__(self) -> str:
        lines = [self.headline]
        for check, details in explained(self.verdict):
            lines.append(f"  {_word(check)}  {check.name}")
            lines += [f"        {label}: {text}" for label, text in details]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        hints = fold(self.verdict.exercise, self.hints)
        return f"{self.table()}{_picture(self.verdict)}{hints}"

    def table(self) -> str:
        """The checks as an HTML table, everything escaped, without the picture."""
        color = GREEN if self.verdict.passed else RED
        rows = "".join(_row(check, details) for check, details in explained(self.verdict))
        return (
            f'<div role="group" aria-label="{_text(self.headline)}">'
            f'<p style="margin:.3em 0;font-weight:600;color:{color}">{_text(self.headline)}</p>'
            f'<table style="border-collapse:collapse;margin:0;text-align:left">{rows}</table></div>'
        )


def explained(verdict: Verdict) -> list[tuple[CheckResult, list[tuple[str, str]]]]:
    """Each check with what to say about it; a mistake is explained once, then only named."""
    told: set[str] = set()  # ids of the misconceptions explained so far
    pairs = []
    for check in verdict.checks:
        pairs.append((check, explain(check, told)))
        told |= {check.misconception.id} if check.misconception is not None else set()
    return pairs


def explain(check: CheckResult, told: AbstractSet[str] = frozenset()) -> list[tuple[str, str]]:
    """(label, text) pairs: what was seen, the mistake that it matches, where to look.

    A check that passed, or was not tried, has at most a remark. Misconceptions in ``told`` are
    named without their explanation.
    """
    if check.passed or not check.tried:
        return [("Why", check.message)] if check.message else []
    parts = [("Seen", check.message)]
    if check.misconception is not None:
        known = check.misconception
        says = "" if known.id in told else f" {known.says}"
        parts.append(("Matches", f"an answer that {known.title}.{says}"))
    if check.look:
        parts.append(("Look at", check.look))
    return parts


def _word(check: CheckResult) -> str:
    return "pass" if check.passed else "FAIL" if check.tried else "  – "


def _row(check: CheckResult, explanation: list[tuple[str, str]]) -> str:
    mark, word, color = ("✓", "passed", GREEN) if check.passed else ("✗", "failed", RED)
    if not check.tried:
        mark, word, color = "–", "not tried", MUTED
    details = "".join(
        f'<div style="margin:.15em 0"><span style="color:{MUTED}">{_text(label)}:</span> '
        f"{_text(text)}</div>"
        for label, text in explanation
    )
    cell = "text-align:left;vertical-align:top;padding:.25em .6em;white-space:normal"
    return (
        f'<tr><td style="{cell};color:{color}" aria-label="{word}">{mark}</td>'
        f'<td style="{cell}">{_text(check.name)}</td>'
        f'<td style="{cell};max-width:46em">{details}</td></tr>'
    )


def _text(text: str) -> str:
    return html.escape(text, quote=True)


def _picture(verdict: Verdict) -> str:
    """Heatmaps (yours, expected, difference) for the first failed check with matrices."""
    for check in verdict.checks:
        pair = None if check.passed else matrices(check)
        if pair is not None:
            from grader.student import figures

            return figures.comparison(*pair)
    return ""


def matrices(check: CheckResult) -> tuple[np.ndarray, np.ndarray] | None:
    """The first 2-D slices of yours and expected that differ; None if they cannot be drawn."""
    yours, expected = check.yours, check.expected
    if yours is None or expected is None or yours.ndim < 2 or yours.shape != expected.shape:
        return None
    if yours.dtype.kind not in "fiub" or yours.shape[-1] * yours.shape[-2] > MAX_CELLS:
        return None
    yours_slices = yours.reshape(-1, *yours.shape[-2:]).astype(np.float64)
    expected_slices = expected.reshape(-1, *expected.shape[-2:]).astype(np.float64)
    for one, other in zip(yours_slices, expected_slices, strict=True):
        if not np.allclose(one, other, rtol=1e-4, atol=1e-6, equal_nan=True):
            return one, other
    return yours_slices[0], expected_slices[0]
