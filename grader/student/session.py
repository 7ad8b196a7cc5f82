"""Keep what this kernel remembers between calls of ``check``, ``hint`` and the others."""

from __future__ import annotations

PASSED, FAILED, WAITS = "passed", "failed", "waits"  # what a check has said


class Session:
    """State of this process, in the class itself: it has no instances."""

    checking = True  # False in the grading worker, where the judge does the checking
    hints: dict[str, int] = {}  # hints given so far, by exercise
    outcomes: dict[str, str] = {}  # what each check said last, by exercise
    complaint = ""  # why a verdict could not be recorded; printed only once
