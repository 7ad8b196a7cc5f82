"""What a verdict says: one cause, once; where to look only where it helps; the rest folded."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from grader.course.assignments import assignment
from grader.course.exercises import exercises
from grader.course.layout import LESSONS, assignment_id
from grader.course.versions import misconceptions, solution
from grader.judge.outcome import Outcome
from grader.pages.feedback import feedback_page
from grader.pages.verdicts import graded
from grader.protocol.values import CheckResult, Failure, Misconception, Reply, Verdict
from grader.rules.comparing import Tolerance, difference, failure_text
from grader.rules.evaluate import evaluate
from grader.rules.side_checks import INPUTS, subject
from grader.student import check, frozen
from grader.student.foundations import Weak, weak_ones
from grader.student.report import Report, as_html, as_text, what_is_wrong
from grader.student.summary import on_earlier, rows, sentence, summary
from grader.student.words import points

KNOWN = Misconception("negates", "negates the result", "Every sign is turned.")
LINE = Failure("exception", "ValueError", "shapes differ", "w = a @ b", 5)


def failed(name: str, **more) -> CheckResult:
    return CheckResult(name, False, f"result[0] is 1, expected 2 (case: {name})", "a look", **more)


def verdict(*checks: CheckResult, points: float = 0.0, of: float = 3.0) -> Verdict:
    return Verdict("softmax", points, of, True, checks)


PASSED = CheckResult("easy", True)
UNTRIED = CheckResult("later", False, "not judged here until your gelu passes", tried=False)


def groups(of: Verdict) -> dict[str, list[str]]:
    return {group.title: [name for name, _ in group.checks] for group in summary(of).rest}


def words(page: str) -> str:
    """The text of a piece of HTML."""
    return html.unescape(re.sub(r"<[^>]*>", "\n", page))


# --- one headline -------------------------------------------------------------------------------


def test_a_named_mistake_is_said_once_with_no_advice_beside_it() -> None:
    found = verdict(*(failed(name, misconception=KNOWN) for name in "abc"), PASSED)
    said = summary(found)
    assert said.wrong == "This is what you get if softmax negates the result."
    assert said.why == KNOWN.says and said.look == ""
    for shown in (as_text(said), as_html(said), "\n".join(what_is_wrong(said))):
        assert shown.count(KNOWN.says) == shown.count("negates the result") == 1
        assert "a look" not in shown
    assert groups(found) == {
        "2 checks fail for the same reason": ["b", "c"],
        "1 check passes": ["easy"],
    }


def test_an_error_is_said_once_with_its_line_and_no_advice() -> None:
    message = "it raised ValueError: shapes differ, in line 5: `w = a @ b`"
    found = verdict(*(CheckResult(n, False, message, "a look", failure=LINE) for n in "abc"))
    said = summary(found)
    assert said.wrong == "softmax raised ValueError: shapes differ, in line 5: `w = a @ b`"
    assert said.look == "" and as_text(said).count("ValueError") == 1
    assert "line 5: <code>w = a @ b</code>" in as_html(said)
    assert groups(found) == {"2 checks fail for the same reason": ["b", "c"]}


def test_errors_from_different_lines_are_not_called_one_reason() -> None:
    other = Failure("exception", "ValueError", "shapes differ", "w = b @ a", 9)
    found = verdict(failed("a", failure=LINE), failed("b", failure=other), failed("c"))
    assert groups(found) == {"2 checks fail too": ["b", "c"]}


def test_what_is_seen_in_the_same_words_is_said_once() -> None:
    text = "your test lets this wrong candidate pass: it returned the bool True"
    found = verdict(*(CheckResult(name, False, text, "a look") for name in "abc"), failed("d"))
    assert as_text(summary(found)).lower().count("returned the bool true") == 1
    assert groups(found) == {
        "2 checks fail for the same reason": ["b", "c"],
        "1 check fails for another reason": ["d"],
    }


def test_where_to_look_is_said_for_the_first_failure_alone() -> None:
    found = verdict(PASSED, failed("a"), failed("b"))
    said = summary(found)
    assert said.look == "a look" and as_text(said).count("a look") == 1
    assert said.wrong == "result[0] is 1, expected 2 (case: a)"
    assert groups(found) == {"1 check fails too": ["b"], "1 check passes": ["easy"]}


def test_earlier_answers_that_fail_come_first_and_where_to_look_is_in_them() -> None:
    """In all that comes back from grading, in the words of a check."""
    found = replace(verdict(failed("a"), PASSED), exercise="attention")
    earlier = verdict(failed("a"), failed("b"), PASSED)
    first = "Your softmax fails 2 of its 3 checks. Fix softmax first."
    outcome = Outcome(
        "ada", "01_x", "graded", 6.0, verdicts=(earlier, found), first={"attention": ("softmax",)}
    )
    said = graded(found, outcome)
    assert (said.first, said.look) == (first, "")
    assert first in words(as_html(said)) and first in as_text(said)
    assert "a look" not in as_html(said)
    assert "a look" in as_html(graded(earlier, outcome))
    page = feedback_page(outcome, assignment(assignment_id(LESSONS[0]))).decode()
    assert page.count(first) == 1 and page.count("a look") == 1
    weak = Weak("softmax", LESSONS[0], earlier)
    assert first.startswith(weak.said(LESSONS[0]).capitalize())


def test_an_earlier_answer_that_passes_in_the_end_is_not_blamed() -> None:
    """It failed in the first run alone, by a third one."""
    outcome = Outcome(
        "ada", "01_x", "graded", 6.0, verdicts=(verdict(PASSED),), first={"b": ("softmax",)}
    )
    assert graded(replace(verdict(failed("a")), exercise="b"), outcome).look == "a look"
    unwritten = Verdict("softmax", 0.0, 3.0, False, (failed("a"),))
    said = on_earlier(summary(replace(verdict(failed("a")), exercise="b")), [unwritten])
    assert said.first == "Your softmax is not written yet. Write softmax first."


def test_another_mistake_is_named_among_the_rest() -> None:
    other = Misconception("halves", "halves the result", "It is too small.")
    found = verdict(failed("a", misconception=KNOWN), failed("b", misconception=other))
    ((name, told),) = summary(found).rest[0].checks
    assert name == "b" and "This is what you get if softmax halves the result." in told


def test_the_row_that_differs_is_shown_as_yours_expected_and_difference() -> None:
    expected = np.array([[0.5, 0.5], [0.25, 0.75]])
    yours = expected + [[0, 1e-9], [0.25, -0.25]]
    pair = failed("a", yours=yours, expected=expected)
    assert [(row.label, row.numbers) for row in rows(pair)] == [
        ("yours", ("0.5", "0.5")),
        ("expected", ("0.25", "0.75")),
        ("difference", ("+0.25", "-0.25")),
    ]  # fmt: skip
    inf = failed("a", yours=np.array([0.0, -np.inf]), expected=np.array([-np.inf, -np.inf]))
    assert rows(inf)[2].numbers == ("+inf", "0")
    number = failed("a", yours=np.asarray(3.0), expected=np.asarray(1.0))
    assert rows(number)[2].numbers == ("+2",)
    assert rows(failed("a", yours=np.zeros(9), expected=np.ones(9))) == ()
    assert rows(failed("a", yours=np.zeros((0, 2)), expected=np.zeros((0, 2)))) == ()


def test_notebook_terminal_and_page_say_the_same() -> None:
    found = verdict(failed("a"), failed("b", misconception=KNOWN), PASSED)
    said = summary(found)
    lines = [said.headline, said.wrong, said.seen, said.look, KNOWN.says]
    lines += [group.title for group in said.rest]
    shown = [as_text(said), words(as_html(said)), words(Report(said)._repr_html_())]
    for text in shown:
        flat = " ".join(text.split())
        assert [line for line in lines if line not in flat] == []


def test_what_stands_in_a_summary_is_escaped() -> None:
    evil = "<script>alert(1)</script>`<b>`"
    found = verdict(
        CheckResult(evil, False, evil, evil),
        CheckResult(evil, False, evil),
        CheckResult(evil, True),
    )
    page = as_html(summary(found, following=evil))
    assert "<script" not in page and "<b>" not in page and "&lt;script&gt;" in page


# --- counting, points, what comes next ----------------------------------------------------------


@pytest.mark.parametrize(
    ("checks", "text"),
    [
        ((PASSED,), "softmax: its one check passed"),
        ((failed("a"),), "softmax: its one check failed"),
        ((PASSED, PASSED), "softmax: all 2 checks passed"),
        ((PASSED, failed("a")), "softmax: 1 of 2 checks passed"),
        ((PASSED, UNTRIED), "softmax: 1 of 2 checks passed"),
        ((UNTRIED, UNTRIED), "softmax: no check could be judged yet"),
    ],
)
def test_checks_are_counted_in_good_english(checks: tuple, text: str) -> None:
    assert summary(verdict(*checks)).headline == text


def test_an_answer_that_runs_on_is_told_in_a_sentence() -> None:
    where = "still running after 20 s in line 7: `while True:`"
    reply = Reply(failure=Failure("timed_out", message=where))
    found = CheckResult("a", False, failure_text(reply), "a look", failure=reply.failure)
    wrong = "softmax was still running after 20 s in line 7: `while True:`."
    assert summary(verdict(found)).wrong == f"{wrong} Is there a loop that never ends?"


def test_what_is_missing_is_missing_in_every_check() -> None:
    reply = Reply(failure=Failure("missing", message="no name softmax here"))
    found = CheckResult("a", False, failure_text(reply), "a look", failure=reply.failure)
    said = summary(verdict(found, found))
    assert (said.wrong, said.seen) == ("There is no name softmax here: was the cell run?", "")


def test_points_are_so_far_until_they_are_a_mark() -> None:
    assert summary(verdict(PASSED, points=1.5)).points == "1.5 of 3 points so far"
    assert summary(verdict(PASSED, points=1, of=1), final=True).points == "1 of 1 point"


def test_the_next_exercise_is_named_when_all_passes_and_not_before(shell, capsys) -> None:
    shell.run_cell(
        solution("masking", "causal_mask").source.replace("torch.", "__import__('torch').")
    )
    shell.run_cell("import math\nfrom grader import check\ncheck('causal_mask')")
    assert "Next: padding_mask" in capsys.readouterr().out
    assert summary(verdict(PASSED), following="more").next == "more"
    assert summary(verdict(failed("a")), following="more").next == ""


def test_the_exercises_follow_each_other_through_the_whole_course() -> None:
    order = [(lesson, one.id) for lesson in LESSONS for one in exercises(lesson)]
    for (lesson, name), (home, following) in zip(order, order[1:], strict=False):
        said = frozen.load(name).next
        assert said in (following, "the quiz", f"{following}, in lesson {LESSONS.index(home) + 1}")
        assert ("in lesson" in said) == (home != lesson)
        assert (said == "the quiz") == following.startswith("quiz_")
    assert frozen.load(order[-1][1]).next == ""


# --- words --------------------------------------------------------------------------------------


def test_every_mistake_reads_well_as_what_you_get_if() -> None:
    """Each title goes on after "… if softmax": a verb in the third person, maybe with an adverb."""
    for lesson in LESSONS:
        for exercise in exercises(lesson):
            for version in misconceptions(lesson, exercise.id):
                title = version.misconception.title
                adverb = "(?:never|always|still|no longer|silently|now and then)"
                verb = re.match(rf"(?:{adverb} )?([a-z]+)[,:]? ", f"{title} ")
                assert verb and verb[1].endswith("s") and not title.endswith("."), title
                said = sentence(exercise.id, version.misconception)
                if exercise.id.startswith("quiz_"):
                    assert re.fullmatch(r"You chose “.+”\.", said, re.S), said
                else:
                    assert said == f"This is what you get if {exercise.id} {title}."


def _shown(exercise: str, **namespace) -> str:
    return as_text(summary(check.verdict_here(exercise, namespace)))


def test_parts_are_called_what_the_contract_calls_them() -> None:
    right = solution("transformer_language_model", "get_batch").target

    def get_batch(tokens, batch_size, block_size, generator=None):
        x, y = right(tokens, batch_size, block_size, generator)
        return x, y + 1

    shown = _shown("get_batch", get_batch=get_batch)
    assert "y[0, 0] is" in shown and "weights" not in shown and "result[1]" not in shown
    generate_right = solution("transformer_language_model", "generate").target

    def generate(model, prompt, max_new_tokens, **sampling):
        text = generate_right(model, prompt, max_new_tokens, **sampling)
        model.train(not model.training)
        return text

    assert "mode is the bool" in _shown("generate", generate=generate)

    def longer(model, prompt, max_new_tokens, **sampling):
        return generate_right(model, prompt, max_new_tokens + 2, **sampling)

    assert "text has shape" in _shown("generate", generate=longer)


def test_arguments_and_gradients_are_called_what_the_contract_calls_them() -> None:
    right = solution("self_attention", "SelfAttention").target

    class SelfAttention(right):
        def forward(self, x):
            output, weights = super().forward(x)
            x += 1
            return output, weights

    assert "x was changed by the call" in _shown("SelfAttention", SelfAttention=SelfAttention)

    class Cut(right):
        def forward(self, x):
            return super().forward(x.detach())

    assert "no gradient flows back to x" in _shown("SelfAttention", SelfAttention=Cut)


# --- not judged ---------------------------------------------------------------------------------


def _states(exercise: str, answer) -> dict[str, str]:
    found = check.verdict_here(exercise, {exercise: answer})
    return {
        one.name: "passed" if one.passed else "failed" if one.tried else "not judged"
        for one in found.checks
    }


def _attention(query, key, value, scale=1.0):
    weights = torch.softmax(scale * query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5, -1)
    return weights @ value, weights


def test_what_stands_beside_a_wrong_value_is_not_judged() -> None:
    """Whether the inputs were changed can be seen beside a wrong value, but not without any."""
    beside = ("float32 and float64", "gradients")
    inputs = "the inputs are left alone"

    def wrong(query, key, value):
        return _attention(query, key, value, 0.9)

    def nothing(query, key, value):
        raise ValueError("no")

    for answer, seen in ((wrong, "passed"), (nothing, "not judged")):
        states = _states("scaled_dot_product_attention", answer)
        assert {states[name] for name in beside} == {"not judged"}, states
        assert states["one sequence"] == "failed"
        assert states[inputs] == seen


def test_what_stands_beside_a_right_value_is_judged() -> None:
    def narrow(query, key, value):
        output, weights = _attention(query, key, value)
        return output.float(), weights.float()

    def cut(query, key, value):
        return tuple(part.detach() for part in _attention(query, key, value))

    def as_array(query, key, value):
        return tuple(torch.from_numpy(part.numpy()) for part in _attention(query, key, value))

    def overwrite(query, key, value):
        output, weights = _attention(query, key, value)
        value.data.mul_(2)
        return output, weights

    states = {
        answer.__name__: _states("scaled_dot_product_attention", answer)
        for answer in (narrow, cut, as_array, overwrite)
    }
    for name, check_name in (
        ("narrow", "float32 and float64"), ("cut", "gradients"), ("as_array", "gradients"),
        ("overwrite", "the inputs are left alone"),
    ):  # fmt: skip
        assert states[name][check_name] == "failed", (name, states[name])
        assert "not judged" not in states[name].values()


def test_an_input_is_blamed_only_where_it_was_changed() -> None:
    """Over all named mistakes: those that change nothing fail other checks, and never this one.

    A second call with the same objects may be wrong without that. Then nothing is blamed on it.
    """
    exact, blamed = Tolerance(0.0, 0.0), 0
    for exercise in (one for lesson in LESSONS for one in exercises(lesson)):
        answers = frozen.load(exercise.id)
        for known, replies in answers.known.items():
            found, place = evaluate(answers.suite, replies, dict), 0
            for one, result in zip(answers.suite.checks, found.checks, strict=True):
                own = replies[place : place + len(one.cases)]
                place += len(one.cases)
                if subject(one) == INPUTS and result.tried and not result.passed:
                    blamed += 1
                    changed = [
                        difference(after, before, exact)
                        for case, reply in zip(one.cases, own, strict=True)
                        for after, before in zip(reply.args or (), case.ask.args, strict=False)
                    ]
                    blames = "was changed by the call" in result.message
                    assert any(changed) or not blames, (exercise.id, known.id)
    assert blamed > 20


def test_what_is_not_judged_earns_nothing_and_is_left_out_of_the_json() -> None:
    from grader.judge.outcome import _exercise

    def wrong(query, key, value):
        output, weights = _attention(query, key, value)
        return torch.where(output > 1e3, output.new_tensor(0.0), output), weights

    found = check.verdict_here(
        "scaled_dot_product_attention", {"scaled_dot_product_attention": wrong}
    )
    names = {one["name"] for one in _exercise(found)["checks"]}
    assert names == {one.name for one in found.checks if one.tried}
    passed = sum(one.share for one, r in zip(
        frozen.load("scaled_dot_product_attention").suite.checks, found.checks, strict=True
    ) if r.passed)  # fmt: skip
    total = sum(one.share for one in frozen.load("scaled_dot_product_attention").suite.checks)
    assert found.score == pytest.approx(found.max_score * passed / total, abs=0.01)


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 points"), (1, "1 point"), (1.0, "1 point"), (2.5, "2.5 points")]
)
def test_one_point_is_one_and_any_other_number_is_of_points(number: float, said: str) -> None:
    assert points(number) == said


# --- the student's test -------------------------------------------------------------------------


def test_a_test_that_answers_by_what_it_returns_is_told_so() -> None:
    own = solution("masking", "masked_attention").namespace

    def examine_attention(candidate):
        return False

    found = check.verdict_here("examine_attention", {**own, "examine_attention": examine_attention})
    text = next(one.message for one in found.checks if one.tried and not one.passed)
    assert "it returned the bool False" in text and "only an error" in text


def test_a_pass_on_the_public_candidates_says_how_many_more_there_are() -> None:
    right = solution("masking", "examine_attention")
    found = check.verdict_here("examine_attention", right.namespace)
    assert found.passed
    assert "4 of 12 kinds of wrong candidates tried, all 12 at grading" in as_text(summary(found))
    assert "<details" in as_html(summary(found)) and " open>" in as_html(summary(found))


WRONG_AND_EXAMINED = """
def masked_attention(query, key, value, mask=None):
    return right(query, key, value)  # the mask is ignored

def examine_attention(candidate):
    given = torch.ones(1, 2, 3), torch.ones(1, 2, 3), torch.arange(6.0).reshape(1, 2, 3)
    mask = torch.tensor([[0.0, -torch.inf], [0.0, 0.0]])
    assert torch.equal(candidate(*given, mask)[0], masked_attention(*given, mask)[0])
"""


def test_a_test_is_judged_once_whatever_it_builds_on() -> None:
    """At grading no second run supplies the course's answers to it, so the notebook does not."""
    right = solution("masking", "masked_attention")
    space = {**right.namespace, "right": right.target}
    exec(WRONG_AND_EXAMINED, space)
    assert weak_ones("examine_attention", space, check.verdict_here)
    found = check.judge_here("examine_attention", space)
    assert found.verdict == check.verdict_here("examine_attention", space)
    assert not found.verdict.passed and not found.remark
