"""A rule about single replies finds the first call that gave no value, or the first wrong value."""

from __future__ import annotations

import numpy as np

from grader.protocol.values import Ask, Case, Check, CheckSuite, Failure, Reply
from grader.rules.evaluate import evaluate
from grader.rules.rule import RULES, Finding, equal, for_each_reply

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


def test_equal_shows_the_smallest_case_that_differs_and_the_first_of_those() -> None:
    sizes = (3, 5, 2, 2)
    cases = tuple(Case(f"{n} numbers", Ask("f", (np.zeros(n),)), Reply(np.zeros(n))) for n in sizes)
    check = Check("numbers", "", cases)
    right = [Reply(np.zeros(n)) for n in sizes]
    wrong = [Reply(np.ones(n)) for n in sizes]

    def shown(*replies: Reply) -> int | None:
        finding = equal(check, list(replies))
        return None if finding is None else finding.case

    assert shown(*right) is None
    assert shown(*wrong) == 2
    assert shown(wrong[0], wrong[1], right[2], right[3]) == 0
    assert shown(right[0], wrong[1], right[2], wrong[3]) == 3
    failed = Reply(failure=Failure("exception", "ValueError"))
    assert shown(wrong[0], right[1], failed, right[3]) == 2


def test_a_case_is_named_where_it_is_not_called_as_its_check_is() -> None:
    def message(case: str) -> str:
        cases = (Case(case, Ask("f", (1,)), Reply(1)),)
        suite = CheckSuite("f", 1.0, (Check("numbers", "", cases, "even"),))
        return evaluate(suite, [Reply(3)], dict).checks[0].message

    assert message("one") == "3 is odd (case: one)"
    assert message("numbers") == message("") == "3 is odd"
