"""Write marks into nbgrader's gradebook; this module alone does, once no worker runs any more."""

from __future__ import annotations

import datetime
import json
import sqlite3
from collections.abc import Iterable, Mapping

from grader.course.assignments import Assignment
from grader.errors import GradebookError
from grader.judge.outcome import Outcome
from grader.records import nbgrader_tables as tables
from grader.student.summary import summary


def ensure_assignment(book: sqlite3.Connection, release: Assignment) -> None:
    """Enter an assignment into the gradebook, with its cells as the release has them.

    GradebookError if cells that submissions were graded by are no longer in the release.
    """
    document = json.loads(release.path.read_bytes())
    marked = {
        cell["metadata"]["nbgrader"]["grade_id"]: cell
        for cell in document["cells"]
        if "nbgrader" in cell["metadata"]
    }
    with tables.at_once(book):
        kernelspec = json.dumps(document["metadata"]["kernelspec"])
        notebook = tables.put_notebook(book, release.id, kernelspec)
        for name, cell in marked.items():
            _write_cell(book, notebook, name, cell)
        # Marks for a cell that is gone would still count in every sum that nbgrader makes.
        gone = [name for name in tables.grade_cells(book, notebook) if name not in marked]
        in_use = bool(gone) and tables.was_handed_in(book, notebook)
    if in_use:
        raise GradebookError(
            f"the gradebook has cells of {release.id} that the course no longer has "
            f"({', '.join(sorted(gone))}): grade into a fresh --course-dir, or remove the "
            "assignment with `nbgrader db assignment remove`"
        )


def _write_cell(book: sqlite3.Connection, notebook: str, name: str, cell: Mapping) -> None:
    marks, kind = cell["metadata"]["nbgrader"], cell["cell_type"]
    if marks["grade"]:
        points = {"max_score": marks["points"], "cell_type": kind}
        tables.put_grade_cell(book, notebook, name, points)
    if marks["solution"]:
        tables.put_solution_cell(book, notebook, name)
    released = {
        "cell_type": kind,
        "source": "".join(cell["source"]),
        "locked": marks["locked"],
        "checksum": marks["checksum"],
    }
    tables.put_source_cell(book, notebook, name, released)


def record(
    book: sqlite3.Connection, outcome: Outcome, when: datetime.datetime | None = None
) -> None:
    """Write one submission's marks, all of them or none; a human's marks are left as they are."""
    # Bounded once more: whatever a rule computes, no mark leaves its range.
    scores = {f"check_{v.exercise}": min(max(v.score, 0.0), v.max_score) for v in outcome.verdicts}
    comments = dict(_comments(outcome))
    with tables.at_once(book):
        for notebook in tables.put_submission(book, outcome.assignment, outcome.student, when):
            _check_known(scores, notebook.grades, outcome)
            marks = ((*_mark(name, scores, outcome), row) for name, row in notebook.grades.items())
            tables.set_grades(book, marks)
            texts = ((comments.get(name), row) for name, row in notebook.comments.items())
            tables.set_comments(book, texts)


def _mark(name: str, scores: Mapping[str, float], outcome: Outcome) -> tuple[float | None, bool]:
    """A cell's automatic score, if it has one, and whether a human has to mark the cell."""
    if name in scores:
        return scores[name], name.removeprefix("check_") in outcome.unsure
    answered = outcome.humans.get(name, (0.0, False))[1]
    return (None if answered else 0.0), answered


def _check_known(scores: Mapping[str, float], known: Iterable[str], outcome: Outcome) -> None:
    missing = scores.keys() - set(known)
    if missing:
        raise GradebookError(
            f"the gradebook does not know {', '.join(sorted(missing))} of {outcome.assignment} for "
            f"{outcome.student}: the course has changed since this submission was first graded; "
            "grade into a fresh --course-dir"
        )


def _comments(outcome: Outcome) -> Iterable[tuple[str, str | None]]:
    """(cell, comment) for nbgrader to show: "No response.", or what failed, as plain text."""
    look = _escaped("A person has to look: " + "; ".join(outcome.notices))
    for verdict in outcome.verdicts:
        if not verdict.attempted:
            unsure = verdict.exercise in outcome.unsure
            yield verdict.exercise, look if unsure else "No response."
            continue
        said = summary(verdict, final=True)
        look = f"Where to look: {said.look}" if said.look else ""
        lines = [f"{said.headline} · {said.points}", said.wrong, said.why, said.seen, look]
        text = "\n\n".join(filter(None, lines))
        yield verdict.exercise, None if said.passed else _escaped(text)
    for name, (_, answered) in outcome.humans.items():
        yield name, look if name in outcome.unsure else None if answered else "No response."


def _escaped(text: str) -> str:
    """Escape Markdown: nbgrader renders comments, and these quote what students wrote."""
    table = {ord(c): f"\\{c}" for c in "\\`*_{}[]()#+!|~"} | {ord("<"): "&lt;", ord("&"): "&amp;"}
    return text.translate(table)
