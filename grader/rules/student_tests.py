"""Judge tests that students write: a test accepts right candidates and refuses wrong ones."""

from __future__ import annotations

from grader.protocol.values import Check, Reply
from grader.rules.comparing import describe, failure_text
from grader.rules.rule import Finding, Remark, rule


def refuses(reply: Reply) -> bool:
    """Tell whether the test refuses its candidate, by raising any exception."""
    return reply.failure is not None and reply.failure.kind == "exception"


@rule
def lets_pass(check: Check, replies: list[Reply]) -> Finding | Remark | None:
    """Check that the test ends without an error for every case whose index is in the option ``of``.

    The option ``kinds`` holds how many kinds of wrong candidates are tried here, and at grading.
    """
    for index in check.options["of"]:
        reply = replies[index]
        if refuses(reply):
            return Finding(f"your test refuses a right candidate: {failure_text(reply)}", index)
        if reply.failure is not None:
            return Finding(failure_text(reply), index)
    if "kinds" in check.options:
        tried, kinds = check.options["kinds"]
        return Remark(f"{tried} of {kinds} kinds of wrong candidates tried, all {kinds} at grading")
    return None


@rule
def catches(check: Check, replies: list[Reply]) -> Finding | None:
    """Check that the test ends with an error for every case whose index is in the option ``of``."""
    for index in check.options["of"]:
        reply = replies[index]
        if reply.failure is None:
            return Finding(f"your test lets this wrong candidate pass{_returned(reply)}", index)
        if not refuses(reply):
            return Finding(failure_text(reply), index)
    return None


def _returned(reply: Reply) -> str:
    """Explain, if a test returned something, that only an error refuses a candidate."""
    if reply.value is None:
        return ""
    return (
        f": it returned {describe(reply.value)}, but only an error, such as a failed assert, "
        "refuses a candidate"
    )
