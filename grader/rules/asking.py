"""In which order an exercise's questions are put, and which of them need not be put at all.

The same in a notebook and in the judge. A slow check, such as a training, waits for the core checks
that are quick: while one of these fails, the exercise earns nothing whatever else its answer does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from grader.protocol.values import NOT_ASKED, Ask, CheckSuite, Reply
from grader.rules.evaluate import core_failed, timing_decides

# Puts questions; one reply each.
Put = Callable[[list[Ask]], list[Reply]]


def put_questions(suite: CheckSuite, put: Put, *, timed: bool = True) -> list[Reply]:
    """A reply to each of ``suite.cases``, NOT_ASKED where the answer could decide nothing.

    What is to be timed is asked last, and not at all without ``timed``: where nobody takes the
    time. ``put`` is called a few times, with questions that can be asked together.
    """
    asks, places = suite.questions()
    stage_of = _stages(suite, asks, places)
    given = [NOT_ASKED] * len(asks)
    for stage in range(4):
        chosen = [place for place in range(len(asks)) if stage_of[place] == stage]
        if stage and chosen:
            so_far = [given[place] for place in places]
            if core_failed(suite, so_far):
                break
            if stage == 3 and not (timed and timing_decides(suite, so_far)):
                break
        if chosen:
            replies = put([asks[place] for place in chosen])
            for place, reply in zip(chosen, replies, strict=True):
                given[place] = reply
    return [given[place] for place in places]


def _stages(suite: CheckSuite, asks: Sequence[Ask], places: Sequence[int]) -> list[int]:
    """For each question: 0 if it is quick, 1 slow and core, 2 slow, 3 to be timed."""
    found = [2] * len(asks)
    checks = [check for check in suite.checks for _ in check.cases]
    for check, place in zip(checks, places, strict=True):
        found[place] = min(found[place], (1 if check.core else 2) if check.slow else 0)
    return [3 if ask.timed else stage for ask, stage in zip(asks, found, strict=True)]
