"""Late work, sequence by sequence: each ends with the mark worked out here, behind every door.

A sequence is what happens to one student's work: when it was handed in, and what changed before
the course was graded again. A door is a place where a mark can be read. Two folders of each
course go through the same stages: one is graded by ``grade``, the other by ``nbgrader autograde``.
"""

from __future__ import annotations

import datetime
import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner

from grader.authoring.solve import solved
from grader.commandline import main
from grader.course.layout import assignment_id
from grader.records import nbgrader_tables as tables
from grader.records.nbgrader_tables import open_gradebook
from tests.nbgrader_gradebook import nbgrader_gradebook
from tests.records.test_cohort import run
from tests.records.test_exchange import nbgrader
from tests.records.test_late import PER_DAY, ZERO, new_course

FIXED, MOVED = assignment_id("masking"), assignment_id("single_query_attention")
LESSON = {FIXED: "masking", MOVED: "single_query_attention"}
FULL = {FIXED: 27.0, MOVED: 25.0}  # what the checks give at most
PART = {FIXED: 2.0, MOVED: 3.0}  # causal_mask alone; softmax alone
ONE = {FIXED: "causal_mask", MOVED: "softmax"}
DUE = "2026-02-01 12:00 UTC"
# Between the stages, the second assignment's due date is moved in the first course.
LATER = "2026-02-04 13:00 Europe/Berlin"  # 12:00 UTC


@dataclass(frozen=True)
class Work:
    """What lies in a student's folder: all exercises solved, or one, and the file with the time."""

    stamp: str | None
    full: bool = False


@dataclass(frozen=True)
class Sequence:
    """A student's work at each of the two stages, and the share of its points that is kept.

    ``more``: an extension before each stage, as ``due --extend`` takes it.
    """

    first: Work
    then: Work
    kept: tuple[float, float]
    assignment: str = FIXED
    more: tuple[str, str] = ("", "")

    def marks(self) -> tuple[float, float]:
        """The mark after each stage."""
        of = [(FULL if one.full else PART)[self.assignment] for one in (self.first, self.then)]
        return round(of[0] * self.kept[0], 2), round(of[1] * self.kept[1], 2)


def same(stamp: str | None, kept: tuple[float, float], **more: object) -> Sequence:
    """A sequence in which the work stays as it is."""
    return Sequence(Work(stamp), Work(stamp), kept, **more)  # type: ignore[arg-type]


IN_TIME, TWO_DAYS = "2026-02-01 11:59:59 UTC", "2026-02-03 12:00:00 UTC"
# Under a policy that takes all points.
ALL = {
    "in-time": same(IN_TIME, (1, 1)),
    "two-days": same(TWO_DAYS, (0, 0)),
    "moved": same(TWO_DAYS, (0, 1), assignment=MOVED),
    "moved-too-little": same("2026-02-04 12:00:01 UTC", (0, 0), assignment=MOVED),
    "then-punctual": Sequence(Work(TWO_DAYS), Work(IN_TIME, full=True), (0, 1)),
    "then-late": Sequence(Work(IN_TIME), Work(TWO_DAYS, full=True), (1, 0)),
    "extended": same(TWO_DAYS, (0, 1), more=("", "3d")),
    "taken-back": same(TWO_DAYS, (1, 0), more=("48h", "0")),
    "ahead-of-utc": same("2026-02-01 13:30:00 +0200", (1, 1)),
    "behind-utc": same("2026-02-01 11:30:00 -05:00", (0, 0)),
    "named-zone": same("2026-02-01 12:30:00 Europe/Berlin", (1, 1)),
    "corrected": Sequence(Work("2999-01-01 00:00:00 UTC"), Work(IN_TIME), (0, 1)),
    "corrected-to-late": Sequence(Work("1980-01-01 00:00:00 UTC"), Work(TWO_DAYS), (1, 0)),
    "no-time": same(None, (1, 1)),
    "damaged": Sequence(Work(TWO_DAYS), Work("the day before"), (0, 0)),
}
# Under one that takes a tenth for each day begun, half at most, after a quarter of an hour's grace.
SHARE = {
    "within-grace": same("2026-02-01 12:15:00 UTC", (1, 1)),
    "after-grace": same("2026-02-01 12:15:01 UTC", (0.9, 0.9)),
    "three-days": same("2026-02-03 13:00:00 UTC", (0.7, 1.0), more=("", "49h")),
    "a-year": same("2027-02-01 12:00:00 UTC", (0.5, 0.5)),
    "grown": Sequence(Work(TWO_DAYS), Work(TWO_DAYS, full=True), (0.8, 0.8)),
}
# The exchange says itself when it was: four days after the due date, and then on the day after it.
SHARE["exchange"] = Sequence(Work(None), Work(None, full=True), (0.6, 0.9), MOVED)
SEQUENCES = ALL | SHARE
DOORS = ("table", "json", "page", "report", "export", "verify", "formgrader", "autograde",
         "autograde's page")  # fmt: skip


@dataclass
class Course:
    """Two folders of one course, and what was read at each door: (sequence, stage) → mark."""

    top: Path
    policy: str
    sequences: dict[str, Sequence]
    seen: dict[str, dict[tuple[str, int], float]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)  # by `grade`, at each stage

    def __post_init__(self) -> None:
        self.ours = new_course(self.top / "ours", self.policy)
        self.theirs = new_course(self.top / "theirs", self.policy)
        self.assignments = sorted({one.assignment for one in self.sequences.values()})

    @property
    def both(self) -> tuple[Path, Path]:
        return self.ours, self.theirs

    def due(self, *arguments: str) -> None:
        for folder in self.both:
            done = run("due", *arguments, "--course-dir", folder)
            assert done.exit_code == 0, done.output

    def hand_in(self, stage: int) -> None:
        for name, one in self.sequences.items():
            work = (one.first, one.then)[stage]
            if name == "exchange" or (stage and work == one.first):
                continue
            book = nbformat.writes(answers(one.assignment, work.full))
            for folder in self.both:
                place = folder / "submitted" / name / one.assignment
                place.mkdir(parents=True, exist_ok=True)
                (place / f"{one.assignment}.ipynb").write_text(book)
                if work.stamp is not None:
                    (place / "timestamp.txt").write_text(work.stamp)

    def extend(self, stage: int) -> None:
        for name, one in self.sequences.items():
            if one.more[stage]:
                self.due(one.assignment, "--extend", f"{name}={one.more[stage]}")

    def look(self, stage: int) -> None:
        """Grade both folders, and read the marks at every door."""
        target = self.top / "results.json"
        done = run("grade", self.ours / "submitted", "--course-dir", self.ours, "--jobs", "2",
                   "--json", target)  # fmt: skip
        assert done.exit_code == 0, done.output
        self.said.append(" ".join(done.output.replace("│", " ").split()))
        for name in self.assignments:
            nbgrader(self.theirs, "autograde", name, "--force")
            nbgrader(self.theirs, "generate_feedback", name, "--force")
        read: dict[str, Callable[[], Iterator[tuple[str, float]]]] = {
            "table": lambda: in_table(done.output),
            "json": lambda: in_json(target),
            "page": lambda: on_pages(self.ours, r"<!--by-hand total-->\s*([\d.]+) / "),
            "report": lambda: in_report(self.ours, self.assignments),
            "export": lambda: exported(self.ours),
            "verify": lambda: verified(self.ours),
            "formgrader": lambda: of_nbgrader(self.ours),
            "autograde": lambda: of_nbgrader(self.theirs),
            "autograde's page": lambda: on_pages(self.theirs, r"\(Score: ([\d.]+) / "),
        }
        assert tuple(read) == DOORS
        for door, marks in read.items():
            found = {(name, stage): mark for name, mark in marks()}
            assert found.keys() == {(name, stage) for name in self.sequences}, door
            self.seen.setdefault(door, {}).update(found)


def answers(assignment: str, full: bool) -> nbformat.NotebookNode:
    return solved(LESSON[assignment], None if full else {ONE[assignment]})


# -- the doors -------------------------------------------------------------------------------------


def in_table(output: str) -> Iterator[tuple[str, float]]:
    for line in output.splitlines():
        cells = [cell.strip() for cell in line.split("│")]
        if len(cells) > 4 and cells[1] in SEQUENCES:
            yield cells[1], float(cells[4])


def in_json(path: Path) -> Iterator[tuple[str, float]]:
    for one in json.loads(path.read_text())["submissions"]:
        yield one["student"], one["score"] - one["penalty"]


def on_pages(course: Path, pattern: str) -> Iterator[tuple[str, float]]:
    for path in (course / "feedback").glob("*/*/*.html"):
        found = re.search(pattern, path.read_text())
        assert found is not None, path
        yield path.parts[-3], float(found[1])


def in_report(course: Path, assignments: list[str]) -> Iterator[tuple[str, float]]:
    for name in assignments:
        done = run("report", "--course-dir", course, "--assignment", name, "--html",
                   course / "report.html")  # fmt: skip
        assert done.exit_code == 0, done.output
        text = (course / "report.html").read_text()
        for who, row in re.findall(r'<tr><th scope="row">([\w-]+)</th>(.*?)</tr>', text, re.S):
            points = re.sub(r"<[^>]+>", " ", row).split()
            if who in SEQUENCES and points[0] != "–":
                yield who, float(points[0])


def exported(course: Path) -> Iterator[tuple[str, float]]:
    done = run("export", "--to", "csv", "--course-dir", course, "--output", "-")
    assert done.exit_code == 0, done.output
    heading, *lines = done.stdout.splitlines()
    place = {name: number for number, name in enumerate(heading.split(","))}
    for cells in (line.split(",") for line in lines):
        if cells[place["score"]]:
            yield cells[place["student"]], float(cells[place["score"]])


def verified(course: Path) -> Iterator[tuple[str, float]]:
    """The ledger's score, less the penalty that ``verify`` says is right once another stands there.

    As the course is, nothing differs.
    """
    assert "no differences" in verify(course)
    scores = {}
    for line in (course / "ledger.jsonl").read_text().splitlines():
        entry = json.loads(line)
        entry = entry.get("entry", entry)
        if "exercises" in entry:
            scores[entry["student"], entry["assignment"]] = entry["score"]
    copy = course.with_name("copy")
    shutil.copytree(course, copy)
    with open_gradebook(copy / "gradebook.db") as book:
        for student, name in scores:
            tables.set_penalty(book, name, student, 777.0)
    said = verify(copy)
    shutil.rmtree(copy)
    right = re.findall(r"(\S+)/(\S+) late penalty: the gradebook says 777, .*? give ([\d.]+)", said)
    for student, name, penalty in right:
        yield student, scores[student, name] - float(penalty)


def verify(course: Path) -> str:
    done = CliRunner().invoke(main, ["verify", "--course-dir", str(course)], env={"COLUMNS": "400"})
    return " ".join(done.output.replace("│", " ").split())


def of_nbgrader(course: Path) -> Iterator[tuple[str, float]]:
    """The marks as nbgrader's own objects give them, and so Formgrader."""
    with nbgrader_gradebook(course / "gradebook.db") as book:
        for name in {one.assignment for one in SEQUENCES.values()}:
            handed_in = book.find_assignment(name).submissions
            for one in handed_in:
                if one.student.id in SEQUENCES and has_marks(one):
                    yield one.student.id, one.score - one.late_submission_penalty


def has_marks(submission: object) -> bool:
    """An extension makes a submission without marks."""
    (notebook,) = submission.notebooks  # type: ignore[attr-defined]
    return any(grade.auto_score is not None for grade in notebook.grades)


# -- the stages ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def all_points(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """A course whose policy takes all points; the second assignment's due date is moved."""
    course = Course(tmp_path_factory.mktemp("all"), ZERO, ALL)
    for stage in (0, 1):
        course.hand_in(stage)
        if stage == 0:
            course.due(FIXED, DUE)
        course.due(MOVED, (DUE, LATER)[stage])
        course.extend(stage)
        course.look(stage)
    return course


@pytest.fixture(scope="module")
def shares(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """A course whose policy takes a share for each day; one student hands in by the exchange."""
    course = Course(tmp_path_factory.mktemp("shares"), PER_DAY, SHARE)
    exchange, student = course.top / "exchange", course.top / "student"
    exchange.mkdir()
    exchange.chmod(0o777)
    place = f"\nc.Exchange.root = {str(exchange)!r}\n"
    for folder in course.both:
        config = folder / "nbgrader_config.py"
        config.write_text(config.read_text() + place)
    released = course.theirs / "release" / "notebooks" / MOVED
    released.mkdir(parents=True)
    released.joinpath(f"{MOVED}.ipynb").write_text(nbformat.writes(answers(MOVED, False)))
    nbgrader(course.theirs, "release_assignment", MOVED)
    (student / MOVED).mkdir(parents=True)
    (student / "nbgrader_config.py").write_text(
        f"c = get_config(){place}c.CourseDirectory.course_id = 'attention'\n"
    )
    ago = (datetime.timedelta(days=4), datetime.timedelta(hours=20))
    for stage in (0, 1):
        course.hand_in(stage)
        book = nbformat.writes(answers(MOVED, bool(stage)))
        (student / MOVED / f"{MOVED}.ipynb").write_text(book)
        nbgrader(student, "submit", MOVED, "--student=exchange")
        nbgrader(course.theirs, "collect", MOVED, "--update")
        came = course.theirs / "submitted" / "exchange"
        shutil.copytree(came, course.ours / "submitted" / "exchange", dirs_exist_ok=True)
        stamp = (came / MOVED / "timestamp.txt").read_text()
        when = datetime.datetime.strptime(stamp.strip()[:19], "%Y-%m-%d %H:%M:%S")
        if stage == 0:
            course.due(FIXED, DUE)
        course.due(MOVED, f"{when - ago[stage]:%Y-%m-%d %H:%M:%S} UTC")
        course.extend(stage)
        course.look(stage)
    return course


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", SEQUENCES)
def test_each_sequence_ends_with_its_mark_behind_every_door(
    request: pytest.FixtureRequest, name: str, door: str
) -> None:
    course = request.getfixturevalue("all_points" if name in ALL else "shares")
    found = course.seen[door][name, 0], course.seen[door][name, 1]
    assert found == pytest.approx(SEQUENCES[name].marks(), abs=1e-9)


def test_the_table_says_how_late_and_what_it_costs(all_points: Course, shares: Course) -> None:
    first, then = all_points.said
    assert "two-days 03_masking graded, 2 days late: 2 points off" in first, first
    assert "in the future: a clock is wrong" in first
    assert "dated 1980" in first  # the column may break a longer text
    assert "in the future" not in then and "in 1980" not in then
    assert "4 days late" in shares.said[0] and "20 hours late" in shares.said[1]


def test_both_commands_may_grade_in_one_folder(all_points: Course) -> None:
    """After ``nbgrader autograde`` nothing differs, and ``grade`` has nothing to change."""
    course = all_points.ours
    before = dict(of_nbgrader(course))
    nbgrader(course, "autograde", FIXED, "--force")
    assert dict(of_nbgrader(course)) == before
    assert "no differences" in verify(course)
    again = run("grade", course / "submitted", "--course-dir", course)
    assert "from before" not in again.output
    assert dict(in_table(again.output)) == before
