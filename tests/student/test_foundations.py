"""A later answer is judged as grading judges it, also where an earlier one is wrong or missing."""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from grader.course.assignments import assignment
from grader.course.exercises import exercises, find, home_of
from grader.course.foundations import Recorder, foundations
from grader.course.layout import LESSONS, assignment_id, module_of
from grader.course.versions import Version, misconceptions, solution
from grader.judge.run import Judge, Submission
from grader.protocol.recorded import Recording
from grader.protocol.values import Verdict
from grader.student import check, frozen
from grader.student.foundations import Weak, names_used
from grader.student.runner import run_notebook
from grader.student.stand_ins import Doubt, StandIns, UnknownCall
from tests.conftest import with_answers


def pairs() -> list[tuple[str, str, str]]:
    """(lesson, exercise, foundation) wherever the course's answer uses the earlier one."""
    found = []
    for lesson in LESSONS:
        names = vars(importlib.import_module(module_of(lesson)))
        for exercise in exercises(lesson):
            used = foundations(lesson, exercise.id)
            code = names_used(names.get(exercise.id), names)
            found += [(lesson, exercise.id, name) for name in used if name in code]
    return found


PAIRS = pairs()
# Trainings, counted work and drawn numbers cannot be replayed: these checks wait. "*" is any.
WAITING = {
    ("batched_attention", "softmax"): {"no loop over the queries"},
    ("gradient_by_depth", "*"): {"*"},
    ("TransformerLM", "TransformerBlock"): {"dropout acts", "the tokens are left alone"},
    ("train_language_model", "*"): {"*"},
    ("generate", "sample_next"): {
        "sampling as asked for",
        "as likely as the model says",
        "the generator decides",
        "fresh every time",
    },
    ("next_logits", "attend_with_cache"): {"the work of a step"},
}


def may_wait(exercise: str, foundation: str, check_name: str) -> bool:
    names = WAITING.get((exercise, foundation)) or WAITING.get((exercise, "*")) or set()
    return bool(names & {"*", check_name})


def missing(name: str) -> Callable:
    """What a notebook has for an earlier answer that is not written yet."""

    def stub(*_args: object, **_kwargs: object) -> None:
        raise NotImplementedError

    stub.__name__ = stub.__qualname__ = name
    stub.__code__ = stub.__code__.replace(co_name=name, co_qualname=name)
    return stub


def with_foundation(
    version: Version, lesson: str, name: str, value: object, patch: pytest.MonkeyPatch
) -> dict:
    """The names around a version of an answer, with another version of an earlier one."""
    for module in {module_of(lesson), version.module}:
        space = vars(importlib.import_module(module))
        if name in space:
            patch.setitem(space, name, value)
    return version.namespace


def wrong_versions(name: str) -> list[object]:
    lesson = next(one for one in LESSONS if name in {e.id for e in exercises(one)})
    return [missing(name), misconceptions(lesson, name)[0].target]


@pytest.mark.parametrize(("lesson", "exercise", "foundation"), PAIRS)
def test_a_right_answer_is_never_blamed_for_an_earlier_one(
    lesson: str, exercise: str, foundation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Grading gives it full marks. Here each check passes, but for those that have to wait."""
    right = solution(lesson, exercise)
    for wrong in wrong_versions(foundation):
        with monkeypatch.context() as patch:
            space = with_foundation(right, lesson, foundation, wrong, patch)
            judgement = check.judge_here(exercise, space, right.source)
        for result in judgement.verdict.checks:
            waits = not result.tried and may_wait(exercise, foundation, result.name)
            assert result.passed or waits, (wrong, result)
        if judgement.verdict.passed and not judgement.remark:
            continue  # the mistake does not matter here
        assert foundation in judgement.remark and "first" in judgement.remark


@pytest.mark.parametrize(("lesson", "exercise", "foundation"), PAIRS)
def test_what_is_told_of_a_wrong_answer_is_what_the_course_s_version_shows(
    lesson: str, exercise: str, foundation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sample of the known mistakes, on an earlier answer that is missing."""
    known = [
        version
        for version in misconceptions(lesson, exercise)
        # Not those that call the course's own answer, which has other names around it.
        if foundation in names_used(version.target, version.namespace)
        and exercise not in names_used(version.target, version.namespace)
    ]
    sample = np.random.default_rng(len(exercise)).permutation(len(known))[:2]
    for version in (known[place] for place in sample):
        expected = check.verdict_here(exercise, version.namespace, version.source)
        with monkeypatch.context() as patch:
            space = with_foundation(version, lesson, foundation, missing(foundation), patch)
            judgement = check.judge_here(exercise, space, version.source)
        assert not judgement.verdict.passed, version.name
        if judgement.verdict.score > expected.score:  # grading keeps the better one, too
            assert "with the course's version it would get less" in judgement.remark
            continue
        for told, true in zip(judgement.verdict.checks, expected.checks, strict=True):
            if told.tried:
                assert told.passed == true.passed, (version.name, told)
                named = told.misconception.id if told.misconception else version.name
                assert named == version.name


def test_what_may_wait_exists() -> None:
    known = {(exercise, name) for _, exercise, name in PAIRS}
    known |= {(exercise, "*") for exercise, _ in known}
    assert set(WAITING) <= known
    for (exercise, _), names in WAITING.items():
        checks = {one.name for one in frozen.load(exercise).suite.checks}
        assert names <= checks | {"*"}


def test_a_block_on_a_wrong_scale_is_told_where_to_begin(monkeypatch) -> None:
    known = misconceptions("multi_head_attention", "MultiHeadAttention")
    scaled = next(version.target for version in known if version.name == "sqrt_d_model")
    right = solution("transformer_block", "TransformerBlock")
    space = with_foundation(right, "transformer_block", "MultiHeadAttention", scaled, monkeypatch)
    judgement = check.judge_here("TransformerBlock", space, right.source)
    assert judgement.verdict.passed
    assert "Your MultiHeadAttention of lesson 4 fails " in judgement.remark
    assert judgement.remark.endswith("Fix MultiHeadAttention first.")
    assert "course's version, as in grading" in judgement.remark


def test_the_answer_at_the_bottom_is_the_one_to_begin_with() -> None:
    def weak(name: str, *under: Weak) -> Weak:
        return Weak(name, LESSONS[0], Verdict(name, 0.0, 1.0, True, ()), under)

    gelu, norm = weak("gelu"), weak("norm")
    assert [one.name for one in weak("block", weak("mlp", gelu), norm, gelu).roots] == [
        "gelu",
        "norm",
    ]


def test_a_mistake_of_one_s_own_is_not_put_on_an_earlier_answer(monkeypatch) -> None:
    """With everything earlier right, nothing is said of it."""
    version = misconceptions("transformer_block", "TransformerBlock")[0]
    judgement = check.judge_here("TransformerBlock", version.namespace, version.source)
    assert not judgement.verdict.passed and not judgement.remark


def test_a_stand_in_knows_what_was_recorded_and_nothing_else() -> None:
    recording = recorded("TransformerBlock", "FeedForward")
    doubt = Doubt()
    layer_class = StandIns([recording], doubt)[recording.name]
    init = recording.forms[0].init
    layer = layer_class(**init)
    assert not doubt.raised
    with pytest.raises(UnknownCall):
        layer(torch.zeros(1, 1, init["d_model"]))
    assert doubt.raised
    doubt.clear()
    with pytest.raises(UnknownCall):
        layer_class(1, 1)
    doubt.clear()
    with pytest.raises(AttributeError):
        _ = layer.something_else
    assert doubt.raised


def test_replies_and_gradients_are_those_of_the_course_s_version() -> None:
    """Each recorded call, replayed, is what the course's function computes now."""
    recording = recorded("FeedForward", "gelu")
    replay = StandIns([recording], Doubt())[recording.name]
    compared = 0
    for call in recording.calls:
        (value,) = call.arguments.values()
        x = torch.from_numpy(value.data.copy()).requires_grad_()
        out = replay(x)
        expected = torch.nn.functional.gelu(x.detach())
        torch.testing.assert_close(out.detach(), expected, rtol=1e-4, atol=1e-6)
        for (cotangent,), _ in call.gradients:
            given = torch.from_numpy(cotangent.copy())
            (grad,) = torch.autograd.grad(out, x, given, retain_graph=True)
            y = x.detach().requires_grad_()
            (due,) = torch.autograd.grad(torch.nn.functional.gelu(y), y, given)
            torch.testing.assert_close(grad, due, rtol=1e-3, atol=1e-5)
            compared += 1
    assert compared > 3


def test_what_goes_back_forgets_gradients_too() -> None:
    """A version that did not fit adds nothing to the calls that an earlier one has made as well."""
    recorder = Recorder("scaled_dot_product_attention")
    query = torch.eye(2, requires_grad=True)

    def differentiate(factor: float) -> None:
        out, _ = recorder.stand_in()(query, torch.eye(2), torch.eye(2))
        (factor * out).sum().backward()

    differentiate(1.0)
    before, kept = recorder.state(), recorder.recording().calls
    differentiate(2.0)
    assert [len(call.gradients) for call in recorder.recording().calls] == [2]
    recorder.go_back(before)
    assert [len(call.gradients) for call in kept] == [1]
    assert [len(call.gradients) for call in recorder.recording().calls] == [1]


def recorded(exercise: str, name: str) -> Recording:
    return next(one for one in frozen.load(exercise).recordings if one.name == name)


def test_an_exercise_of_the_first_day_builds_on_nothing() -> None:
    assert frozen.load(find(exercises(LESSONS[0])[0].id).id).foundations == ()


def test_a_notebook_on_a_wrong_earlier_answer_gets_the_points_that_grade_gives(
    tmp_path: Path, judge: Judge, shell: object
) -> None:
    """The same files, checked in a terminal and graded: the same points for each exercise."""
    right = solution("multi_head_attention", "MultiHeadAttention").source
    scaled = right.replace("sqrt(query.shape[-1])", "sqrt(x.shape[-1])")
    assert scaled != right
    earlier = with_answers("multi_head_attention", {"MultiHeadAttention": scaled}, solve=True)
    later = with_answers("transformer_block", {}, solve=True)
    names = [assignment_id(name) for name in ("multi_head_attention", "transformer_block")]
    for name, text in zip(names, (earlier, later), strict=True):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.ipynb").write_text(text)
    submission = Submission("ada", names[1], later.encode(), ((names[0], earlier.encode()),))
    outcome = judge.grade(submission, assignment(names[1]))
    graded = {one.exercise: one.score for one in outcome.verdicts}
    checked = run_notebook(tmp_path / names[1] / f"{names[1]}.ipynb")
    points = {one.verdict.exercise: one.verdict.score for one in checked.judgements}
    waits = {
        one.verdict.exercise for one in checked.judgements if "not judged here yet" in one.remark
    }
    assert points.keys() == graded.keys() and waits <= {"gradient_by_depth"}
    assert {k: v for k, v in points.items() if k not in waits} == {
        k: v for k, v in graded.items() if k not in waits
    }
    (block,) = (one for one in checked.judgements if one.verdict.exercise == "TransformerBlock")
    assert block.verdict.passed and "MultiHeadAttention of lesson 4 fails" in block.remark


# A training takes the judge a minute, and the notebook must wait for it in any case.
NOT_GRADED = {"train_language_model"}
BENT = {
    "def": """
def {name}(*args, **kwargs):
    return _bent(right_{name}(*args, **kwargs))
""",
    "class": """
class {name}(right_{name}):
    def forward(self, *args, **kwargs):
        return _bent(super().forward(*args, **kwargs))
""",
}
BEND = """
def _bent(value):
    if isinstance(value, (tuple, list)):
        return type(value)(map(_bent, value))
    if isinstance(value, dict):
        return {key: _bent(item) for key, item in value.items()}
    return value + 1
"""


def bent(name: str) -> str:
    """The cell of an answer that is right, but adds 1 to every number of its result."""
    lesson = home_of(name)
    text = solution(lesson, name).source
    kind = "class" if text.startswith("class ") else "def"
    own = re.sub(rf"\b{name}\b", f"right_{name}", text)
    return f"{own}\n{BEND}\n{BENT[kind].format(name=name)}"


def in_a_notebook(lesson: str, exercise: str, foundation: str) -> Verdict:
    """What ``check`` says of the right answer, in a notebook with a bent one under it."""
    space = dict(vars(importlib.import_module(module_of(lesson))))
    earlier = dict(vars(importlib.import_module(module_of(home_of(foundation)))))
    exec(bent(foundation), earlier)
    space[foundation] = earlier[foundation]
    source = solution(lesson, exercise).source
    used = [name for name in foundations(lesson, exercise) if home_of(name) == lesson]
    for name in [*used, exercise]:  # defined here, so that they use what stands here
        exec(solution(lesson, name).source if name != foundation else bent(name), space)
    return check.judge_here(exercise, space, source).verdict


@functools.cache
def solved_with(lesson: str, bent_one: str = "") -> bytes:
    """The lesson's solved notebook, with one answer bent."""
    texts = {bent_one: bent(bent_one)} if bent_one else {}
    return with_answers(lesson, texts, solve=True).encode()


def as_graded(judge: Judge, lesson: str, foundation: str, users: list[str]) -> dict[str, Verdict]:
    """What grading says of them: right answers, with the bent one under them, and no others."""
    written = {*users, *(name for one in users for name in foundations(lesson, one))}
    texts = {name: solution(lesson, name).source for name in written if home_of(name) == lesson}
    home = home_of(foundation)
    priors = [
        (assignment_id(before), solved_with(before, foundation if before == home else ""))
        for before in LESSONS[: LESSONS.index(lesson)]
    ]
    if home == lesson:
        texts[foundation] = bent(foundation)
    content = with_answers(lesson, texts).encode()
    release = assignment(assignment_id(lesson))
    outcome = judge.grade(Submission("ada", release.id, content, tuple(priors)), release)
    return {one.exercise: one for one in outcome.verdicts if one.exercise in users}


BY_FOUNDATION: dict[tuple[str, str], list[str]] = {}
for _lesson, _exercise, _foundation in PAIRS:
    if _exercise not in NOT_GRADED:
        BY_FOUNDATION.setdefault((_lesson, _foundation), []).append(_exercise)


@pytest.mark.parametrize(("lesson", "foundation"), BY_FOUNDATION)
def test_a_check_says_what_grade_says_of_every_pair(
    lesson: str, foundation: str, judge: Judge
) -> None:
    """Check by check, but for those that have to wait."""
    users = BY_FOUNDATION[lesson, foundation]
    graded = as_graded(judge, lesson, foundation, users)
    for exercise in users:
        told, due = in_a_notebook(lesson, exercise, foundation), graded[exercise]
        verdicts = {one.name: one for one in due.checks}
        assert due.passed, due  # grading takes the course's version of what is wrong
        for one in told.checks:
            if one.tried:
                assert one.passed == verdicts[one.name].passed, one
            else:
                assert may_wait(exercise, foundation, one.name), one
        if all(one.tried for one in told.checks):
            assert told.score == due.score


def test_an_unwritten_answer_that_is_reached_another_way_blames_nobody() -> None:
    """A helper that was made from the stub, before: no stand-in can take its place there."""
    space: dict = {"torch": torch}
    exec(
        "import functools\n"
        "def gelu(x):\n    raise NotImplementedError\n"
        "bent = functools.partial(gelu)\n"
        "class FeedForward(torch.nn.Module):\n"
        "    def __init__(self, d_model, d_ff):\n"
        "        super().__init__()\n"
        "        self.up = torch.nn.Linear(d_model, d_ff)\n"
        "        self.down = torch.nn.Linear(d_ff, d_model)\n"
        "        self.shape = gelu\n"
        "    def forward(self, x):\n"
        "        return self.down(bent(self.up(x)))\n",
        space,
    )
    judgement = check.judge_here("FeedForward", space, "")
    assert not judgement.verdict.passed
    assert not [one for one in judgement.verdict.checks if one.tried and not one.passed]
    assert "Write gelu first" in judgement.remark
