"""The report adds up, shows what it was given as text, and changes nothing."""

from __future__ import annotations

import csv
import datetime
import io
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from click.testing import CliRunner, Result

from grader.authoring.sample import HUMAN_ANSWER, answer_text
from grader.authoring.solve import solved
from grader.commandline import main
from grader.course.assignments import assignment
from grader.course.layout import ROOT
from grader.course.versions import misconceptions
from grader.records.written import RECORDS
from grader.report import figures, known, page, read, sheet, similar, statistics
from grader.report.read import Check, Exercise, Records, Submission
from tests.conftest import with_answers

NAME = "03_masking"
EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\"' style=x"
TODAY = datetime.date(2026, 1, 2)


def exercise(name: str, score: float, best: float = 4.0, **more: Any) -> Exercise:
    checks = more.pop("checks", (Check("a check", score == best),))
    return Exercise(name, score, best, more.pop("attempted", True), tuple(checks), **more)


def submission(student: str, *exercises: Exercise, **more: Any) -> Submission:
    facts = {
        "outcome": "graded",
        "score": sum(item.score for item in exercises),
        "max_score": sum(item.max_score for item in exercises),
        "sandbox": "user",
        "assignment": NAME,
    }
    return Submission(student=student, exercises=exercises, **(facts | more))


def write(course: Path, one: Submission) -> Path:
    """A record as grading writes it."""
    result = {
        "student": one.student,
        "assignment": one.assignment,
        "outcome": one.outcome,
        "reason": one.reason,
        "score": one.score,
        "max_score": one.max_score,
        "seconds": 0.1,
        "exercises": [
            {
                "id": item.id,
                "score": item.score,
                "max_score": item.max_score,
                "attempted": item.attempted,
                "checks": [
                    {
                        "name": check.name,
                        "passed": check.passed,
                        "message": "seen",
                        "misconception": check.misconception or None,
                    }
                    for check in item.checks
                ],
            }
            for item in one.exercises
        ],
        "human": [],
        "repairs": [],
        "notices": list(one.notices),
    }
    path = course / RECORDS / one.assignment / f"{one.student}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"key": "k", "result": result, "sandbox": one.sandbox}))
    return path


def run(*arguments: object) -> Result:
    words = ["report", *map(str, arguments)]
    return CliRunner().invoke(main, words, catch_exceptions=False)


def summary(*submissions: Submission) -> statistics.Summary:
    return statistics.summary(NAME, submissions, lambda *_: None, {})


def html(records: Records, found: similar.Similar | None = None) -> str:
    summaries = statistics.summaries(records, lambda *_: None)
    return page.report_page(records, summaries, found or similar.Similar(), TODAY).decode()


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    one = submission(
        "Åsa Öberg",
        exercise("causal_mask", 1.5, checks=[Check("rows", False, "strict"), Check("ends", True)]),
        exercise("local_mask", 0.0, attempted=False, checks=()),
        outcome="crashed",
        reason="it ended itself",
    )
    write(tmp_path, one)
    assert read.read_records(tmp_path) == Records((one,))
    assert read.read_records(tmp_path, "01_single_query_attention") == Records(())


def test_discrimination_is_the_correlation_with_the_rest() -> None:
    rng = np.random.default_rng(0)
    for size in (3, 7, 40):
        table = rng.integers(0, 9, (size, 4)) / 2
        cohort = [
            submission(f"s{n}", *(exercise(f"e{k}", float(x)) for k, x in enumerate(row)))
            for n, row in enumerate(table)
        ]
        for place in range(4):
            rest = np.delete(table, place, axis=1).sum(axis=1)
            expected = np.corrcoef(table[:, place], rest)[0, 1]
            assert statistics.discrimination(f"e{place}", cohort) == pytest.approx(expected)


def test_all_or_nothing_makes_it_the_point_biserial_correlation() -> None:
    rest, right = [1.0, 2.0, 4.0, 5.0, 8.0, 9.0], [0, 0, 1, 0, 1, 1]
    cohort = [
        submission(f"s{n}", exercise("item", float(r)), exercise("other", x))
        for n, (r, x) in enumerate(zip(right, rest, strict=True))
    ]
    hits = [x for x, r in zip(rest, right, strict=True) if r]
    misses = [x for x, r in zip(rest, right, strict=True) if not r]
    share = len(hits) / len(rest)
    gap = (np.mean(hits) - np.mean(misses)) / np.std(rest)
    expected = gap * (share * (1 - share)) ** 0.5
    assert statistics.discrimination("item", cohort) == pytest.approx(expected)


@pytest.mark.parametrize(
    "scores",
    [
        [],
        [(1, 2)],
        [(1, 2), (2, 3)],  # two points always lie on a line
        [(3, 1), (3, 2), (3, 4)],
        [(1, 2), (2, 2), (3, 2)],
    ],
)
def test_what_is_undefined_is_a_dash(scores: list[tuple[float, float]]) -> None:
    cohort = [
        submission(f"s{n}", exercise("first", float(a)), exercise("second", float(b)))
        for n, (a, b) in enumerate(scores)
    ]
    assert statistics.discrimination("first", cohort) is None
    assert page.signed(None) == page.number(None) == page.percent(None) == "–"
    if cohort:
        assert '<td class="n">–</td></tr>' in html(Records(tuple(cohort)))
        assert "nan" not in html(Records(tuple(cohort)))


def test_sums_that_are_equal_on_paper_do_not_vary() -> None:
    cohort = [
        submission("a", exercise("e", 1), exercise("f", 0.1), exercise("g", 0.2)),
        submission("b", exercise("e", 2), exercise("f", 0.3), exercise("g", 0.0)),
        submission("c", exercise("e", 3), exercise("f", 0.2), exercise("g", 0.1)),
    ]
    assert statistics.discrimination("e", cohort) is None


def test_who_handed_in_nothing_or_what_cannot_be_read_says_nothing_of_an_exercise() -> None:
    pairs = [(0, 1), (2, 1), (4, 4), (4, 3)]
    cohort = [
        submission(f"s{n}", exercise("e", a), exercise("f", b)) for n, (a, b) in enumerate(pairs)
    ]
    blank = exercise("e", 0.0, attempted=False, checks=())
    other = exercise("f", 0.0, attempted=False, checks=())
    more = [
        submission("blank", blank, other, outcome="not_attempted"),
        submission("junk", blank, other, outcome="rejected"),
    ]
    expected = statistics.discrimination("e", cohort)
    assert expected is not None
    assert statistics.discrimination("e", cohort + more) == expected
    found = summary(*cohort, *more)
    assert (found.submissions, found.counted) == (6, 5)
    assert found.outcomes == {"graded": 4, "not_attempted": 1, "rejected": 1}
    assert found.mean == pytest.approx(19 / 5) and found.median == 3
    first = found.exercises[0]
    assert (first.submissions, first.attempted, first.passed) == (5, 4, 2)
    assert first.mean_share == pytest.approx((0 + 0.5 + 1 + 1 + 0) / 5)


def test_a_histogram_counts_everybody_once() -> None:
    assert statistics.histogram([]) == (0,) * 10
    assert statistics.histogram([0.0, 0.0999, 0.1, 0.3, 0.7, 0.99, 1.0]) == (
        2, 1, 0, 1, 0, 0, 0, 1, 0, 2,
    )  # fmt: skip
    counts = statistics.histogram(n / 250 for n in range(251))
    assert counts == (25,) * 9 + (26,)
    tallest = max(page.bars(counts), key=lambda bar: bar.height)
    assert tallest.y == 0 and tallest.count == 26


def test_the_histogram_is_of_the_gradebooks_marks() -> None:
    """A person's points and penalties count; without a mark, the checks' points do."""
    cohort = tuple(submission(name, exercise("x", 4.0)) for name in ("ann", "bob", "cy", "dee"))
    cohort += (submission("eve", outcome="rejected", score=0.0, max_score=4.0),)
    marks = {
        ("ann", NAME): read.Mark(2.0, 8.0, waiting=True),  # late, and half of it not yet looked at
        ("bob", NAME): read.Mark(8.5, 8.0, by_person=True),  # extra points
        ("cy", NAME): read.Mark(-0.5, 8.0, by_person=True),
        ("eve", NAME): read.Mark(0.0, 8.0),
    }
    records = Records(cohort, (), marks)
    (found,) = statistics.summaries(records, lambda *_: None)
    assert found.histogram == (1, 0, 1, 0, 0, 0, 0, 0, 0, 2)
    assert (found.mean, found.median, found.max_score) == (3.5, 3.0, 8.0)  # of -0.5, 2, 4 and 8.5
    assert (found.marked, found.waiting) == (3, 1)
    shown = html(records)
    assert "0 to 10 %: 1; 20 to 30 %: 1; 90 to 100 %: 2" in shown
    assert "in the gradebook, or of the checks" in shown and "1 still waits" in shown
    plain = summary(*cohort)
    assert plain.histogram == (0,) * 9 + (4,) and plain.mean == 4.0
    assert "Submissions by score of the checks" in html(Records(cohort))


def test_a_student_holds_a_misconception_once_and_the_most_shared_is_taught_first() -> None:
    twice = [Check("a", False, "strict"), Check("b", False, "strict"), Check("c", False, "other")]
    once = [Check("a", False, "strict"), Check("b", True), Check("c", True)]
    found = summary(
        submission("ada", exercise("local_mask", 0.0, checks=twice)),
        submission("bo", exercise("local_mask", 1.0, checks=once)),
        submission("cy", exercise("local_mask", 4.0, checks=[Check("a", True)])),
    )
    first, second = found.misconceptions
    assert (first.id, first.students, first.attempted) == ("strict", ("ada", "bo"), 3)
    assert (second.id, second.students) == ("other", ("ada",))
    assert statistics.tomorrow([found]) == [first]
    checks = [(c.name, c.attempted, c.passed) for c in found.exercises[0].checks]
    assert checks == [("a", 3, 1), ("b", 2, 1), ("c", 2, 1)]


def test_every_misconception_of_the_course_has_its_words() -> None:
    for version in misconceptions("masking", "local_mask"):
        assert known.misconception(NAME, "local_mask", version.name) == version.misconception
    assert known.misconception(NAME, "local_mask", "of another year") is None
    assert known.misconception(NAME, "no_exercise", "strict") is None
    assert known.misconception("99_gone", "local_mask", "strict") is None


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b"])
def test_no_cell_of_the_csv_begins_as_a_formula_does(start: str) -> None:
    evil = f"{start}HYPERLINK(1,2)"
    one = submission(
        evil, exercise(evil, 1.0, checks=[Check(evil, False, evil)]), assignment=evil, reason=evil
    )
    rows = list(csv.reader(io.StringIO(sheet.csv_text([one]), newline="")))
    assert rows[0] == list(sheet.COLUMNS) and len(rows) == 2
    assert all(not cell.startswith(start) for cell in rows[1])
    assert [cell for cell in rows[1] if cell.startswith("'")] == [f"'{evil}"] * 5


def test_the_csv_has_a_line_for_each_check_and_for_what_has_none() -> None:
    text = sheet.csv_text(
        [
            submission(
                'Å, "b"\nc',
                exercise("e", 1.5, checks=[Check("x", True), Check("y", False, "m")]),
                exercise("f", 0.0, attempted=False, checks=()),
            ),
            submission("junk", outcome="rejected", score=0.0, max_score=5.0),
        ]
    )
    rows = [list(row.values()) for row in csv.DictReader(io.StringIO(text, newline=""))]
    head = ['Å, "b"\nc', NAME, "graded"]
    assert rows == [
        [*head, "e", "1.5", "4", "true", "x", "true", ""],
        [*head, "e", "1.5", "4", "true", "y", "false", "m"],
        [*head, "f", "0", "4", "false", "", "", ""],
        ["junk", NAME, "rejected", "", "0", "5", "", "", "", ""],
    ]


class Tags(HTMLParser):
    """Every tag of a page with its attributes; tables with their captions and headers."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def of(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


def hostile() -> Records:
    """Everything that a record holds as text is as bad as it can be."""
    evil = exercise(EVIL, 1.0, checks=[Check(EVIL, False, EVIL), Check("\x1b[31m\u202eb", True)])
    names = (EVIL, "ann", "bob")
    cohort = tuple(submission(name, evil, assignment=EVIL, reason=EVIL) for name in names)
    unreadable = (read.Unreadable(Path(EVIL.replace("/", "")), EVIL),)
    return Records(cohort, unreadable, {(EVIL, EVIL): read.Mark(2.0, 4.0, True, True)})


def test_what_a_page_is_given_stays_text() -> None:
    group = similar.Group(EVIL, EVIL, 0.95, ((EVIL, EVIL), ("ann", EVIL + "2")))
    shown = html(hostile(), similar.Similar((group,), 1, (EVIL,)))
    parsed = Tags(shown)
    allowed = {
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "strong", "nav",
        "ul", "ol", "li", "a", "div", "dl", "dt", "dd", "table", "caption", "thead", "tbody", "tr",
        "th", "td", "code", "span", "br", "wbr", "figure", "figcaption", "svg", "rect", "text",
        "line", "polyline", "circle", "g", "details", "summary", "pre", "cite",
    }  # fmt: skip
    assert {tag for tag, _ in parsed.tags} <= allowed
    for _, attributes in parsed.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "src"]
    assert all((one["href"] or "").startswith("#") for one in parsed.of("a"))
    assert not re.search(r"https?:|url\(|@import|\x1b|\u202e", shown)
    assert "&lt;script&gt;alert(1)" in shown
    policy = next(m["content"] for m in parsed.of("meta") if "http-equiv" in m)
    assert "default-src 'none'" in (policy or "") and "script-src" not in (policy or "")


def test_tables_and_figures_can_be_read_without_seeing_them() -> None:
    shown = html(hostile())
    parsed = Tags(shown)
    assert len(parsed.of("table")) == len(parsed.of("caption")) >= 4
    scopes = {"col", "row", "rowgroup"}
    assert parsed.of("th") and all(one.get("scope") in scopes for one in parsed.of("th"))
    drawn = [one for one in parsed.of("svg") if one.get("aria-hidden") != "true"]
    assert drawn and all(one["role"] == "img" and one["aria-label"] for one in drawn)
    assert "20 to 30 %: 2; 50 to 60 %: 1" in (drawn[0]["aria-label"] or "")
    assert parsed.of("rect") and shown.count("<rect") == len(parsed.of("rect"))


def share(item: Exercise) -> float:
    """The share of the checks that passed, counted."""
    return sum(check.passed for check in item.checks) / len(item.checks)


def test_the_heat_map_shows_each_student_who_passed_what() -> None:
    """Against counting: a student's column is at one place in every row, the best first."""
    rng = np.random.default_rng(3)
    cohort = []
    for number in range(30):
        items = [
            exercise(
                name,
                float(rng.integers(0, 5)),
                attempted=bool(rng.random() > 0.2),
                checks=[Check(f"check {n}", bool(rng.random() > 0.4)) for n in range(4)],
            )
            for name in ("causal_mask", "local_mask", "masked_attention")
        ]
        cohort.append(submission(f"student{number}", *items))
    cohort.append(submission("unreadable", outcome="rejected", score=0.0, max_score=12.0))
    found = figures.heat_map(cohort)
    assert found is not None and "unreadable" not in found.students
    scores = {one.student: one.score for one in cohort}
    assert [scores[name] for name in found.students] == sorted(
        (one.score for one in cohort[:-1]), reverse=True
    )
    for strip in found.strips:
        for student, level in zip(found.students, strip.levels, strict=True):
            own = next(one for one in cohort if one.student == student)
            item = next(one for one in own.exercises if one.id == strip.name)
            expected = (
                "blank" if not item.attempted else "passed" if share(item) == 1
                else "half" if share(item) >= 0.5 else "part" if share(item) else "none"
            )  # fmt: skip
            assert level == expected
        passed = strip.levels.count("passed")
        assert f"every check passed: {passed}" in strip.spoken or not passed
        assert strip.spoken.startswith(f"{strip.name}, of 30 students: ")


def test_the_heat_map_has_a_row_for_each_check_below_its_exercise() -> None:
    """Who passed which check, in the same columns; folded, and told in words."""
    rows = {
        "ann": [Check("shape", True), Check("value", True)],
        "bob": [Check("shape", True), Check("value", False)],
        "cy": [Check("shape", False), Check("value", False)],
    }
    cohort = [
        submission(name, exercise("causal_mask", 4.0 - place, checks=checks))
        for place, (name, checks) in enumerate(rows.items())
    ]
    blank = exercise("causal_mask", 0.0, attempted=False, checks=rows["cy"])
    cohort.append(submission("dee", blank))
    found = figures.heat_map(cohort)
    assert found is not None and found.students == ("ann", "bob", "cy", "dee")
    (strip,) = found.strips
    assert [(one.name, one.levels) for one in strip.checks] == [
        ("shape", ("passed", "passed", "none", "blank")),
        ("value", ("passed", "none", "none", "blank")),
    ]
    spoken = "value, of 4 students: passed: 1, did not pass: 2, not attempted: 1"
    assert strip.checks[1].spoken == spoken
    shown = html(Records(tuple(cohort)))
    parsed = Tags(shown)
    labels = [one["aria-label"] or "" for one in parsed.of("svg") if one.get("role") == "img"]
    assert spoken in labels
    assert labels.index(spoken) == labels.index(strip.spoken) + 2  # in the order of the checks
    folded = shown.partition('"2 checks of causal_mask"')[0].rpartition("<details")[2]
    assert "open" not in folded.partition(">")[0] and "bob: did not pass" in shown


def test_progress_is_the_median_of_each_lesson_and_a_line_for_each_student() -> None:
    shares = {"ann": (1.0, 0.5, 0.25), "bob": (0.5, None, 0.75), "cy": (0.0, 0.25, None)}
    lessons = ("01_a", "02_b", "03_c")
    cohort = tuple(
        submission(student, exercise("x", 4.0 * share), assignment=lesson)
        for student, own in shares.items()
        for lesson, share in zip(lessons, own, strict=True)
        if share is not None
    )
    found = figures.progress(Records(cohort))
    assert found is not None
    assert [(step.median, step.count) for step in found.steps] == [(0.5, 3), (0.375, 2), (0.5, 2)]
    assert found.spoken.endswith("01_a: 50 % of 3 submissions; 02_b: 38 % of 2 submissions; "
                                 "03_c: 50 % of 2 submissions.")  # fmt: skip
    wide, high = figures.WIDTH, figures.HEIGHT
    assert found.lines == (
        f"0,0 {wide // 2},{high // 2} {wide},{3 * high // 4}",  # bob's two have a gap between
        f"0,{high} {wide // 2},{3 * high // 4}",
    )
    assert figures.progress(Records(cohort[:1])) is None


def test_names_stand_wherever_students_do_and_stay_text(tmp_path: Path) -> None:
    name = f"Ada {EVIL}"
    one = submission("ada", exercise("causal_mask", 4.0), notices=("look",))
    other = submission("bo", exercise("causal_mask", 2.0), assignment="04_x")
    group = similar.Group(NAME, "causal_mask", 0.95, (("ada", "x"), ("bo", "y")))
    records = Records((one, other), names={"ada": name})
    shown = html(records, similar.Similar((group,)))
    assert "<script>" not in shown and not Tags(shown).of("script")
    escaped = "Ada &lt;script&gt;alert(1)&lt;/script&gt;"
    parts = shown.split("<h2 ")
    assert escaped in parts[0]  # who needs a person
    for section in ('id="marks"', 'id="assignment-1"', 'id="similar"'):
        assert escaped in next(part for part in parts if part.startswith(section))
    for each in (one, other):
        write(tmp_path, each)
    (tmp_path / "r.csv").write_text('student_id,Full name\nada,"Lovelace, Ada"\n')
    done = run("--course-dir", tmp_path, "--students", tmp_path / "r.csv", "--html",
               tmp_path / "p.html")  # fmt: skip
    assert (
        "ada (Ada Lovelace)" in done.output and "Ada Lovelace" in (tmp_path / "p.html").read_text()
    )
    done = run("--course-dir", tmp_path, "--students", tmp_path / "none.csv")
    assert done.exit_code == 2 and "cannot be read" in done.output


def test_identical_files_are_told_before_similar_ones() -> None:
    blank = {"outcome": "not_attempted", "digest": "given out"}
    cohort = (
        submission("ann", exercise("x", 1.0), digest="one"),
        submission("bob", exercise("x", 1.0), digest="one"),
        submission("cy", exercise("x", 1.0), digest="two"),
        submission("dee", exercise("x", 1.0), digest="one", assignment="04_x"),
        submission("eve", exercise("x", 0.0, attempted=False), **blank),
        submission("fay", exercise("x", 0.0, attempted=False), **blank),
        submission("gus", exercise("x", 1.0), digest=""),
        submission("hal", exercise("x", 1.0), digest=""),
    )
    assert similar.identical_files(Records(cohort)) == [(NAME, ["ann", "bob"])]
    shown = html(Records(cohort))
    assert shown.index("byte for byte") < shown.index('id="similar"')
    assert "No two students" in html(Records(cohort[2:3]))


def test_texts_that_share_their_wording_are_alike_and_others_are_not() -> None:
    """Copied with a few words changed, against the same thought in own words, and against luck."""
    given = "Write your answer here, in four sentences at most."
    ann = (
        "The mask adds minus infinity to the scores of later positions before the softmax, so "
        "that their weights are exactly zero and no gradient flows from them into earlier rows."
    )
    bob = ann.replace("adds", "puts").replace("exactly", "just")
    cy = (
        "Since softmax of minus infinity is nothing, every key that comes after the query drops "
        "out: earlier outputs cannot depend on what is said later, and neither can training."
    )
    found, usual = similar.near_texts({"ann": ann, "bob": bob, "cy": cy}, given)
    assert usual == 0 and [[name for name, _ in them] for _, them in found] == [["ann", "bob"]]
    assert similar.near_texts({"a": given, "b": given}, given) == ([], 0)
    short = "The future is hidden."
    assert similar.near_texts({"a": short, "b": short}, given) == ([], 0)
    rng = np.random.default_rng(0)
    words = ann.split()
    shuffled = {f"s{n}": " ".join(rng.permutation(words)) for n in range(20)}
    assert similar.near_texts(shuffled, given) == ([], 0)
    everybody = {f"s{n}": ann for n in range(5)}
    assert similar.near_texts(everybody, given) == ([], 1)  # quoted from the lesson, most likely


def handmade(course: Path, student: str, cells: list[tuple[str, str, str]]) -> None:
    """An executed notebook of these cells alone: (type, name, source)."""
    path = course / "autograded" / student / NAME / f"{NAME}.ipynb"
    path.parent.mkdir(parents=True)
    found = [
        {"cell_type": kind, "metadata": {"nbgrader": {"grade_id": name}}, "source": source}
        for kind, name, source in cells
    ]
    path.write_text(json.dumps({"cells": found}), encoding="utf-8")


def test_answers_in_writing_are_compared_in_the_executed_notebooks(tmp_path: Path) -> None:
    """No code was attempted: all that two of three students share is what they wrote."""
    (question, *_) = assignment(NAME).humans
    copied = (
        "Adding minus infinity before the softmax keeps each row a distribution over the keys "
        "that may be seen, and multiplying by zero afterwards leaves rows whose sum is below one."
    )
    own = (
        "A weight set to nothing after the fact has already taken its part of the total away from "
        "the others, so what remains no longer adds up; whoever hides a score first avoids that."
    )
    for student, text in (("ann", copied), ("bob", f"{copied} So I think."), ("cy", own)):
        cells = [("markdown", question.id, text), ("markdown", "a_heading", copied)]
        handmade(tmp_path, student, cells)
    cohort = tuple(
        submission(name, exercise("causal_mask", 0.0, attempted=False))
        for name in ("ann", "bob", "cy")
    )
    found = similar.similar_answers(tmp_path, Records(cohort))
    (group,) = found.groups
    assert (group.assignment, group.exercise, group.in_words) == (NAME, question.id, True)
    assert group.students == ("ann", "bob") and not found.unreadable
    assert similar.pairs(found) == [("ann", "bob", [question.id])]
    assert "So I think." in html(Records(cohort), found)


def test_a_terminal_shows_hostile_names_as_text(tmp_path: Path) -> None:
    name = "[red]x[/red]"  # rich's markup; a broken tag of it would be an error
    for student in ("ann", "[/bob]"):
        checks = [Check(name, False, "\x1b]0;title\x07" + name)]
        write(tmp_path, submission(student, exercise(name + "[/]", 0.0, checks=checks)))
    done = run("--course-dir", tmp_path)
    assert done.exit_code == 0 and "[red]x[/red]" in done.output
    assert "\x1b" not in done.output and "\x07" not in done.output


def test_no_sandbox_is_said_wherever_one_reads(tmp_path: Path) -> None:
    write(tmp_path, submission("ann", exercise("causal_mask", 1.0)))
    target = tmp_path / "report.html"
    done = run("--course-dir", tmp_path, "--html", target)
    assert "namespaces (ordinary user)" in done.output and "ithout a sandbox" not in done.output
    assert "ithout a sandbox" not in target.read_text()
    write(tmp_path, submission("bob", exercise("causal_mask", 1.0), sandbox="none"))
    done = run("--course-dir", tmp_path, "--html", target)
    assert "Graded without a sandbox: 1 of 2" in done.output
    assert "Graded without a sandbox" in target.read_text() and "1 of 2" in target.read_text()


def test_what_waits_for_a_person_is_said_wherever_one_reads(tmp_path: Path) -> None:
    notice = "the notebook is that of 02_x, not of 03_y <b>"
    one = submission("ann", outcome="rejected", reason=notice, notices=(notice,))
    write(tmp_path, one)
    write(tmp_path, submission("bob", exercise("causal_mask", 1.0)))
    assert read.read_records(tmp_path).to_look_at == [one]
    target = tmp_path / "report.html"
    done = run("--course-dir", tmp_path, "--html", target)
    said = " ".join(done.output.split())
    assert f"needs a person: ann/{NAME}: {notice}" in said and "bob/" not in said
    text = target.read_text()
    assert "1 submission needs a person" in " ".join(re.sub("<[^>]*>", "", text).split())
    assert "02_x, not of 03_y &lt;b&gt;" in text


def broken(**change: Any) -> str:
    result = {
        "student": "x", "assignment": NAME, "outcome": "graded", "reason": "", "score": 1.0,
        "max_score": 2.0, "exercises": [],
    }  # fmt: skip
    return json.dumps({"sandbox": "user", "result": result | change})


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "not JSON"),
        ("\xff", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "'result'"),
        ('{"result": 3}', "'result'"),
        (broken(student=None), "'student'"),
        (broken(score=True), "'score'"),
        (broken(score=float("nan")), "'score'"),
        (broken(max_score=-1), "'max_score'"),
        (broken(exercises=[3]), "'id'"),
        (broken(outcome="splendid"), "splendid"),
        (broken(student="../y"), "another submission"),
    ],
)
def test_a_record_that_cannot_be_read_is_named(tmp_path: Path, content: str, why: str) -> None:
    write(tmp_path, submission("ann", exercise("causal_mask", 1.0)))
    path = tmp_path / RECORDS / NAME / "x.json"
    path.write_bytes(content.encode("latin-1"))
    found = read.read_records(tmp_path)
    assert [one.student for one in found.submissions] == ["ann"]
    assert [one.path for one in found.unreadable] == [path]
    assert why in found.unreadable[0].why
    done = run("--course-dir", tmp_path)
    assert done.exit_code == 0 and "not read:" in done.output and "Traceback" not in done.output
    assert path.name in html(found)


def test_bad_usage_is_one_clear_line_and_exit_2(tmp_path: Path) -> None:
    for arguments, word in (
        ((), "grader grade DIR"),
        (("--assignment", NAME), f"no record of {NAME}"),
        (("--assignment", "99_nothing"), "no assignment '99_nothing'"),
        (("--html", tmp_path / "none" / "x.html"), "no folder"),
        (("--csv", tmp_path), "is a directory"),
    ):
        done = run("--course-dir", tmp_path, *arguments)
        assert done.exit_code == 2 and "Traceback" not in done.output
        assert word in " ".join(done.output.split())
    assert not (tmp_path / "gradebook.db").exists()


STUB = '''def g(rows, width):
    """Counts."""
    raise NotImplementedError'''
ANSWER = '''def g(rows, width):
    """Counts."""
    found = {}
    for row in rows:
        head, *tail = row.split(",")
        if len(tail) != width - 1:
            raise ValueError(f"bad row {head}")
        found[head] = [float(part) * 2 for part in tail if part.strip()]
    return sorted(found.items(), key=lambda item: (len(item[1]), item[0]))
'''
RENAMED = ANSWER.replace("found", "result").replace("tail", "rest").replace("bad row", "no")
RENAMED += "    # all of it my own work\n"
UNLIKE = '''def g(rows, width):
    """Counts."""
    table = [[cell.strip() for cell in row.split(",")] for row in rows]
    assert all(len(row) == width for row in table), "bad row"
    pairs = [(row[0], [2.0 * float(cell) for cell in row[1:] if cell]) for row in table]
    pairs.sort(key=lambda pair: pair[0])
    pairs.sort(key=lambda pair: len(pair[1]))
    return pairs
'''


def names(groups: list) -> list[list[str]]:
    return [[student for student, _ in members] for _, members in groups]


def test_renaming_hides_no_copy_and_another_way_is_none() -> None:
    groups, usual = similar.near_identical({"a": ANSWER, "b": RENAMED, "c": UNLIKE}, STUB)
    assert names(groups) == [["a", "b"]] and usual == 0
    assert groups[0][0] == 1.0
    edited = RENAMED.replace("* 2", "* (1 + 1)")
    groups, _ = similar.near_identical({"a": ANSWER, "b": edited, "c": UNLIKE}, STUB)
    assert names(groups) == [["a", "b"]] and similar.NEAR <= groups[0][0] < 1.0


def test_nobody_is_named_for_what_anybody_would_write() -> None:
    short = STUB.replace("raise NotImplementedError", "return rows[:width]")
    for answers, stub, ours in (
        ({"a": short, "b": short}, STUB, []),
        ({"a": ANSWER, "b": RENAMED}, ANSWER, []),  # the stub gave it out
        ({"a": ANSWER, "b": RENAMED}, STUB, [UNLIKE, ANSWER]),  # the course's own
        ({"a": "", "b": "def (", "c": "\x00" * 999}, STUB, [""]),
    ):
        assert similar.near_identical(answers, stub, ours) == ([], 0)
    most = {f"s{n}": ANSWER for n in range(4)}
    assert similar.near_identical(most | {"c": UNLIKE}, STUB) == ([], 1)
    few = {"a": ANSWER, "b": ANSWER, "c": UNLIKE}
    assert names(similar.near_identical(few, STUB)[0]) == [["a", "b"]]


def test_pairs_are_ranked_by_how_many_answers_they_share() -> None:
    groups = (
        similar.Group(NAME, "e", 1.0, (("a", "x"), ("b", "x "), ("c", "y"))),
        similar.Group(NAME, "f", 0.9, (("b", "x"), ("c", "y"))),
    )
    assert similar.pairs(similar.Similar(groups)) == [
        ("b", "c", ["e", "f"]), ("a", "b", ["e"]), ("a", "c", ["e"]),
    ]  # fmt: skip
    assert groups[0].texts == [(["a", "b"], "x"), (["c"], "y")]


def test_an_executed_notebook_that_is_gone_is_named(tmp_path: Path) -> None:
    path = tmp_path / "autograded" / "bob" / NAME / f"{NAME}.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text('{"cells": 3}')
    cohort = tuple(submission(name, exercise("causal_mask", 1.0)) for name in ("ann", "bob"))
    found = similar.similar_answers(tmp_path, Records(cohort))
    assert found == similar.Similar((), 0, (f"ann/{NAME}", f"bob/{NAME}"))
    assert f"bob/{NAME}" in html(Records(cohort), found)


def test_a_graded_cohort_from_end_to_end(tmp_path: Path) -> None:
    """Three submissions, two of them alike and wrong; a person's marks are the gradebook's."""
    from tests.nbgrader_gradebook import nbgrader_gradebook

    wrong = answer_text(
        next(v for v in misconceptions("masking", "masked_attention") if v.name == "mask_ignored")
    )
    right = solved("masking")
    for cell in right.cells:
        if cell.cell_type == "markdown" and cell.metadata.get("nbgrader", {}).get("grade"):
            cell.source = HUMAN_ANSWER
    copied = with_answers("masking", {"masked_attention": wrong})
    for student, text in (("ada", nbformat.writes(right)), ("bo", copied), ("cy", copied)):
        path = tmp_path / "submitted" / student / NAME / f"{NAME}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    course = tmp_path / "course"
    command = [sys.executable, "-m", "grader", "grade", str(tmp_path / "submitted"), "--jobs", "1"]
    command += ["--course-dir", str(course), "--salt", "s"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with nbgrader_gradebook(course / "gradebook.db") as book:
        parts = book.find_submission(NAME, "ada").notebooks[0].grades
        person = next(grade for grade in parts if not grade.name.startswith("check_"))
        person.manual_score, person.needs_manual_grade = 2.0, False
        book.find_submission(NAME, "bo").notebooks[0].grades[0].extra_credit = 0.5
        book.db.commit()
    before = {path: path.read_bytes() for path in course.rglob("*") if path.is_file()}
    out = tmp_path / "out.html", tmp_path / "out.csv"
    done = run("--course-dir", course, "--html", out[0], "--csv", out[1])
    assert done.exit_code == 0, done.output
    assert {path: path.read_bytes() for path in course.rglob("*") if path.is_file()} == before

    records = read.read_records(course)
    best = next(one.max_score for one in records.submissions)
    ada, bo = records.marks["ada", NAME], records.marks["bo", NAME]
    assert (ada.score, ada.by_person, ada.waiting) == (best + 2, True, False)
    assert bo.by_person and bo.score == pytest.approx(
        next(one.score for one in records.submissions if one.student == "bo") + 0.5
    )
    assert not records.marks["cy", NAME].by_person
    told = next(
        v.misconception
        for v in misconceptions("masking", "masked_attention")
        if v.name == "mask_ignored"
    )
    assert told is not None
    assert "2 students, masked_attention" in done.output and told.title in done.output
    shown = out[0].read_text()
    assert told.says.split(",")[0] in shown and "bo, cy" in shown
    with out[1].open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert {line["student"] for line in lines} == {"ada", "bo", "cy"}
    held = {line["student"] for line in lines if line["misconception"] == "mask_ignored"}
    assert held == {"bo", "cy"}
