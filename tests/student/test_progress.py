"""``progress``: what the checks said last, kept beside the lessons, and no part of any mark."""

from __future__ import annotations

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest

from grader.course.exercises import exercises
from grader.course.layout import LESSONS, NOTEBOOKS, ROOT, assignment_id, notebook_path
from grader.course.versions import solution
from grader.protocol.values import CheckResult, Verdict
from grader.student import check, records
from grader.student.lab_folder import copy_lessons, start_page
from grader.student.lessons import Lesson, lessons
from grader.student.progress import BEGUN, DONE, NOT_BEGUN, Course, course, standing
from grader.student.session import Session
from tests.conftest import with_answers

FIRST = assignment_id(LESSONS[0])
RIGHT = solution("single_query_attention", "softmax").source
WRONG = "def softmax(scores, axis=-1):\n    return np.exp(scores)"
STUB = "def softmax(scores, axis=-1):\n    raise NotImplementedError"
CHECK = "from grader import check\ncheck('softmax')"


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A student's folder, as ``python -m grader lab`` makes it; the first lesson is open."""
    folder = tmp_path / "lab"
    copy_lessons(NOTEBOOKS, folder)
    start_page(folder)
    monkeypatch.chdir(folder / FIRST)
    monkeypatch.setattr(Session, "complaint", "")
    return folder


def verdict(name: str, passed: int, checks: int, points: float, attempted: bool = True) -> Verdict:
    results = tuple(CheckResult(f"check {i}", i < passed) for i in range(checks))
    return Verdict(name, points, points, attempted, results)


def answer(shell, source: str) -> None:
    shell.run_cell(f"import numpy as np\n{source}", store_history=True)
    shell.run_cell(CHECK)


def kept(lab: Path) -> dict[str, records.Record]:
    return records.read(lab)[0]


# --- what is kept, and where ------------------------------------------------------------------


def test_the_latest_verdict_is_what_counts(shell, lab: Path) -> None:
    answer(shell, RIGHT)
    assert kept(lab)["softmax"].right and kept(lab)["softmax"].points == 3
    answer(shell, WRONG)
    assert not kept(lab)["softmax"].right
    answer(shell, RIGHT)
    assert kept(lab)["softmax"].right
    answer(shell, STUB)
    assert kept(lab) == {}


def test_a_check_that_is_run_before_its_cell_says_nothing_of_the_answer(shell, lab: Path) -> None:
    answer(shell, RIGHT)
    shell.reset()  # a new kernel, where only the check is run
    shell.run_cell(CHECK)
    assert kept(lab)["softmax"].right


def test_nothing_is_left_where_lab_has_made_no_folder(
    shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a solved notebook is run again, or a submission is looked at."""
    below = tmp_path / "one" / "two" / "three"
    below.mkdir(parents=True)
    records.make(tmp_path)  # too far above to be this notebook's
    for folder in (below, below.parent):
        monkeypatch.chdir(folder)
        answer(shell, RIGHT)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_nothing_is_kept_where_checks_do_not_decide(shell, lab: Path, monkeypatch) -> None:
    monkeypatch.setattr(Session, "checking", False)  # as in the grading worker
    answer(shell, RIGHT)
    shell.run_cell("from grader import progress\nprogress()")
    assert kept(lab) == {}


def test_a_record_that_cannot_be_written_is_a_sentence_and_the_check_goes_on(
    shell, lab: Path, capsys: pytest.CaptureFixture
) -> None:
    (lab / records.FOLDER / "softmax.json").mkdir()
    shell.run_cell(f"import numpy as np\n{WRONG}")
    error = shell.run_cell(CHECK).error_in_exec
    said = capsys.readouterr()
    assert isinstance(error, check.CheckFailed) and "Seen in" in said.out
    assert said.out.count("cannot record this") == 1 and "Traceback" not in said.out
    assert said.err == ""  # nbgrader's Validate takes anything there as not done
    shell.run_cell(CHECK)
    assert "cannot record this" not in capsys.readouterr().out  # once is enough


def test_a_damaged_record_costs_one_exercise(lab: Path) -> None:
    records.note(verdict("softmax", 4, 4, 3), lab)
    for name, content in {"attention": "{", "cosine_similarity": '{"passed": 9}'}.items():
        (lab / records.FOLDER / f"{name}.json").write_text(content)
    shown = course(lab, lab)
    assert shown.standings[0].right == 1
    said = repr(shown)
    assert "attention, cosine_similarity cannot be read" in said.replace("\n", " ")


@pytest.mark.parametrize(
    "content",
    ["[]", "null", "3", '{"passed": 5, "checks": 4, "points": 1}', '{"passed": "x"}', "[" * 100_000,
     '{"passed": 1, "checks": 1, "points": 1e999}', '{"passed": 1, "checks": 1, "points": NaN}'],
)  # fmt: skip
def test_no_record_breaks_the_table(content: str, lab: Path) -> None:
    (lab / records.FOLDER / "softmax.json").write_text(content)
    shown = course(lab, lab)
    assert shown.damaged == ["softmax"] and shown.standings[0].state == NOT_BEGUN


def test_notebooks_that_check_at_the_same_time_lose_nothing(lab: Path) -> None:
    names = [exercise.id for lesson in LESSONS for exercise in exercises(lesson)]
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda name: records.note(verdict(name, 1, 1, 1), lab), names))
    assert set(said) == {""} and set(kept(lab)) == set(names)
    files = {path.name for path in (lab / records.FOLDER).iterdir()}
    assert files == {f"{name}.json" for name in names}  # nothing half-written is left


def test_the_check_command_notes_what_it_found(lab: Path) -> None:
    path = lab / FIRST / f"{FIRST}.ipynb"
    path.write_text(with_answers(LESSONS[0], {"softmax": WRONG}, solve=True))
    command = [sys.executable, "-m", "grader", "check", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 1
    found = kept(lab)
    assert found.keys() == {exercise.id for exercise in exercises(LESSONS[0])}
    assert not found["softmax"].right and found["cosine_similarity"].right


# --- what is shown ------------------------------------------------------------------------------


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_is_what_its_specification_and_first_cell_say(lesson: str) -> None:
    """Exercises, their order and points from the specification; minutes as they are printed."""
    one = next(x for x in lessons(NOTEBOOKS) if x.path == notebook_path(lesson))
    assert list(one.exercises.items()) == [(e.id, e.points) for e in exercises(lesson)]
    head = nbformat.read(one.path, as_version=4).cells[0].source
    assert f"about {one.minutes} minutes" in head and f"{one.question:g} for the question" in head
    assert one.title.partition(" · ")[2] in head.splitlines()[0]


def test_a_course_not_begun_begins_with_its_first_lesson(lab: Path) -> None:
    shown = course(lab, lab)
    assert [one.state for one in shown.standings] == [NOT_BEGUN] * len(LESSONS)
    assert "Begin with 1 · " in repr(shown)


def test_one_begins_then_is_done_and_goes_on_with_the_next(lab: Path) -> None:
    first = exercises(LESSONS[0])
    records.note(verdict(first[1].id, 1, 2, 0.5), lab)
    now = course(lab, lab)
    assert now.standings[0].state == BEGUN and "Go on with 1 · " in repr(now)
    assert (now.standings[0].right, now.standings[0].points) == (0, 0.5)
    assert now.standings[0].next == first[0].id  # the first that is not right, tried or not
    for exercise in first:
        records.note(verdict(exercise.id, 2, 2, exercise.points), lab)
    now = course(lab, lab)
    assert now.standings[0].state == DONE and "Begin with 2 · " in repr(now)
    total = sum(exercise.points for lesson in LESSONS for exercise in exercises(lesson))
    mine = sum(exercise.points for exercise in first)
    assert f"{mine:g} of {total:g} points so far" in now.headline


def test_points_are_never_more_than_the_check_gives() -> None:
    one = Lesson(Path("01_x.ipynb"), "1 · x", exercises={"a": 2.0, "b": 1.0})
    kept = {"a": records.Record(1, 1, 99.0), "elsewhere": records.Record(1, 1, 5.0)}
    assert standing(one, kept).points == 2


@pytest.mark.parametrize(
    ("minutes", "total"),
    [(0, ""), (25, "25"), (60, "60"), (89, "89"), (90, "90 (2 hours)"), (155, "155 (3 hours)")],
)
def test_the_minutes_of_all_lessons_are_hours_only_where_there_are_some(
    minutes: int, total: str
) -> None:
    one = Lesson(Path("01_x.ipynb"), "1 · x", minutes, {"a": 2.0})
    table = Table(Course([standing(one, {})])._repr_html_())
    assert table.all("td")[-1][1] == total


class Table(HTMLParser):
    """The elements of a page with their attributes, and what is read out in each."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.open: list[int] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.open.append(len(self.found))
        self.found.append((tag, dict(attrs), []))

    def handle_endtag(self, tag: str) -> None:
        assert self.found[self.open.pop()][0] == tag, tag

    def handle_data(self, data: str) -> None:
        for place in self.open:
            self.found[place][2].append(data)

    def all(self, name: str) -> list[tuple[dict[str, str | None], str]]:
        return [(attrs, "".join(said)) for tag, attrs, said in self.found if tag == name]


@pytest.mark.parametrize("place", ["", FIRST])
def test_the_table_can_be_read_without_seeing_it_and_its_links_lead_to_the_lessons(
    place: str, lab: Path
) -> None:
    records.note(verdict(exercises(LESSONS[0])[0].id, 1, 2, 0.5), lab)
    table = Table(course(lab, lab / place)._repr_html_())
    assert len(table.all("caption")) == 1
    scopes = [attrs.get("scope") for attrs, _ in table.all("th")]
    assert scopes.count("row") == len(LESSONS) + 1 and scopes.count("col") == 6
    links = [lab / place / unquote(attrs["href"] or "") for attrs, _ in table.all("a")]
    assert {path.resolve() for path in links} == {one.path.resolve() for one in lessons(lab)}
    states = [said for _, said in table.all("td") if re.search(r"begun|done", said)]
    assert len(states) == len(LESSONS)  # in words, not by a color or a sign alone
    assert "not your mark" in "".join(said for _, said in table.all("p"))


def test_no_title_becomes_markup(lab: Path) -> None:
    path = lab / FIRST / f"{FIRST}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[0].source = "# Lesson 1 · <script>alert(1)</script>"
    nbformat.write(notebook, path)
    assert "<script" not in course(lab, lab)._repr_html_()


def test_a_damaged_lesson_is_named_and_the_others_are_shown(lab: Path) -> None:
    (lab / FIRST / f"{FIRST}.ipynb").write_text("{")
    said = repr(course(lab, lab)).replace("\n", " ")
    assert f"{FIRST}.ipynb is not a notebook" in said and "unreadable" in said
    assert "Begin with 2 · " in said


def test_progress_in_a_lesson_and_elsewhere(
    shell, lab: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(shell, RIGHT)
    capsys.readouterr()
    shell.run_cell("from grader import progress\nprogress()")
    count = sum(len(exercises(lesson)) for lesson in LESSONS)
    assert f"1 of {count} exercises and quizzes right, 3 of" in capsys.readouterr().out
    monkeypatch.chdir(lab.parent.parent)
    assert shell.run_cell("progress()").success
    assert "`python -m grader lab`" in capsys.readouterr().out


def test_it_costs_nothing_until_it_is_called() -> None:
    code = (
        "import sys, grader; assert 'grader.student' not in sys.modules;"
        "from grader import check; print([m for m in sys.modules if m.endswith('.progress') or"
        " m.partition('.')[0] in ('nbformat', 'torch', 'matplotlib')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "progress" not in done.stdout and "nbformat" not in done.stdout, done.stdout
