"""Decide in which order an exercise's questions are asked, and which need not be asked.

Notebook and judge use the same order. The quick core checks come before a slow check, such as a
training: if a core check fails, the exercise earns nothing, whatever the slow check would say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from grader.protocol.values import NOT_ASKED, Ask, CheckSuite, Reply
from grader.rules.evaluate import core_failed, timing_decides

# Asks questions; returns one reply for each.
Put = Callable[[list[Ask]], list[Reply]]


def put_questions(suite: CheckSuite, put: Put, *, timed: bool = True) -> list[Reply]:
    """Ask the suite's questions; return a reply to each case, NOT_ASKED where it decides nothing.

    Timed questions are asked last; with ``timed`` False, where nobody measures time, they are not
    asked. ``put`` is called a few times, with the questions that can be asked together.
    """
    asks, places = suite.questions()
    stage_of = _stages(suite, asks, places)
    replies = [NOT_ASKED] * len(asks)
    for stage in range(4):
        chosen = [place for place in range(len(asks)) if stage_of[place] == stage]
        if stage and chosen:
            so_far = [replies[place] for place in places]
            if core_failed(suite, so_far):
                break
            if stage == 3 and not (timed and timing_decides(suite, so_far)):
                break
        if chosen:
            answers = put([asks[place] for place in chosen])
            for place, reply in zip(chosen, answers, strict=True):
                replies[place] = reply
    return [replies[place] for place in places]


def _stages(suite: CheckSuite, asks: Sequence[Ask], places: Sequence[int]) -> list[int]:
    """Return each question's stage: 0 quick, 1 slow and core, 2 slow, 3 timed.

    A question that several checks share is asked at the earliest of their stages.
    """
    stages = [2] * len(asks)
    checks = [check for check in suite.checks for _ in check.cases]
    for check, place in zip(checks, places, strict=True):
        stages[place] = min(stages[place], (1 if check.core else 2) if check.slow else 0)
    return [3 if ask.timed else stage for ask, stage in zip(asks, stages, strict=True)]
