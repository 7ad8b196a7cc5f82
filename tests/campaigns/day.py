"""A day in the life of an instructor: one lesson, from the roster to the next term.

    python -m tests.campaigns.day [--markdown FILE]

Thirteen students are on the roster. Twelve hand in through Moodle: three late, one twice, one a zip
that is cut off, one a file that is no notebook. Everything is done by the commands that the pages
name; only the marks that a person gives in Formgrader are written as it does, through nbgrader's
own gradebook. What each student must get in the end is worked out here, by hand.
"""

from __future__ import annotations

import argparse
import csv
import io
import shlex
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import nbformat
from click.testing import CliRunner

from grader.authoring.solve import solved
from grader.commandline import main as command
from grader.course.assignments import assignment
from grader.course.layout import LESSONS, ROOT, assignment_id
from grader.student.packing import pack_lessons
from tests.nbgrader_gradebook import nbgrader_gradebook

LESSON = LESSONS[0]
NAME = assignment_id(LESSON)
DUE = datetime(2026, 2, 1, 12, 0)
PER_DAY = 10  # percent of the points
POLICY = f"""
c.AssignLatePenalties.plugin_class = "grader.records.late_policy.PerDay"
c.PerDay.percent_per_day = {PER_DAY}
"""


@dataclass
class Student:
    """A student on the roster, who leaves ``wrong`` of the exercises as they were given out."""

    id: str
    name: str
    number: int
    days_late: int = 0
    wrong: int = 0
    written: float = 2.0  # what a person gives for the answer in writing

    @property
    def handed_in(self) -> datetime:
        """An hour before the due date, or before the last of the days late is over."""
        return DUE + timedelta(days=self.days_late, hours=-1)

    @property
    def folder(self) -> str:
        """The folder's name in Moodle's archive of submissions, where no path has an apostrophe."""
        return f"{self.name.replace(chr(39), '')}_{self.number}_assignsubmission_file"


def roster() -> dict[str, Student]:
    """Return the thirteen students; ``mia`` hands in nothing."""
    people = [
        Student("ada", "Ada Lovelace", 4701),
        Student("ben", "Ben Öberg", 4702, wrong=2),
        Student("cem", "Cem O'Hara", 4703, wrong=1, written=3.0),
        Student("dee", "Dee Wu", 4704, days_late=1),
        Student("eli", "Eli Łuk", 4705, days_late=2, wrong=1),
        Student("fay", "Fay Nowak", 4706, days_late=3),
        Student("gil", "Gil Li", 4707),
        Student("hal", "Hal Ek", 4708),
        Student("ivy", "Ivy Doe", 4709),
        Student("jon", "Jon Roe", 4710, wrong=3, written=0.0),
        Student("kim", "Kim Poe", 4711, written=1.0),
        Student("lea", "Lea Fox", 4712),
        Student("mia", "Mia Zed", 4713),
    ]
    return {one.id: one for one in people}


@dataclass
class Day:
    """The folder of the day, and a row for each thing done in it: (stage, command, output)."""

    top: Path
    rows: list[tuple[str, str, str]] = field(default_factory=list)
    people: dict[str, Student] = field(default_factory=roster)

    @property
    def course(self) -> Path:
        return self.top / "spring"

    def run(self, stage: str, line: str, telling: str = "", course: str = "spring") -> str:
        """Run a command in a course's folder; add a row for it, and return its whole output.

        The row has the line that contains ``telling``, or the last. @ stands for the folder.
        """
        folder = self.top / course
        words = shlex.split(line)
        words = [f"{folder}/{word[1:]}" if word.startswith("@") else word for word in words]
        done = CliRunner().invoke(command, words, catch_exceptions=False)
        if done.exit_code:
            raise AssertionError(f"{line}: {done.output}")
        output = done.output.replace(f"{folder}/", "").replace(str(folder), ".")
        shown = f"python -m grader {line}".replace(" --jobs 1", "").replace(" --course-dir @", "")
        shown = shown.replace(" @", " ")
        said = [one.strip() for one in output.splitlines() if one.strip() and telling in one]
        self.rows.append((stage, shown, said[-1]))
        return output

    def note(self, stage: str, done: str, said: str) -> None:
        """Add a row for what is not a command."""
        self.rows.append((stage, done, said))


def exercises() -> list[tuple[str, float]]:
    return [(one.id, float(one.points)) for one in assignment(NAME).exercises]


def points(wrong: int) -> float:
    """Return what the checks give if the last ``wrong`` exercises are left as given out."""
    return sum(of for _, of in exercises()[: len(exercises()) - wrong])


def expected(one: Student) -> float:
    """Return the final mark: checks and a person's points, less a share for each day begun."""
    found = points(one.wrong) + one.written
    return found * (1 - PER_DAY * one.days_late / 100)


# -- what students do ------------------------------------------------------------------------------


def packed(day: Day, one: Student, wrong: int) -> bytes:
    """Work on the released notebook, and pack it."""
    lab = day.top / "labs" / one.id
    lesson = lab / NAME / f"{NAME}.ipynb"
    names = [name for name, _ in exercises()]
    book = solved(LESSON, set(names[: len(names) - wrong]))
    released = nbformat.read(day.course / "release" / "notebooks" / NAME / f"{NAME}.ipynb", 4)
    assert [cell.id for cell in released.cells] == [cell.id for cell in book.cells]
    for human in assignment(NAME).humans:
        cell = next(cell for cell in book.cells if cell.id == human.id)
        cell.source = f"By the weights, which change smoothly; so {one.name} thinks, at least."
    lesson.parent.mkdir(parents=True, exist_ok=True)
    lesson.write_text(nbformat.writes(book), encoding="utf-8")
    return pack_lessons([NAME], lab, lab / "attention.zip").path.read_bytes()


def archive(day: Day, name: str, contents: dict[str, bytes]) -> None:
    with zipfile.ZipFile(day.course / name, "w") as file:
        for path, content in contents.items():
            file.writestr(path, content)


def worksheet(day: Day) -> str:
    """Write Moodle's grading worksheet, with the time of each submission."""
    out = io.StringIO(newline="")
    table = csv.writer(out)
    table.writerow(
        ["Identifier", "Full name", "Email address", "Status", "Grade", "Maximum Grade",
         "Grade can be changed", "Last modified (submission)", "Last modified (grade)",
         "Feedback comments"]
    )  # fmt: skip
    most = sum(of for _, of in exercises()) + sum(one.points for one in assignment(NAME).humans)
    for one in day.people.values():
        when = "-" if one.id == "mia" else f"{one.handed_in:%A, %d %B %Y, %I:%M %p}"
        table.writerow(
            [f"Participant {one.number}", one.name, f"{one.id}@example.edu", "Submitted", "",
             f"{most:.2f}", "Yes", when, "-", ""]
        )  # fmt: skip
    return "\ufeff" + out.getvalue()


# -- what a person does in Formgrader --------------------------------------------------------------


def mark(day: Day, given: dict[str, tuple[float, str]]) -> None:
    """Give points and a comment to each student's answer in writing, as Formgrader does."""
    (question,) = assignment(NAME).humans
    with nbgrader_gradebook(day.course / "gradebook.db") as book:
        for student, (score, comment) in given.items():
            grade = book.find_grade(question.id, NAME, NAME, student)
            grade.manual_score, grade.needs_manual_grade = score, False
            book.find_comment(question.id, NAME, NAME, student).manual_comment = comment
        book.db.commit()


def marks(day: Day) -> dict[str, str]:
    """Read the grades from the filled worksheet, by student."""
    path = day.course / "grades_moodle-worksheet.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        return {
            row["Email address"].partition("@")[0]: row["Grade"] for row in csv.DictReader(file)
        }


# -- the day ---------------------------------------------------------------------------------------


def live(top: Path) -> Day:
    """Live through the whole day, below ``top``."""
    day = Day(top)
    for step in (morning, noon, afternoon, evening, next_term):
        step(day)
    return day


def morning(day: Day) -> None:
    """Set up the roster, the release and the due date; students work and hand in."""
    day.course.mkdir(parents=True)
    config = (ROOT / "nbgrader_config.py").read_text(encoding="utf-8")
    (day.course / "nbgrader_config.py").write_text(config + POLICY, encoding="utf-8")
    (day.course / "worksheet.csv").write_text(worksheet(day), encoding="utf-8")
    day.run("roster in", "roster @worksheet.csv --course-dir @")
    others = " ".join(f"--without {assignment_id(one)[:2]}" for one in LESSONS if one != LESSON)
    day.run("release", f"release {others} --output @release")
    day.run("due", f'due {NAME} "{DUE:%Y-%m-%d %H:%M} UTC" --course-dir @')
    work = {one.id: packed(day, one, one.wrong) for one in day.people.values() if one.id != "mia"}
    first_try = packed(day, day.people["gil"], 4)
    day.note("students work", "python -m grader pack", f"{len(work) + 1} zips, by {len(work)}")
    sent = {
        f"{one.folder}/attention.zip": work[one.id] for one in day.people.values() if one.id in work
    }
    gil, hal, ivy = (day.people[name].folder for name in ("gil", "hal", "ivy"))
    archive(day, "early.zip", {f"{gil}/attention.zip": first_try})
    cut = work["hal"][: len(work["hal"]) // 2]
    del sent[f"{ivy}/attention.zip"]
    archive(
        day, "all.zip", sent | {f"{hal}/attention.zip": cut, f"{ivy}/{NAME}.ipynb": b"{ broken"}
    )
    archive(day, "moodle-hal.zip", {f"{hal}/attention.zip": work["hal"]})


COLLECT = "--roster @worksheet.csv --output @submitted"


def noon(day: Day) -> None:
    """Collect, look at what needs a person, grade."""
    day.run("collect", f"collect @early.zip {COLLECT}")
    day.run("again, all of them", f"collect @all.zip {COLLECT}")
    day.people["hal"].days_late = 2
    (day.course / "worksheet.csv").write_text(worksheet(day), encoding="utf-8")
    day.run("Hal, asked for a whole zip", f"collect @moodle-hal.zip {COLLECT}")
    day.run("he gets time for it", f"due {NAME} --extend hal@example.edu=3d --course-dir @")
    day.people["hal"].days_late = 0  # as far as his mark goes
    day.run("grade", "grade @submitted --course-dir @ --jobs 1", "12 submissions")


def afternoon(day: Day) -> None:
    """Mark the answers in writing, and answer a request to look again."""
    given = {
        f"{one.id}@example.edu": (one.written, f"*{one.written:g}* of 3: see the rubric.")
        for one in day.people.values()
        if one.id not in ("ivy", "mia")
    }
    mark(day, given)
    day.note("answers in writing", "Formgrader", f"{len(given)} answers marked")
    day.run("into the pages", "grade @submitted --course-dir @ --jobs 1", "brought up to date")
    day.people["kim"].written = 3.0
    mark(day, {"kim@example.edu": (3.0, "You are right: the second half says it.")})
    day.note("Kim asks to look again", "Formgrader", "1 answer marked anew")
    ben = day.people["ben"]
    ben.wrong = 0
    archive(day, "moodle-ben.zip", {f"{ben.folder}/attention.zip": packed(day, ben, 0)})
    day.run("Ben had sent the wrong file", f"collect @moodle-ben.zip {COLLECT}")
    day.run("what would change?", "grade @submitted --course-dir @ --jobs 1 --dry-run")
    day.run("grade", "grade @submitted --course-dir @ --jobs 1", "brought up to date")
    day.run("whose marks changed", "changes --course-dir @")


def evening(day: Day) -> None:
    """Sign off what people gave; make the report, the export and the feedback."""
    day.run("sign off", "verify --accept --course-dir @")
    day.run("report", "report --course-dir @ --html @report.html")
    options = f"--students @worksheet.csv --assignment {NAME} --course-dir @"
    day.run("export", f"export --to moodle-worksheet {options}")
    day.run("feedback back", f"export --to moodle-feedback --assignment {NAME} --course-dir @")


def next_term(day: Day) -> None:
    """Give the next cohort its own folder and salt; the old folder still verifies."""
    autumn = day.top / "autumn"
    autumn.mkdir()
    (autumn / "students.csv").write_text("student_id,Full name\nnia,Nia New\n", encoding="utf-8")
    day.run("next term", "roster @students.csv --course-dir @", course="autumn")
    day.run("the old one, kept", "verify --course-dir @")


def table(day: Day) -> Iterator[str]:
    """Write the day as a table in Markdown."""
    yield "| | done | what it said, in one of its lines |"
    yield "| --- | --- | --- |"
    for stage, done, said in day.rows:
        yield f"| {stage} | `{done}` | {said.replace('|', chr(92) + '|')} |"


def results(day: Day) -> Iterator[str]:
    """Write what each student got, beside what is expected."""
    found = marks(day)
    yield "| student | mark in Moodle's worksheet | expected |"
    yield "| --- | ---: | ---: |"
    for one in day.people.values():
        wanted = "" if one.id in ("ivy", "mia") else f"{expected(one):g}"
        yield f"| {one.name} | {found[one.id]} | {wanted} |"


def main() -> int:
    """Live through the day; print its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markdown", metavar="FILE", type=Path, help="the page to write them into")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="day-") as name:
        day = live(Path(name))
        parts: list[Callable[[Day], Iterator[str]]] = [table, results]
        text = "\n\n".join("\n".join(part(day)) for part in parts)
    print(text)
    if arguments.markdown:
        page = arguments.markdown.read_text(encoding="utf-8")
        arguments.markdown.write_text(f"{page.partition(START)[0]}{START}\n\n{text}\n", "utf-8")
    return 0


START = "<!-- made by python -m tests.campaigns.day --markdown -->"

if __name__ == "__main__":
    sys.exit(main())
