"""Fair marks across lessons: an earlier answer is the student's own, or else the course's."""

from __future__ import annotations

import json
import os
import signal
import time

import nbformat
import pytest

from grader.authoring.sample import answer_text
from grader.authoring.solve import solved
from grader.course.assignments import assignment
from grader.course.exercises import exercises
from grader.course.layout import LESSONS, assignment_id, notebook_path
from grader.course.sources import answer_source
from grader.course.versions import misconceptions
from grader.errors import WorkerError
from grader.judge import prior_answers
from grader.judge.carry_forward import NEITHER
from grader.judge.outcome import Outcome
from grader.judge.run import Judge, Submission
from grader.pages.feedback import feedback_page
from grader.pages.verdicts import why_carried
from grader.records.gradebook import _comments
from grader.sandbox.host.workers import Worker
from tests.conftest import with_answers

LESSON, BEFORE = "transformer_block", "multi_head_attention"
LATER, FIRST = assignment_id(LESSON), assignment_id(BEFORE)
POINTS = {e.id: float(e.points) for e in exercises(LESSON)}


def grade(judge: Judge, text: str, before: str | None = None) -> Outcome:
    notebooks = () if before is None else ((FIRST, before.encode()),)
    submission = Submission("someone", LATER, text.encode(), notebooks)
    return judge.grade(submission, assignment(LATER))


def scores(outcome: Outcome) -> dict[str, float]:
    return {verdict.exercise: verdict.score for verdict in outcome.verdicts}


def solution() -> str:
    return nbformat.writes(solved(LESSON))


@pytest.mark.parametrize("times", [2, 3])
def test_a_worker_that_is_killed_before_it_runs_anything_is_replaced(
    judge: Judge, times: int
) -> None:
    """By the machine, that is: nothing of the submission has run, and nothing is marked for it."""
    left = [times]
    prepare = Worker.prepare

    def killed_first(worker: Worker, texts: dict[str, str]) -> None:
        if left[0]:
            left[0] -= 1
            os.kill(worker._pid, signal.SIGKILL)
        prepare(worker, texts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Worker, "prepare", killed_first)
        if times > judge.limits.chances:
            with pytest.raises(WorkerError, match="before they run anything"):
                grade(judge, solution(), nbformat.writes(solved(BEFORE)))
            return
        outcome = grade(judge, solution(), nbformat.writes(solved(BEFORE)))
    assert left == [0]
    assert outcome.outcome == "graded" and scores(outcome) == POINTS


def test_which_lessons_lie_behind() -> None:
    assert prior_answers.names_used(assignment(LATER)) == {FIRST: ("MultiHeadAttention",)}
    assert prior_answers.names_used(assignment(FIRST)) == {}


def test_the_students_own_earlier_answer_is_used(judge: Judge) -> None:
    outcome = grade(judge, solution(), nbformat.writes(solved(BEFORE)))
    assert scores(outcome) == POINTS
    assert outcome.carried == frozenset()


@pytest.mark.parametrize("before", ["nothing", "untouched", "wrong", "junk", "endless", "deep"])
def test_without_a_right_one_the_course_s_is_supplied(judge: Judge, before: str) -> None:
    wrong = misconceptions(BEFORE, "MultiHeadAttention")[0]
    endless = "class MultiHeadAttention:\n    pass\n\nx = [1 for _ in iter(int, 1)]"
    deep = (
        "class MultiHeadAttention:\n    pass\n\nx = 0x" + "f" * 9000 + "\n"
        "def y():\n    return " + "+".join("1" * 1500)
    )
    texts = {
        "nothing": None,
        "untouched": notebook_path(BEFORE).read_text(),
        "wrong": with_answers(BEFORE, {"MultiHeadAttention": answer_text(wrong)}, solve=True),
        "junk": "no notebook",
        "endless": with_answers(BEFORE, {"MultiHeadAttention": endless}, solve=True),
        "deep": with_answers(BEFORE, {"MultiHeadAttention": deep}, solve=True),
    }
    outcome = grade(judge, solution(), texts[before])
    assert scores(outcome) == POINTS
    assert "TransformerBlock" in outcome.carried
    said = why_carried("TransformerBlock", outcome)
    assert f"your MultiHeadAttention of lesson {LESSONS.index(BEFORE) + 1}" in said
    assert said.endswith("this exercise earns more: look at your MultiHeadAttention first.")
    assert said in feedback_page(outcome, assignment(LATER)).decode().replace("&#39;", "'")


def test_a_failed_part_of_its_own_lesson_comes_before_an_earlier_lessons(judge: Judge) -> None:
    """Both are wrong: what this lesson's own check has shown is named, and the other is not."""
    wrong = answer_text(misconceptions(LESSON, "FeedForward")[0])
    outcome = grade(judge, with_answers(LESSON, {"FeedForward": wrong}, solve=True))
    assert "TransformerBlock" in outcome.carried and "FeedForward" not in outcome.carried
    assert "MultiHeadAttention" not in why_carried("TransformerBlock", outcome)


def test_a_mistake_of_this_lesson_is_not_put_down_to_the_missing_earlier_one(
    judge: Judge,
) -> None:
    """Which mistake it is only a second run can see, and that tells nothing but points."""
    version = misconceptions(LESSON, "TransformerBlock")[0]
    text = with_answers(LESSON, {"TransformerBlock": answer_text(version)}, solve=True)
    verdict = next(v for v in grade(judge, text).verdicts if v.exercise == "TransformerBlock")
    failed = [check for check in verdict.checks if not check.passed]
    assert any(NEITHER in check.message for check in failed)
    assert not any(check.misconception for check in failed)


def test_what_was_not_tried_is_told_to_the_student_and_counted_nowhere(judge: Judge) -> None:
    """A training waits for the core checks; the earlier notebooks are missing, too."""
    lesson, name = "transformer_language_model", "train_language_model"
    version = next(v for v in misconceptions(lesson, name) if v.name == "no_step")
    text = with_answers(lesson, {name: answer_text(version)}, solve=True)
    submission = Submission("someone", assignment_id(lesson), text.encode())
    outcome = judge.grade(submission, assignment(assignment_id(lesson)))
    verdict = next(v for v in outcome.verdicts if v.exercise == name)
    waits = {check.name for check in verdict.checks if not check.tried}
    assert "the batches" in waits and verdict.score == 0
    assert b"not tried" in feedback_page(outcome, assignment(assignment_id(lesson)))
    comments = dict(_comments(outcome, {}))
    assert not any(check in comments[name] for check in waits)
    told = next(e for e in outcome.as_json()["exercises"] if e["id"] == name)
    assert [check["name"] for check in told["checks"]] == [
        check.name for check in verdict.checks if check.tried
    ]


SPY = """
class TransformerBlock(nn.Module):
    def __init__(self, *args, **kwargs):
        super().__init__()
        import inspect, linecache
        from grader.student import carried
        found = repr(carried.SUPPLIED) + repr(vars(MultiHeadAttention))
        print(found)
        raise ValueError("stolen: " + found)
"""


def test_the_supplied_answer_is_told_to_nobody(judge: Judge) -> None:
    """Code that reads the course's MultiHeadAttention and shouts it out: nothing is shown."""
    outcome = grade(judge, with_answers(LESSON, {"TransformerBlock": SPY}))
    shown = json.dumps(outcome.as_json()) + repr(outcome.cells)
    answer = answer_source(BEFORE, "MultiHeadAttention")
    secret = [line.strip() for line in answer.splitlines() if "masked_fill" in line]
    assert secret and "masked_fill" not in shown
    assert scores(outcome)["TransformerBlock"] == 0


def test_an_earlier_notebook_is_read_as_carefully_as_any(tmp_path) -> None:
    release = assignment(LATER)
    path = tmp_path / "s" / LATER / f"{LATER}.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    assert prior_answers.read(path, release) == ()
    (tmp_path / "s" / FIRST).symlink_to("/etc")
    assert prior_answers.read(path, release) == ()


def test_one_notebook_with_everything_at_hand_takes_one_run(judge: Judge) -> None:
    """The second run is for those who need it: with a right earlier answer there is none."""
    own, ran = nbformat.writes(solved(BEFORE)), []
    real = judge.forkserver.start

    def counted(*args, **kwargs):
        ran.append(time.monotonic())
        return real(*args, **kwargs)

    judge.forkserver.start = counted  # type: ignore[method-assign]
    try:
        grade(judge, solution(), own)
    finally:
        del judge.forkserver.start
    assert len(ran) == 1
