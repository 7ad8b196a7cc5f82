"""Put a quiz into its lesson's notebook: the card, the cell for answers, the check."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from grader.authoring.scaffold_places import before_heading
from grader.course.quiz import lettered, questions, quiz_id
from grader.course.quiz_exercise import check_name

DIRECTIVE = "#@ quiz"
BEFORE = re.compile(r"^## .*\bin your own words\b", re.I | re.M)
MINUTES = 1  # to think about one question; the words are counted as reading


def card_id(lesson: str) -> str:
    """Return the id of the Markdown cell that holds the questions."""
    return f"{quiz_id(lesson)}_card"


def card(lesson: str) -> str:
    """Return the questions with their lettered options, as Markdown."""
    asked = questions(lesson)
    s = "" if len(asked) == 1 else "s"
    parts = [
        f"## Quiz · `{quiz_id(lesson)}`",
        "\n".join(
            (
                "| Quiz | at a glance |",
                "| --- | --- |",
                f"| **What** | {len(asked)} question{s}; one option of each is right |",
                "| **Why** | to find out whether you can say what happens before a cell says it |",
                f"| **Points** | {len(asked)} point{s}, one for each question |",
                "| **Difficulty** | ●●○○○ |",
                f"| **Time** | about {MINUTES * len(asked)} minute{s} |",
            )
        ),
        "Write the letter of one option for each question into the cell below, between the "
        "quotation marks. The check tells you what is right or wrong about each choice. A "
        "question left empty costs only its own point.",
    ]
    for number, question in enumerate(asked, 1):
        head, _, code = question.text.partition("\n\n")
        parts.append(f"**{check_name(number, question)}.** {head}")
        if code:
            parts.append(code)
        options = lettered(lesson, question)
        parts.append("\n".join(f"- **{letter}** {one.text}" for letter, one in options.items()))
    return "\n\n".join(parts)


def with_quiz(cells: Sequence[NotebookNode], lesson: str) -> list[NotebookNode]:
    """Return the cells, with the lesson's quiz put in if it has one that is not there yet.

    The quiz replaces a cell ``#@ quiz``. Without one, it goes before the section "In your own
    words"; without that section, the cells are left as they are.
    """
    if not questions(lesson) or any(cell.get("id") == card_id(lesson) for cell in cells):
        return list(cells)
    for place, cell in enumerate(cells):
        if cell.source.strip() == DIRECTIVE:
            return [*cells[:place], *_cells(lesson), *cells[place + 1 :]]
    return before_heading(cells, BEFORE, _cells(lesson)) or list(cells)


def _cells(lesson: str) -> list[NotebookNode]:
    name = quiz_id(lesson)
    return [
        new_markdown_cell(card(lesson), id=card_id(lesson)),
        new_code_cell(f"#@ exercise {name}"),
        new_code_cell(f"#@ check {name}"),
    ]
