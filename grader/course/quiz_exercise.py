"""Turn a lesson's quiz into an exercise: one check for each question."""

from __future__ import annotations

from grader.course.quiz import Question, key, lettered, misconception, questions, quiz_id
from grader.course.specification import Exercise
from grader.protocol.values import Ask, Case, Check
from grader.rules.quiz import Explanation, seal


def quiz_exercise(lesson: str) -> Exercise:
    """Return the quiz of a lesson that has one, as an exercise."""
    numbered = list(enumerate(questions(lesson), 1))
    checks = [_check(lesson, number, question) for number, question in numbered]
    topics = "\n".join(
        f"{number} · {question.id}: {question.look}" for number, question in numbered
    )
    hints = (
        "Cover the options. Say in your own words what happens and why; only then look for your "
        "sentence among them.",
        f"What to think of:\n{topics}",
        "for each option:\n"
        "    suppose that it is true\n"
        "    what would a small case that you can compute, or a picture of the lesson, show? ____\n"
        "    it shows something else: strike the option out\n"
        "answer ← the letter of ____",
    )
    return Exercise(quiz_id(lesson), len(numbered), lambda draw: checks, hints)


def check_name(number: int, question: Question) -> str:
    """Name a question's check as in the notebook's card and in the report."""
    return f"{number} · {question.id}"


def _check(lesson: str, number: int, question: Question) -> Check:
    right = key(lesson)[question.id]
    explanations = {
        letter: Explanation(why=option.why)
        if letter == right
        else Explanation(mistake=misconception(lesson, question, letter))
        for letter, option in lettered(lesson, question).items()
    }
    salt = f"{quiz_id(lesson)}/{question.id}"
    return Check(
        check_name(number, question),
        question.look,
        (Case("", Ask(quiz_id(lesson))),),
        rule="choice",
        options={"question": question.id, "salt": salt, "sealed": seal(salt, explanations)},
    )
