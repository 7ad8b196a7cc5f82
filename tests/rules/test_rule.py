"""A rule about single replies finds the first call that gave no value, or the first wrong value."""

from __future__ import annotations

from grader.protocol.values import Ask, Case, Check, Failure, Reply
from grader.rules.rule import RULES, Finding, for_each_reply

SEEN: list[int] = []


@for_each_reply
def even(check: Check, index: int, reply: Reply) -> Finding | None:
    """The result is even; writes down which replies it was shown."""
    SEEN.append(index)
    return Finding(f"{reply.value} is odd", names="odd") if reply.value % 2 else None


def judged(*replies: Reply) -> Finding | None:
    SEEN.clear()
    cases = tuple(Case(str(n), Ask("f", (n,))) for n in range(len(replies)))
    finding = RULES["even"](Check("numbers", "", cases, "even"), list(replies))
    assert finding is None or isinstance(finding, Finding)
    return finding


def test_replies_that_are_all_right_give_no_finding() -> None:
    assert judged(Reply(2), Reply(4)) is None
    assert SEEN == [0, 1]


def test_the_finding_is_the_first_one_and_says_which_case() -> None:
    finding = judged(Reply(2), Reply(3), Reply(5))
    assert finding is not None
    assert (finding.text, finding.case, finding.names) == ("3 is odd", 1, "odd")


def test_a_call_without_a_value_is_a_finding_that_the_rule_itself_never_sees() -> None:
    failed = Reply(failure=Failure("exception", "ValueError", "no numbers"))
    finding = judged(Reply(2), failed, Reply(3))
    assert finding is not None and finding.case == 1
    assert "ValueError" in finding.text and "no numbers" in finding.text
    assert SEEN == [0]
