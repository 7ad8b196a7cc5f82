"""nbgrader's gradebook as the ledger of marks, written by this module alone, after workers die."""

from __future__ import annotations

import datetime
import json
import sqlite3
from collections.abc import Iterable, Mapping

from grader.course.assignments import Assignment
from grader.errors import GradebookError
from grader.judge.outcome import Outcome
from grader.records import nbgrader_tables as tables


def ensure_assignment(book: sqlite3.Connection, release: Assignment) -> None:
    """The assignment's cells as the release has them, in nbgrader's terms."""
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
    given = {
        "cell_type": kind,
        "source": "".join(cell["source"]),
        "locked": marks["locked"],
        "checksum": marks["checksum"],
    }
    tables.put_source_cell(book, notebook, name, given)


def record(
    book: sqlite3.Connection, outcome: Outcome, when: datetime.datetime | None = None
) -> None:
    """Write one submission's marks, all of them or none; a human's marks are left as they are."""
    scores = {f"check_{v.exercise}": min(max(v.score, 0.0), v.max_score) for v in outcome.verdicts}
    comments = dict(_comments(outcome))
    with tables.at_once(book):
        for handed in tables.put_submission(book, outcome.assignment, outcome.student, when):
            _all_known(scores, handed.grades, outcome)
            marks = ((*_mark(name, scores, outcome), row) for name, row in handed.grades.items())
            tables.set_grades(book, marks)
            said = ((comments.get(name), row) for name, row in handed.comments.items())
            tables.set_comments(book, said)


def _mark(name: str, scores: Mapping[str, float], outcome: Outcome) -> tuple[float | None, bool]:
    """The score of a cell, if a check gives it, and whether a human has to."""
    if name in scores:
        return scores[name], False
    answered = outcome.humans.get(name, (0.0, False))[1]
    return (None if answered else 0.0), answered


def _all_known(scores: Mapping[str, float], known: Iterable[str], outcome: Outcome) -> None:
    missing = scores.keys() - set(known)
    if missing:
        raise GradebookError(
            f"the gradebook does not know {', '.join(sorted(missing))} of {outcome.assignment} for "
            f"{outcome.student}: the course has changed since this submission was first graded; "
            "grade into a fresh --course-dir"
        )


def _comments(outcome: Outcome) -> Iterable[tuple[str, str | None]]:
    """What nbgrader shows beside each answer: not attempted, or what was seen, as plain words."""
    for verdict in outcome.verdicts:
        if not verdict.attempted:
            yield verdict.exercise, "No response."
            continue
        failed = [check for check in verdict.checks if check.tried and not check.passed]
        lines = [f"{verdict.score:g} of {verdict.max_score:g} points."]
        for check in failed[:4]:
            known = (
                f" Matches an answer that {check.misconception.title}."
                if check.misconception
                else ""
            )
            lines.append(f"{check.name}: {check.message}.{known}")
        yield verdict.exercise, _escaped("\n\n".join(lines)) if failed else None
    for name, (_, answered) in outcome.humans.items():
        yield name, None if answered else "No response."


def _escaped(text: str) -> str:
    """Plain words stay plain where nbgrader renders comments as Markdown."""
    table = {ord(c): f"\\{c}" for c in "\\`*_{}[]()#+!|~"} | {ord("<"): "&lt;", ord("&"): "&amp;"}
    return text.translate(table)
