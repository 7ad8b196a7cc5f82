"""Enter assignments and write marks into nbgrader's gradebook."""

from __future__ import annotations

import datetime
import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping

from grader.course.assignments import Assignment
from grader.errors import GradebookError
from grader.judge.outcome import Outcome
from grader.pages.verdicts import graded
from grader.protocol.values import Verdict
from grader.records import nbgrader_tables as tables
from grader.records.markdown import literal, marked_up
from grader.source.assembly import HUMAN
from grader.student.words import points


def ensure_assignment(book: sqlite3.Connection, release: Assignment) -> None:
    """Enter an assignment into the gradebook, with its cells as they are in the release.

    GradebookError if submissions were graded by cells that are no longer in the release.
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
        about = {"max_score": marks["points"], "cell_type": kind}
        tables.put_grade_cell(book, notebook, name, about)
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
) -> list[str]:
    """Write one submission's marks, all of them or none.

    A human's marks are kept, except for a written answer whose text has changed since: its marks
    are kept as those of an earlier text, and the answer waits for a human again. Returns the names
    of such answers.
    """
    # Clip once more, so that no mark leaves its range whatever a rule computes.
    scores = {f"check_{v.exercise}": min(max(v.score, 0.0), v.max_score) for v in outcome.verdicts}
    withdrawn: list[str] = []
    with tables.at_once(book):
        for notebook in tables.put_submission(book, outcome.assignment, outcome.student, when):
            _check_known(scores, notebook.grades, outcome)
            answers = {
                name: tables.put_answer(
                    book, notebook.grades[name], notebook.comments[name], _text_hash(name, outcome)
                )
                for name in outcome.humans
                if name in notebook.grades and name in notebook.comments
            }
            marks = (
                (*_mark(name, scores, outcome), row)
                for name, row in notebook.grades.items()
                if name not in answers
            )
            tables.set_grades(book, marks)
            written = (
                (*_written_mark(outcome.humans[name][1], one), notebook.grades[name])
                for name, one in answers.items()
            )
            tables.set_written_grades(book, written)
            comments = dict(_comments(outcome, answers))
            texts = ((comments.get(name), row) for name, row in notebook.comments.items())
            tables.set_comments(book, texts)
            withdrawn += [name for name, one in answers.items() if one.withdrawn]
    return withdrawn


def _mark(name: str, scores: Mapping[str, float], outcome: Outcome) -> tuple[float | None, bool]:
    """Return a cell's automatic score, if it has one, and whether a human has to mark the cell."""
    if name in scores:
        return scores[name], name.removeprefix("check_") in outcome.unsure
    answered = outcome.humans.get(name, (0.0, False))[1]
    return (None if answered else 0.0), answered


def _text_hash(name: str, outcome: Outcome) -> str:
    """Return a hash of a written answer; that of the empty text if the notebook was not read."""
    texts = (cell.source for cell in outcome.cells if cell.role == HUMAN and cell.id == name)
    return hashlib.sha256(next(texts, "").strip().encode()).hexdigest()


def _written_mark(answered: bool, answer: tables.Answer) -> tuple[float | None, bool]:
    """Return an answer's automatic score, if it has one, and whether a human has to mark it.

    Points for an earlier text never silently become 0: if the answer is now empty, a human decides.
    """
    waits = not answer.graded and (answered or answer.earlier is not None)
    return (None if answered else 0.0), waits


def _check_known(scores: Mapping[str, float], known: Iterable[str], outcome: Outcome) -> None:
    missing = scores.keys() - set(known)
    if missing:
        raise GradebookError(
            f"the gradebook does not know {', '.join(sorted(missing))} of {outcome.assignment} for "
            f"{outcome.student}: the course has changed since this submission was first graded; "
            "grade into a fresh --course-dir"
        )


def _names_a_mistake(verdict: Verdict) -> bool:
    """Tell whether the first failed check, which the summary explains, names a known mistake."""
    failed = (one for one in verdict.checks if one.tried and not one.passed)
    first = next(failed, None)
    return first is not None and first.misconception is not None


def _comments(
    outcome: Outcome, answers: Mapping[str, tables.Answer]
) -> Iterable[tuple[str, str | None]]:
    """Yield (cell, comment) for nbgrader to show: "No response.", or what failed, as plain text."""
    look = literal("A person has to look: " + "; ".join(outcome.notices))
    for verdict in outcome.verdicts:
        if not verdict.attempted:
            unsure = verdict.exercise in outcome.unsure
            yield verdict.exercise, look if unsure else "No response."
            continue
        said = graded(verdict, outcome)
        where = f"Where to look: {said.look}" if said.look else ""
        lines = [
            f"{said.headline} · {said.points}",
            said.first,
            said.wrong,
            said.why,
            said.seen,
            where,
        ]
        text = "\n\n".join(filter(None, lines))
        # Named mistakes are in the course's own words, and only these may use Markdown.
        own = f"{said.wrong}\n\n{said.why}" if _names_a_mistake(verdict) else ""
        yield verdict.exercise, None if said.passed else literal(text, marked_up(own))
    for name, (of, answered) in outcome.humans.items():
        lines = [look] if name in outcome.unsure else [] if answered else ["No response."]
        earlier = answers[name].earlier if name in answers else None
        if earlier is not None and earlier.score is not None:
            lines.append(f"An earlier text of this answer got {earlier.score:g} of {points(of)}.")
        if earlier is not None and earlier.comment:
            lines.append(f"The comment on the earlier text: {earlier.comment}")
        yield name, "\n\n".join(lines) or None
