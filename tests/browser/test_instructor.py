"""An instructor: opens the cohort in Formgrader, marks by hand, exports, hands pages back."""

from __future__ import annotations

import csv
import io
import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner, Result
from playwright.sync_api import Browser, FrameLocator, Locator, Page, expect

from grader.authoring.sample import HUMAN_ANSWER, answer_text
from grader.authoring.solve import solved
from grader.commandline import main
from grader.course.assignments import assignment
from grader.course.layout import ROOT, assignment_id, notebook_path
from grader.course.versions import misconceptions
from tests.browser.axe import serious
from tests.browser.conftest import SCREENSHOTS, Lab, serve
from tests.conftest import with_answers
from tests.pages.test_pages import evil_submission
from tests.records.test_cohort import hand_in
from tests.records.test_late import ZERO

FIRST, NAME = assignment_id("single_query_attention"), assignment_id("masking")
QUESTION = "soft_lookup_in_words"  # the one of the first lesson that a person reads
COMMENT = "The winner takes it all only for *long* queries: say how `2 * q` changes the ratio."
A4 = {"width": 688, "height": 1000}  # pixels between the margins of a sheet
CUT = """
() => [...document.querySelectorAll("body *")].filter((one) => {
  const style = getComputedStyle(one);
  const hides = /auto|scroll|hidden|clip/.test(style.overflowX + style.overflowY);
  const beyond = one.getBoundingClientRect().right > document.documentElement.clientWidth + 1;
  const cut = one.scrollHeight > one.clientHeight + 1 || one.scrollWidth > one.clientWidth + 1;
  return beyond || (hides && cut);
}).map((one) => one.outerHTML.slice(0, 120))
"""


def answered(lesson: str) -> str:
    """All of it right, and an answer to what a person reads."""
    notebook = solved(lesson)
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.metadata.get("nbgrader", {}).get("grade"):
            cell.source = HUMAN_ANSWER
    return nbformat.writes(notebook)


def mistaken() -> str:
    """A lesson with a known mistake, and cells of one's own that show all that cells can show."""
    wrong = answer_text(misconceptions("masking", "masked_attention")[1])
    text = with_answers("masking", {"masked_attention": wrong}, solve=True)
    notebook = nbformat.reads(text, as_version=4)
    wide = " ".join(f"<td>column {number}</td>" for number in range(14))
    for number, source in enumerate(
        (
            "print('\\n'.join(f'line {n} of many' for n in range(60)))",
            f"from IPython.display import HTML\nHTML('<table><tr>{wide}</tr></table>')",
            "import matplotlib.pyplot as plt\nplt.plot([1, 4, 9])\nplt.show()",
            "print('x' * 400)\n1 / 0",
        )
    ):
        notebook.cells.append(nbformat.v4.new_code_cell(source, id=f"own-{number}"))
    del notebook.cells[0]  # so that something had to be put right
    return nbformat.writes(notebook)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graded course: four students, two lessons, one of them hostile and one mistaken."""
    folder = tmp_path_factory.mktemp("instructor") / "course"
    folder.mkdir()
    config = (ROOT / "nbgrader_config.py").read_text(encoding="utf-8")
    (folder / "nbgrader_config.py").write_text(config + ZERO, encoding="utf-8")
    submitted = folder / "submitted"
    hand_in(submitted, "ada", answered("single_query_attention"), FIRST)
    hand_in(submitted, "ada", answered("masking"))
    hand_in(submitted, "blank", notebook_path("single_query_attention").read_bytes(), FIRST)
    hand_in(submitted, "evil", evil_submission())
    hand_in(submitted, "mistaken", mistaken())
    run("grade", submitted, "--course-dir", folder, "--jobs", 1)
    return folder


def run(*arguments: object) -> Result:
    done = CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture(scope="module")
def formgrader(course: Path) -> Iterator[Lab]:
    command = [sys.executable, "-m", "jupyterlab", "--allow-root", f"--notebook-dir={course}"]
    yield from serve(command, course, course)


def feedback(course: Path, student: str, name: str) -> Path:
    return course / "feedback" / student / name / f"{name}.html"


class Watched:
    """A page that reports every script of a submission that ran: they all call alert."""

    def __init__(self, browser: Browser) -> None:
        self.page: Page = browser.new_page(viewport={"width": 1200, "height": 1000})
        self.ran: list[str] = []
        self.asked: list[str] = []
        self.page.on("dialog", lambda dialog: (self.ran.append(dialog.message), dialog.dismiss()))
        self.page.on("request", lambda request: self.asked.append(request.url))


def test_feedback_shows_what_was_wrong_and_runs_nothing(browser: Browser, course: Path) -> None:
    for student in ("mistaken", "evil"):
        watched = Watched(browser)
        watched.page.goto(feedback(course, student, NAME).as_uri())
        watched.page.wait_for_timeout(500)
        expect(watched.page.locator("h1")).to_contain_text(NAME)
        watched.page.screenshot(path=SCREENSHOTS / f"feedback_{student}.png", full_page=True)
        assert watched.ran == []
        assert [u for u in watched.asked if not u.startswith(("file:", "data:"))] == []
        watched.page.close()


def test_formgrader_shows_hostile_work_and_runs_nothing(browser: Browser, formgrader: Lab) -> None:
    watched = Watched(browser)
    page = watched.page
    page.goto(formgrader.url("tree"))  # logs in
    page.goto(formgrader.url(f"formgrader/gradebook/{NAME}/{NAME}"))
    rows = page.locator("#main-table tr", has=page.locator("a"))
    expect(rows).to_have_count(3, timeout=150_000)
    page.screenshot(path=SCREENSHOTS / "formgrader_list.png")
    links = page.locator("a[href*='/formgrader/submissions/']")
    addresses = {link.get_attribute("href") for link in links.all()}
    assert len(addresses) == 3
    for number, address in enumerate(sorted(filter(None, addresses))):
        page.goto(f"{formgrader.address}{address}?token={formgrader.token}")
        expect(page.get_by_text("causal_mask").first).to_be_attached(timeout=150_000)
        page.wait_for_timeout(1000)
        page.screenshot(path=SCREENSHOTS / f"formgrader_{number}.png", full_page=True)
    assert watched.ran == []
    assert not [url for url in watched.asked if "evil/" in url]
    page.close()


# -- marking by hand -------------------------------------------------------------------------------


def row_of(table: FrameLocator, student: str) -> Locator:
    """Names are hidden until the eye in front of them is pressed; the table knows them."""
    return table.locator("#main-table tr", has=table.locator("a.name-shown", has_text=student))


def score_of(course: Path, student: str) -> tuple[float, str]:
    """What the plain export says of the first lesson: points, and do they wait for a person?"""
    done = run("export", "--to", "csv", "--course-dir", course, "--output", "-")
    for row in csv.DictReader(io.StringIO(done.stdout)):
        if (row["student"], row["assignment"]) == (student, FIRST):
            return float(row["score"]), row["needs_manual_grade"]
    raise AssertionError(done.stdout)


def test_a_person_marks_a_question_and_the_student_reads_it(
    browser: Browser, course: Path, formgrader: Lab
) -> None:
    found = assignment(FIRST).max_score
    assert score_of(course, "ada") == (found, "true")
    page = browser.new_page(viewport={"width": 1300, "height": 1000})
    page.goto(formgrader.url("lab"))
    page.get_by_role("menuitem", name="Nbgrader", exact=True).click(timeout=150_000)
    page.get_by_role("menuitem", name="Formgrader", exact=True).click()
    inside = page.frame_locator("iframe")
    for name in (FIRST, NAME):
        expect(inside.get_by_role("link", name=name)).to_be_visible(timeout=150_000)
    page.screenshot(path=SCREENSHOTS / "marking_1_assignments.png")

    inside.get_by_role("link", name="Manual Grading").click()
    place = inside.locator(".breadcrumb")
    for shown in ("Manual Grading", FIRST):  # the lesson's line, then its notebook's
        expect(place).to_contain_text(shown)
        inside.locator("#main-table").get_by_role("link", name=FIRST).click()
    expect(place.get_by_role("link", name=FIRST)).to_be_visible()
    row = row_of(inside, "ada")
    expect(row).to_contain_text(f"{found:g} / {found + 3:g}")
    page.screenshot(path=SCREENSHOTS / "marking_2_submissions.png")
    row.locator(".glyphicon-eye-open").click()
    row.get_by_role("link", name="ada").click()

    score, comment = inside.locator(f"#{QUESTION}"), inside.locator(f"#{QUESTION}-comment")
    expect(score).to_have_class(re.compile("needs_manual_grade"), timeout=150_000)
    score.click()
    with page.expect_response(saved("grade")):
        page.keyboard.type("2.5")
        page.keyboard.press("Tab")
    comment.click()
    with page.expect_response(saved("comment")):
        page.keyboard.type(COMMENT)
        page.keyboard.press("Tab")
    expect(score).not_to_have_class(re.compile("needs_manual_grade"))
    comment.scroll_into_view_if_needed()
    page.screenshot(path=SCREENSHOTS / "marking_3_marked.png")

    inside.locator(".breadcrumb").get_by_role("link", name=FIRST).last.click()
    expect(row_of(inside, "ada")).to_contain_text(f"{found + 2.5:g} / {found + 3:g}")
    page.screenshot(path=SCREENSHOTS / "marking_4_total.png")
    page.close()

    assert score_of(course, "ada") == (found + 2.5, "false")
    canvas = run("export", "--to", "canvas", "--course-dir", course, "--output", "-").stdout
    assert re.search(rf"^ada,.*{found + 2.5:g}", canvas, re.M), canvas
    check = ["verify", "--course-dir", str(course)]
    named = CliRunner().invoke(main, check, env={"COLUMNS": "200"})
    assert named.exit_code == 1 and "points given by a person" in " ".join(named.output.split())

    again = run("grade", course / "submitted", "--course-dir", course)
    assert "1 feedback page brought up to date" in again.output
    assert "no differences" in run("verify", "--accept", "--course-dir", course).stdout
    reader = browser.new_page(viewport={"width": 1200, "height": 1000})
    reader.goto(feedback(course, "ada", FIRST).as_uri())
    expect(reader.locator("h1")).to_contain_text(f"{found + 2.5:g} / {found + 3:g}")
    said = reader.locator(".by-hand")
    expect(said).to_contain_text("only for long queries")
    expect(said.locator("em")).to_have_text("long")
    reader.screenshot(path=SCREENSHOTS / "feedback_marked.png")
    said.scroll_into_view_if_needed()
    reader.screenshot(path=SCREENSHOTS / "feedback_comment.png")
    assert serious(reader) == []
    reader.close()


def saved(what: str):
    """Has Formgrader put away a mark or a comment?"""
    return lambda answer: answer.request.method == "PUT" and f"/api/{what}/" in answer.url


# -- pages that are handed on: for everybody, and on paper -----------------------------------------


def report(course: Path) -> Path:
    path = course / "report.html"
    run("report", "--course-dir", course, "--html", path)
    return path


PAGES = {
    "feedback": lambda course: feedback(course, "mistaken", NAME),
    "feedback_blank": lambda course: feedback(course, "blank", FIRST),
    "report": report,
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_serious_fault(browser: Browser, course: Path, name: str, scheme: str) -> None:
    page = browser.new_page(viewport={"width": 1200, "height": 1000}, color_scheme=scheme)
    page.goto(PAGES[name](course).as_uri())
    page.screenshot(path=SCREENSHOTS / f"{name}_{scheme}.png", full_page=True)
    assert serious(page) == []
    page.close()


@pytest.mark.parametrize("name", PAGES)
def test_on_a_telephone_only_tables_and_outputs_scroll(
    browser: Browser, course: Path, name: str
) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(PAGES[name](course).as_uri())
    page.screenshot(path=SCREENSHOTS / f"{name}_390.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    for passed in page.locator(".ok details:not([open]) > :not(summary)").all():
        expect(passed).to_be_hidden()
    assert serious(page) == []
    page.close()


@pytest.mark.parametrize("name", PAGES)
def test_on_paper_nothing_is_cut_off_or_folded(browser: Browser, course: Path, name: str) -> None:
    page = browser.new_page(viewport=A4)
    page.goto(PAGES[name](course).as_uri())
    page.emulate_media(media="print")
    assert page.evaluate(CUT) == []
    for folded in page.locator("details > :not(summary)").all():
        if folded.evaluate("one => one.closest('.ok details:not([open])') === null"):
            expect(folded).to_be_visible()
        else:  # the names of checks that all passed
            expect(folded).to_be_hidden()
    content = page.evaluate("document.documentElement.scrollHeight") / A4["height"]
    printed = page.pdf(path=SCREENSHOTS / f"{name}.pdf", format="A4", prefer_css_page_size=True)
    pages = len(re.findall(rb"/Type\s*/Page\b", printed))
    # As few as there is to say: pictures and short blocks that are not parted leave gaps.
    assert 1 <= pages <= math.ceil(1.25 * content) + 1, (pages, content)
    page.close()


# -- late work -------------------------------------------------------------------------------------


def test_formgraders_button_takes_off_what_grade_takes_off(
    browser: Browser, course: Path, formgrader: Lab
) -> None:
    """Pressed on late work, and again after the due date was moved; then ``grade`` agrees."""
    path = hand_in(course / "submitted", "late", answered("single_query_attention"), FIRST)
    (path.parent / "timestamp.txt").write_text("2026-02-03 12:00:00 UTC")
    full = assignment(FIRST).max_score
    page = browser.new_page(viewport={"width": 1300, "height": 1000})
    page.goto(formgrader.url("tree"))  # logs in
    for due, mark in (("2026-02-01 12:00 UTC", 0.0), ("2026-02-03 12:00 UTC", full)):
        run("due", FIRST, due, "--course-dir", course)
        page.goto(formgrader.url(f"formgrader/manage_submissions/{FIRST}"))
        row = page.locator("#main-table tr", has=page.locator(".student-id", has_text="late"))
        row.locator(".autograde a").click(timeout=150_000)
        done = page.locator("#success-modal")
        expect(done).to_contain_text("Successfully autograded", timeout=150_000)
        done.get_by_role("button", name="OK").click()
        expect(row.locator(".score")).to_have_text(f"{full:g} / {full + 3:g}")
        page.screenshot(path=SCREENSHOTS / f"formgrader_late_{mark:g}.png", full_page=True)
        assert score_of(course, "late") == (mark, "true")
    page.close()
    again = run("grade", course / "submitted", "--student", "late", "--course-dir", course)
    assert "days late" not in again.output and score_of(course, "late") == (full, "true")
    run("due", FIRST, "2026-02-01 12:00 UTC", "--course-dir", course)
    again = run("grade", course / "submitted", "--student", "late", "--course-dir", course)
    assert f"2 days late: {full:g} points off" in " ".join(again.output.split())
    assert score_of(course, "late") == (0.0, "true")
