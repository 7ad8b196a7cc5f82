"""Read the lessons' quizzes: the questions, the order of their options, the answers.

The questions are data in a lesson's module ``quiz``. A quiz is an exercise like any other: its
answer is a function that returns a dict of letters, whose source is made here.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from grader.course.layout import SOLUTIONS, module_of
from grader.protocol.values import Misconception
from grader.rules.quiz import CHOOSES

LETTERS = "abcde"
EDITION = "2"  # a new edition shuffles the options of every question anew


@dataclass(frozen=True)
class Option:
    """One choice, and why it is right or wrong. ``text`` ends without a full stop."""

    text: str
    why: str


@dataclass(frozen=True)
class Question:
    """A question. The first option is the right one; a notebook shows the options shuffled.

    ``look`` says what to think about, in a hint and beside a wrong answer, without the answer.
    """

    id: str
    text: str
    look: str
    options: tuple[Option, ...]


def quiz_id(lesson: str) -> str:
    """Return the id of a lesson's quiz as an exercise: ``trees`` → ``quiz_trees``."""
    return f"quiz_{lesson}"


@functools.cache
def questions(lesson: str) -> tuple[Question, ...]:
    """Return the lesson's questions in order; none if the lesson has no quiz."""
    if not (SOLUTIONS / lesson / "quiz.py").is_file():
        return ()
    return tuple(importlib.import_module(module_of(lesson, "quiz")).QUESTIONS)


def lettered(lesson: str, question: Question) -> dict[str, Option]:
    """Return the options by letter, in an order set by the lesson and the question's id alone."""

    def place(number: int) -> bytes:
        return hashlib.sha256(f"{EDITION}/{lesson}/{question.id}/{number}".encode()).digest()

    order = sorted(range(len(question.options)), key=place)
    return {LETTERS[spot]: question.options[number] for spot, number in enumerate(order)}


def key(lesson: str) -> dict[str, str]:
    """Return the right letter of each question."""
    found = {}
    for question in questions(lesson):
        options = lettered(lesson, question)
        found[question.id] = next(x for x in options if options[x] == question.options[0])
    return found


def misconception(lesson: str, question: Question, letter: str) -> Misconception:
    """Return the misconception that choosing a wrong option shows."""
    option = lettered(lesson, question)[letter]
    name = f"{quiz_id(lesson)}.{question.id}.{letter}"
    return Misconception(name, f"{CHOOSES}“{option.text}”", option.why)


def text(lesson: str, letters: Mapping[str, str]) -> str:
    """Return the source of the quiz's cell with these answers."""
    lines = [
        f"def {quiz_id(lesson)}():",
        '    """Your answers: for each question the letter of one option, such as "a"."""',
        "    return {",
        *(f'        "{question}": "{letter}",' for question, letter in letters.items()),
        "    }",
    ]
    return "\n".join(lines)


def blank(lesson: str) -> str:
    """Return the source of the cell as students get it: no question answered."""
    return text(lesson, dict.fromkeys(key(lesson), ""))


def solved(lesson: str) -> str:
    """Return the source of the cell with every answer right."""
    return text(lesson, key(lesson))


def wrong(lesson: str) -> Iterator[tuple[Misconception, str]]:
    """Yield each wrong option's misconception, and a cell in which only this answer is wrong."""
    right = key(lesson)
    for question in questions(lesson):
        for letter in lettered(lesson, question):
            if letter != right[question.id]:
                known = misconception(lesson, question, letter)
                yield known, text(lesson, right | {question.id: letter})


def alternatives(lesson: str) -> Iterator[tuple[str, str]]:
    """Yield other ways to write the right letters, each with a name and the cell."""
    right = key(lesson)
    yield "capital letters", text(lesson, {name: x.upper() for name, x in right.items()})
    yield "letters in parentheses", text(lesson, {name: f"({x})" for name, x in right.items()})
    dotted = {name: f" {x}. " for name, x in reversed(right.items())}
    yield "another order, with dots", text(lesson, dotted)
