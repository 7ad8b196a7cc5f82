"""A lesson's quiz as an exercise: one check for each question, made from the data."""

from __future__ import annotations

from grader.course.quiz import Question, key, lettered, misconception, questions, quiz_id
from grader.course.specification import Exercise
from grader.protocol.values import Ask, Case, Check
from grader.rules.quiz import Explanation, seal


def quiz_exercise(lesson: str) -> Exercise:
    """The quiz of a lesson that has one."""
    asked = questions(lesson)
    checks = [_check(lesson, number, question) for number, question in enumerate(asked, 1)]
    topics = "\n".join(f"{number} · {one.id}: {one.look}" for number, one in enumerate(asked, 1))
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
    return Exercise(quiz_id(lesson), len(asked), lambda draw: checks, hints)


def check_name(number: int, question: Question) -> str:
    """What a question is called in the card and in the report."""
    return f"{number} · {question.id}"


def _check(lesson: str, number: int, question: Question) -> Check:
    right = key(lesson)[question.id]
    said = {
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
        options={"question": question.id, "salt": salt, "sealed": seal(salt, said)},
    )
