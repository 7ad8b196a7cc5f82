"""Read and show the rubrics of the questions that a person grades: a lesson's ``written.md``.

The file is for instructors alone: no bundle holds it, and no mark depends on it. For each question
it has a heading ``# `question` (3 points)``, and under it the sections of ``SECTIONS``. The first
is a table whose first column holds the points of each criterion.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from grader.course.layout import SOLUTIONS, notebook_path
from grader.coursefile import CourseError
from grader.student.words import points

NAME = "written.md"
CRITERIA, SAMPLE = "Criteria", "Sample answer"
SECTIONS = (CRITERIA, "Half-answers", SAMPLE)
TAG = "rubric"  # of a cell that shows a rubric
_HEADING = re.compile(r"^# `([\w-]+)` \((\d+(?:\.\d+)?) points?\)[ ]*$", re.M)
_SECTION = re.compile(r"^## (.+?)[ ]*$", re.M)
_CRITERION = re.compile(r"^\| *(\d+(?:\.\d+)?) *\|", re.M)


@dataclass(frozen=True)
class Question:
    """A question that a person grades: its points, its text, the number of its answer's cell."""

    id: str
    points: float
    text: str
    cell: int


@dataclass(frozen=True)
class Rubric:
    """What an instructor reads beside the answers to one question. Texts are Markdown."""

    question: str
    points: float
    sections: dict[str, str]

    @property
    def sample(self) -> str:
        """An answer that gets all points."""
        return self.sections.get(SAMPLE, "")

    def text(self, level: int = 2, sample: bool = True) -> str:
        """Return the sections under headings of this level, with the sample answer or without."""
        shown = {name: text for name, text in self.sections.items() if sample or name != SAMPLE}
        return "\n\n".join(f"{'#' * level} {name}\n\n{text}" for name, text in shown.items())

    def fault(self) -> str:
        """Say in a few words what is missing or does not add up; "" if nothing is."""
        missing = [name for name in SECTIONS if not self.sections.get(name)]
        if missing:
            return "lacks the section " + " and ".join(f"`## {name}`" for name in missing)
        given = sum(map(float, _CRITERION.findall(self.sections[CRITERIA])))
        if given != self.points:
            return f"its criteria add up to {given:g}, not to {self.points:g}"
        return ""


def file_of(lesson: str) -> Path:
    """Return the file that holds a lesson's rubrics."""
    return SOLUTIONS / lesson / NAME


def rubrics(lesson: str) -> dict[str, Rubric]:
    """Read the lesson's rubrics by question; there are none if it has no such file.

    Raises:
        CourseError: the file cannot be read.
    """
    path = file_of(lesson)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(f"{path} cannot be read: {error}") from error
    _, *parts = _HEADING.split(text)
    found = zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    return {name: Rubric(name, float(due), _sections(body)) for name, due, body in found}


def _sections(body: str) -> dict[str, str]:
    _, *parts = _SECTION.split(body)
    return {name: text.strip() for name, text in zip(parts[::2], parts[1::2], strict=True)}


def questions(lesson: str) -> list[Question]:
    """Find the lesson's questions that a person grades, each with the text from its heading on."""
    found: list[Question] = []
    text = ""
    cells = nbformat.read(notebook_path(lesson), as_version=4).cells
    for number, cell in enumerate(cells, 1):
        if cell.cell_type != "markdown":
            continue
        if is_question(cell):
            marks = cell.metadata.nbgrader
            found.append(Question(marks.grade_id, float(marks.points), text, number))
            text = ""
        else:
            text = cell.source if cell.source.startswith("## ") else f"{text}\n\n{cell.source}"
    return found


def faults(lesson: str) -> list[str]:
    """Find what a lesson's rubrics lack, each as a line with the file and what to write there."""
    path, written = file_of(lesson), rubrics(lesson)
    where = "/".join(path.parts[-3:])
    asked = {question.id: question.points for question in questions(lesson)}
    found = []
    for name, due in asked.items():
        heading = f"# `{name}` ({points(due)})"
        rubric = written.get(name)
        if rubric is None:
            found.append(f"{where}: no rubric of {name}: begin it with the line {heading}")
        elif rubric.points != due:
            found.append(
                f"{where}: the rubric of {name} gives {points(rubric.points)}, but the notebook "
                f"gives {due:g}: make them equal"
            )
        elif rubric.fault():
            found.append(f"{where}: the rubric of {name}: {rubric.fault()}")
    extra = written.keys() - asked.keys()
    found += [
        f"{where}: the notebook has no question {name}: remove its rubric" for name in sorted(extra)
    ]
    return found


def with_rubrics(notebook: NotebookNode, lesson: str) -> NotebookNode:
    """Put the sample answers into a solved notebook, with its rubric under each; in place."""
    known = rubrics(lesson)
    cells: list[NotebookNode] = []
    for cell in notebook.cells:
        cells.append(cell)
        if is_question(cell) and (rubric := known.get(cell.metadata.nbgrader.grade_id)):
            cell.source = rubric.sample or cell.source
            cells.append(rubric_cell(rubric))
    notebook.cells = cells
    return notebook


def rubric_cell(rubric: Rubric, sample: bool = False) -> NotebookNode:
    """Make a Markdown cell that shows a rubric, for instructors."""
    heading = f"### For instructors: how to grade `{rubric.question}` ({points(rubric.points)})"
    return nbformat.v4.new_markdown_cell(
        f"{heading}\n\n{rubric.text(4, sample)}",
        id=f"rubric-{rubric.question}"[:64],  # the most that the format allows
        metadata={"tags": [TAG]},
    )


def without_rubrics(notebook: NotebookNode) -> NotebookNode:
    """Remove the cells that show a rubric from the notebook, in place."""
    notebook.cells = [c for c in notebook.cells if TAG not in c.metadata.get("tags", [])]
    return notebook


def is_question(cell: NotebookNode) -> bool:
    """Tell whether the cell is for an answer in writing, which a person grades."""
    return cell.cell_type == "markdown" and bool(cell.metadata.get("nbgrader", {}).get("grade"))
