"""Derive the numbers in a lesson's first cell: its minutes, points, seconds and memory.

Minutes are worked out from the number of words and from the exercises' cards. Seconds and memory
are those of the solved notebook, measured by ``python -m grader measure``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from nbformat import NotebookNode

from grader.authoring.rubrics import is_question
from grader.course.layout import ROOT
from grader.course.specification import Exercise

WORDS_A_MINUTE = 150
QUESTION, QUIZ = 10, 5  # minutes for the written question, and for a quiz
MEASURED = ROOT / "docs" / "lessons.json"
_PICTURE = re.compile(r"!\[[^\]]*\]\([^)\s]*\)")
_ADDRESS = re.compile(r"\]\([^)\s]*\)")
_FOLD = re.compile(r"</?(?:details|summary)>")
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@dataclass(frozen=True)
class Measured:
    """One run of a solved notebook in a fresh kernel: processor seconds and peak memory.

    The memory is None where the system does not say it.
    """

    cpu_seconds: float
    peak_megabytes: float | None


def measured(path: Path = MEASURED) -> dict[str, Measured]:
    """Return the last measurement of each lesson."""
    if not path.exists():
        return {}
    return {name: Measured(**one) for name, one in json.loads(path.read_text()).items()}


def keep(results: dict[str, Measured], path: Path = MEASURED) -> None:
    """Write measurements; keep those of other lessons."""
    both = {name: asdict(one) for name, one in (measured(path) | results).items()}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(both, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def words(cells: Sequence[NotebookNode]) -> int:
    """Count the words to read: those of Markdown cells, each formula as one.

    Nobody reads the address of a link, or a picture's alternative text beside the picture.
    """
    text = " ".join(cell.source for cell in cells if cell.cell_type == "markdown")
    text = _FOLD.sub(" ", _ADDRESS.sub("]", _PICTURE.sub(" ", text)))
    return len(re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", re.sub(r"\$[^$]*\$", " x ", text)))


def card_minutes(cells: Sequence[NotebookNode]) -> int:
    """Return the sum of the minutes on the exercises' cards."""
    found = [re.findall(r"^\| \*\*Minutes\*\* \| (\d+) \|", c.source, re.M) for c in cells]
    return sum(int(number) for numbers in found for number in numbers)


def rows(
    lesson: str, cells: Sequence[NotebookNode], exercises: Sequence[Exercise]
) -> dict[str, str]:
    """Return the derived rows of the first cell's table, by name."""
    own = [exercise for exercise in exercises if not exercise.id.startswith("quiz_")]
    quiz = [exercise for exercise in exercises if exercise.id.startswith("quiz_")]
    read, work = words(cells[1:]), card_minutes(cells)  # not the first cell, which holds this row
    reading = round(read / WORDS_A_MINUTE)
    human = [c.metadata.nbgrader.points for c in cells if is_question(c)]
    total = reading + work + QUESTION * len(human) + QUIZ * len(quiz)
    # Of the exercises alone: the quiz has a card with minutes of its own.
    cards = "(the sum of their cards)" if len(own) != 1 else "(its card)"
    written = [f"{_count(len(human), 'question')} in writing"] if human else []
    rest = " and ".join([*["the quiz"][: len(quiz)], *written])
    points = [f"{sum(e.points for e in own):g} for the {_plural(len(own), 'exercise')}"]
    points += [f"{sum(e.points for e in quiz):g} for the quiz"] if quiz else []
    points += [f"{sum(human):g} for the {_plural(len(human), 'question')}"] if human else []
    made = {
        "Time": f"about {5 * round(total / 5)} minutes: {reading} to read "
        f"({round(read, -2)} words at {WORDS_A_MINUTE} a minute), {work} for the "
        f"{_count(len(own), 'exercise')} {cards}" + (f", the rest for {rest}" if rest else ""),
        "Points": ", ".join(points),
    }
    known = measured().get(lesson)
    if known is not None:
        made["Runs"] = (
            f"offline on a laptop's CPU; the solved notebook takes {_about(known.cpu_seconds)}"
        )
        if known.peak_megabytes is not None:
            megabytes = max(1, round(known.peak_megabytes / 100)) * 100
            made["Runs"] += f" and about {megabytes} MB of memory"
    return made


def with_rows(source: str, made: dict[str, str]) -> str:
    """Replace these rows of the table in the first cell's text."""
    for name, text in made.items():
        row = f"| **{name}** | {text} |".replace("\\", r"\\")
        source = re.sub(rf"^\| \*\*{name}\*\* \|.*$", row, source, flags=re.M)
    return source


def _count(number: int, noun: str) -> str:
    word = NUMBERS[number] if number < len(NUMBERS) else str(number)
    return f"{word} {_plural(number, noun)}"


def _plural(number: int, noun: str) -> str:
    return noun if number == 1 else f"{noun}s"


def _about(seconds: float) -> str:
    """Say seconds in words coarse enough to hold on other machines, too."""
    for bound, said in ((15, "a few seconds"), (30, "less than half a minute")):
        if seconds < bound:
            return said
    if seconds < 45:
        return "under a minute"
    minutes = max(1, round(seconds / 60))
    return f"about {minutes} minutes" if minutes > 1 else "about a minute"
