"""Compare the gradebook, records and pages with the ledger, which must account for everything."""

from __future__ import annotations

import hashlib
import math
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from grader.errors import LedgerError
from grader.records import given, late, ledger, manual_grading
from grader.records.ledger import Ledger, Line
from grader.records.manual_grading import ManualGrades
from grader.records.nbgrader_tables import (
    GradeRow,
    all_grades,
    read_gradebook,
    standings,
    worth,
)
from grader.records.submissions import EXCHANGE
from grader.records.written import RECORDS, Places, open_record, page_digest

Scores = Mapping[tuple[str, str], dict[str, Any]]  # the newest score's entry, by (student, task)


@dataclass(frozen=True)
class Difference:
    """One difference, and where it is. ``by_person``: ``accept`` would enter it in the ledger."""

    where: str
    what: str
    by_person: bool = False


@dataclass(frozen=True)
class Verified:
    """The result of ``verify``: counts, differences, remarks, and this state's anchor, if any."""

    lines: int
    marks: int
    differences: tuple[Difference, ...]
    remarks: tuple[str, ...] = ()
    anchor: str = ""


def verify(course_dir: Path, secret: bytes, since: str = "") -> Verified:
    """Follow the ledger's chain, and compare the folder's content with the newest lines.

    ``since`` is an anchor noted earlier: the ledger must continue from there.
    """
    lines = list(ledger.read(course_dir, secret))
    found = [
        Difference(f"{ledger.NAME}, line {one.place}", one.fault) for one in lines if one.fault
    ]
    fault, remark = ledger.look_at_head(course_dir, secret, lines)
    if fault:
        found.append(Difference(ledger.HEAD.name, fault))
    changed = ledger.changed_since(since, lines) if since else ""
    if changed:
        found.append(Difference(f"{ledger.NAME} since the anchor", changed))
    scores: dict[tuple[str, str], dict[str, Any]] = {}
    for line in lines:
        if line.is_score:
            scores[line.entry["student"], line.entry["assignment"]] = line.entry
    with read_gradebook(course_dir / "gradebook.db") as book:
        rows = list(all_grades(book)) if book is not None else []
        sums = _sums(book) if book is not None else {}
    by_person = manual_grading.read_manual_grades(course_dir / "gradebook.db")
    marks = list(_marks(rows, scores))
    found += [
        Difference(where, f"the gradebook says {in_gradebook}, the ledger {in_ledger}")
        for where, in_gradebook, in_ledger in marks
        if in_gradebook != in_ledger
    ]
    found += _repeated(rows)
    found += _totals(rows, scores, sums, by_person)
    found += _deleted(rows)
    found += _given(course_dir, lines)
    found += _penalties(course_dir)
    found += _files(course_dir, secret, lines, by_person)
    remarks = [remark] if remark else []
    if any("written" not in entry for entry in scores.values()):
        remarks.append(
            "some lines were written by an earlier version: they do not cover records, pages and "
            "written answers. `grade --force` makes new ones"
        )
    return Verified(len(lines), len(marks), tuple(found), tuple(remarks), ledger.anchor(lines))


def accept(course_dir: Path, secret: bytes, who: Collection[str] | None = None) -> int:
    """Enter what people gave in the gradebook into the ledger; return the number of new lines.

    ``who`` limits this to the names and addresses of these students. LedgerError if the ledger was
    changed: a good seal on the next line would hide that.
    """
    lines = list(ledger.read(course_dir, secret))
    fault = next((one.fault for one in lines if one.fault), "")
    fault = fault or ledger.look_at_head(course_dir, secret, lines)[0]
    if fault:
        raise LedgerError(f"nothing was accepted, because the ledger was changed ({fault})")
    new = given.in_gradebook(course_dir / "gradebook.db")
    old = given.in_ledger(lines)
    if who is not None:
        new, old = (
            {key: facts for key, facts in one.items() if key[0] in who and not key[1]}
            for one in (new, old)
        )
    entries = list(given.entries(new, old))
    for entry in entries:
        Ledger(course_dir, secret).append(entry)
    return len(entries)


# -- marks -----------------------------------------------------------------------------------------


def _deleted(rows: Iterable[GradeRow]) -> Iterator[Difference]:
    """Yield the students whose marks are in the gradebook while they themselves are not."""
    for student in sorted({row.student for row in rows if not row.student_is_known}):
        yield Difference(
            student,
            "the gradebook has marks of this student, but not the student: enter the student again "
            f"with `nbgrader db student add {student}`",
        )


def _marks(rows: Iterable[GradeRow], scores: Scores) -> Iterator[tuple[str, str, str]]:
    """Yield (where, what the gradebook says, what the ledger says) for each cell in either."""
    book: dict[tuple[str, str], dict[str, GradeRow]] = {}
    for row in rows:
        cells = book.setdefault((row.student, row.assignment), {})
        if row.cell:
            cells[row.cell] = row
    most: dict[str, tuple[float, float]] = {}  # where → what the gradebook and the ledger say
    for student, task in sorted(scores.keys() | book.keys()):
        where = f"{student}/{task}"
        entry, grades = scores.get((student, task)), book.get((student, task))
        if entry is None and all(row.auto is None for row in (grades or {}).values()):
            continue  # not handed in: the row is there for an extension
        if entry is None:
            yield where, "marks", "nothing"
            continue
        if grades is None:
            yield where, "nothing", f"{entry['score']:g}"
            continue
        expected = _expected(entry)
        for cell in sorted(expected.keys() | _compared(grades, entry)):
            name = cell.removeprefix("check_")
            own, in_ledger = grades.get(cell), expected.get(cell)
            if own is not None and in_ledger is not None and own.max_score != in_ledger[1]:
                most[f"{task}/{name}"] = own.max_score, in_ledger[1]
            yield (
                f"{where}/{name}",
                _points(None if own is None else own.auto),
                _points(None if in_ledger is None else in_ledger[0]),
            )
    for where, (in_gradebook, in_ledger_too) in sorted(most.items()):
        yield where, f"at most {in_gradebook:g}", f"at most {in_ledger_too:g}"


def _points(score: float | None) -> str:
    return "nothing" if score is None else f"{score:g}"


def _expected(entry: dict[str, Any]) -> dict[str, tuple[float | None, float]]:
    """Return each cell's automatic mark and its maximum by a line of the ledger.

    A person's marks are compared separately.
    """
    found: dict[str, tuple[float | None, float]] = {
        f"check_{one['id']}": (one["score"], one["max_score"]) for one in entry["exercises"]
    }
    for one in entry.get("human", ()):
        # A person marks an answer; a missing answer gets 0 points automatically.
        found[one["id"]] = (None if one["answered"] else 0.0, one["max_score"])
    return found


def _compared(grades: Mapping[str, GradeRow], entry: dict[str, Any]) -> set[str]:
    """Return the gradebook's cells that the line must cover; old lines cover checks only."""
    return {cell for cell in grades if "human" in entry or cell.startswith("check_")}


def _repeated(rows: Iterable[GradeRow]) -> Iterator[Difference]:
    """Yield the cells that a submission has several marks for: every sum counts all of them."""
    counts = Counter((row.student, row.assignment, row.cell) for row in rows if row.cell)
    for (student, task, cell), count in sorted(counts.items()):
        if count > 1:
            where = f"{student}/{task}/{cell.removeprefix('check_')}"
            yield Difference(where, f"the gradebook has {count} marks for this cell instead of one")


def _sums(book: sqlite3.Connection) -> dict[tuple[str, str], tuple[float, float]]:
    """Return the sums that ``report`` and ``export`` read: what was earned, and the most possible.

    The key is (student, assignment), or ("", assignment) for the most that ``export`` names.
    """
    found = {key: (one.score, one.max_score) for key, one in standings(book).items()}
    return found | {("", task): (0.0, most) for task, most in worth(book).items()}


def _totals(
    rows: Iterable[GradeRow],
    scores: Scores,
    sums: Mapping[tuple[str, str], tuple[float, float]],
    by_person: Mapping[tuple[str, str], ManualGrades],
) -> Iterator[Difference]:
    """Yield the sums in the gradebook that differ from those of the marks compared one by one.

    Comparing marks by name misses a row that no name leads to. A sum counts every row, so this also
    shows a row that was added or removed in a way that nobody has thought of.
    """
    book: dict[tuple[str, str], list[GradeRow]] = {}
    for row in rows:
        book.setdefault((row.student, row.assignment), []).append(row)
    of_task: dict[str, float] = {}
    for (student, task), entry in scores.items():
        if (student, task) not in sums:
            continue  # a submission that is gone is named as a whole
        cells = _expected(entry)
        if "human" not in entry:  # an old line, which does not cover written answers
            cells |= {
                row.cell: (row.auto, row.max_score)
                for row in book.get((student, task), ())
                if row.cell and not row.cell.startswith("check_")
            }
        given = by_person.get((student, task), manual_grading.NO_GRADES).cells
        score = most = 0.0
        for cell, (auto, maximum) in cells.items():
            own = given.get(cell.removeprefix("check_"), manual_grading.ManualGrade())
            points = auto if own.score is None else own.score
            score += 0.0 if points is None else points + own.extra
            most += maximum
        of_task[task] = most
        yield from _unequal(f"{student}/{task}", sums[student, task], (score, most))
    for task, most in sorted(of_task.items()):
        yield from _unequal(task, sums.get(("", task), (0.0, 0.0)), (0.0, most))


def _unequal(
    where: str, in_gradebook: tuple[float, float], due: tuple[float, float]
) -> Iterator[Difference]:
    for what, found, right in zip(("", "at most "), in_gradebook, due, strict=True):
        if not math.isclose(found, right, abs_tol=1e-6):  # sums differ by the order of their terms
            yield Difference(
                where,
                f"all rows of the gradebook add up to {what}{found:g}; the ledger, with what "
                f"people gave, to {what}{right:g}",
            )


def _given(course_dir: Path, lines: list[Line]) -> Iterator[Difference]:
    """Yield what a person gave that is missing from the ledger or differs there."""
    new, old = given.in_gradebook(course_dir / "gradebook.db"), given.in_ledger(lines)
    for student, task in sorted(new.keys() | old.keys()):
        before, after = old.get((student, task), {}), new.get((student, task), {})
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                says, said = after.get(name, "nothing"), before.get(name, "nothing")
                what = f"{name}: the gradebook says {says}, the ledger {said}"
                yield Difference(f"{student}/{task}".rstrip("/"), what, by_person=True)


def _penalties(course_dir: Path) -> Iterator[Difference]:
    """Yield late penalties that differ from what due date, extension and policy give."""
    with read_gradebook(course_dir / "gradebook.db") as book:
        known = standings(book) if book is not None else {}
    for (student, task), (own, right) in sorted(late.out_of_date(course_dir, known).items()):
        yield Difference(
            f"{student}/{task}",
            f"late penalty: the gradebook says {own:g}, but the time, the due date and the policy "
            f"give {right:g}; the next grading brings it up to date",
        )


# -- files -----------------------------------------------------------------------------------------


def _files(
    course_dir: Path,
    secret: bytes,
    lines: list[Line],
    by_person: Mapping[tuple[str, str], ManualGrades],
) -> Iterator[Difference]:
    """Yield records, pages and executed notebooks that have changed since they were written.

    Formgrader's button and ``nbgrader autograde`` write the executed notebook themselves, but no
    record or page, so a notebook is compared with the newest line alone.
    """
    written: dict[tuple[str, str], dict[str, str]] = {}
    for line in lines:
        if line.is_score:
            known = written.setdefault((line.entry["student"], line.entry["assignment"]), {})
            known.pop("notebook", None)
            known |= line.entry.get("written", {})
    names = manual_grading.read_names(course_dir / "gradebook.db")
    for (student, task), known in sorted(written.items()):
        places = Places(course_dir, student, task)
        for name, path in (("record", places.record), ("notebook", places.notebook)):
            if name in known and hashlib.sha256(_content(path)).hexdigest() != known[name]:
                yield Difference(_shown(path, course_dir), _changed(path))
        if "page" in known:
            given = by_person.get((student, task), manual_grading.NO_GRADES)
            given = replace(given, name=names.get(student, ""))
            what = _page_fault(places.page, known["page"], given)
            if what:
                yield Difference(_shown(places.page, course_dir), what)
    known_records = {
        Places(course_dir, *key).record: "record" in known for key, known in written.items()
    }
    for path in sorted((course_dir / RECORDS).glob("*/*.json")):
        is_old = known_records.get(path) is False  # a remark says so
        is_known = path in known_records
        if not is_known or (not is_old and open_record(_content(path), secret) is None):
            what = "has no seal" if is_known else "the ledger has no line about it"
            yield Difference(_shown(path, course_dir), what)
    yield from _extra(course_dir, written)


def _extra(course_dir: Path, known: Iterable[tuple[str, str]]) -> Iterator[Difference]:
    """Yield what is in ``autograded/`` and ``feedback/`` beside the files that grading writes.

    ``nbgrader autograde`` and ``generate_feedback`` write to the same places. Hidden files are left
    out: JupyterLab makes them, and nobody gives them back to students.
    """
    expected: set[Path] = set()
    for student, task in known:
        places = Places(course_dir, student, task)
        for file in (places.notebook, places.page):
            beside = (file.with_name(name) for name in EXCHANGE)
            expected |= {file, *beside, file.parent, file.parent.parent}
    pending = [course_dir / "autograded", course_dir / "feedback"]
    while pending:
        folder = pending.pop(0)
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.name.startswith("."):
                continue
            if path not in expected:
                what = "the ledger has no line about it, and grading does not write it"
                yield Difference(_shown(path, course_dir), what)
            elif path.is_dir():
                pending.append(path)


def _page_fault(path: Path, digest: str, own: ManualGrades) -> str:
    """Say what is wrong with a feedback page; empty if nothing is."""
    content = _content(path)
    if page_digest(content) != digest:
        return _changed(path)
    if manual_grading.digest_of(path) != own.digest:
        return (
            "shows another name, points or comments than the gradebook: the next grading brings it "
            "up to date"
        )
    # An altered page may not be valid UTF-8, which fill_slots requires.
    if manual_grading.fill_slots(content.decode("utf-8", "replace").encode(), own) != content:
        return "a person's points were altered on it: `grade --force` writes the page again"
    return ""


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _changed(path: Path) -> str:
    return "was changed after grading" if path.exists() else "is gone"


def _shown(path: Path, course_dir: Path) -> str:
    return str(path.relative_to(course_dir))
