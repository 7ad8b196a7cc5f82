"""Pages that show student content, opened in a real browser: no script of a submission runs.

One submission holds every payload of ``payloads.py``; it goes through the real command, and each
page that somebody opens is opened here, with an observer outside of it. A new page that shows
student content (a report, say) is one more line in ``WRITTEN``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import nbformat
import pytest
from click.testing import CliRunner
from playwright.sync_api import Browser, Page, expect

from grader.authoring.sample import answer_text, replace_answers
from grader.commandline import main
from grader.course.layout import ROOT, assignment_id, notebook_path
from grader.course.sources import answer_source
from grader.course.versions import misconceptions
from tests.browser import payloads
from tests.browser.conftest import SCREENSHOTS, Lab, serve
from tests.browser.observer import Beacon, Watched, watched
from tests.browser.payloads import CHANGE_MARKS, PAYLOADS, shown
from tests.conftest import with_answers
from tests.records.test_cohort import hand_in

LESSON = "masking"
NAME = assignment_id(LESSON)
ANSWERED = ("causal_mask", "padding_mask", "local_mask", "combine_masks")
HOSTILE, HONEST, VICTIM = "hostile -.+@x", "honest", "victim"
COPIERS = ("copier -.+@x", "copier two")  # the report shows what they have in common
TABLE = (  # as pandas writes them
    '<table border="1" class="dataframe"><thead><tr style="text-align: right;"><th></th>'
    "<th>loss</th></tr></thead><tbody><tr><th>0</th><td>0.25</td></tr></tbody></table>"
)
HONEST_CELLS = (
    "import matplotlib.pyplot as plt\nplt.plot([1, 4, 9])\nplt.title('an honest plot')\nplt.show()",
    f"from IPython.display import HTML\nHTML({TABLE!r})",
    "print('\\x1b[1;31mred\\x1b[0m and \\x1b[32mgreen\\x1b[0m, a < b & c')",
    "from IPython.display import Math\nMath(r'a < b')",
    "1 / 0",
)
# A black bar of 120 by 22 em, to the left and above of where it is, that takes no room.
OVERLAY = r"$$\smash{\rlap{\kern-45em\raise{4em}{\rule[0em]{120em}{22em}}}}$$"
WIDE = "$$" + " + ".join(f"x_{{{number}}}" for number in range(120)) + "$$"
DRAWER = "drawer"
HONEST_TEXT = (
    "Because $a < b$ and *so on*: `x < y`, see\n\n| mask | n |\n| --- | --- |\n| causal | 4 |"
)


# -- what is opened --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def beacon() -> Iterator[Beacon]:
    server = Beacon()
    yield server
    server.close()


@dataclass(frozen=True)
class Course:
    """A graded course folder."""

    folder: Path

    def feedback(self, student: str) -> Path:
        return self.folder / "feedback" / student / NAME / f"{NAME}.html"

    def executed(self, student: str) -> Path:
        return self.folder / "autograded" / student / NAME / f"{NAME}.ipynb"

    def marks(self) -> list[tuple]:
        """Everything that Formgrader can change, straight from the gradebook."""
        with sqlite3.connect(self.folder / "gradebook.db") as book:
            grades = book.execute("select * from grade order by id").fetchall()
            comments = book.execute("select * from comment order by id").fetchall()
            flags = book.execute("select * from submitted_notebook order by id").fetchall()
        return [*grades, *comments, *flags]

    def submission(self, student: str) -> str:
        """The name that Formgrader gives to a student's notebook."""
        question = (
            "select n.id from submitted_notebook n join submitted_assignment a "
            "on n.assignment_id = a.id where a.student_id = ?"
        )
        with sqlite3.connect(self.folder / "gradebook.db") as book:
            return book.execute(question, (student,)).fetchone()[0]


def honest_notebook() -> str:
    notebook = nbformat.read(notebook_path(LESSON), as_version=4)
    wrong = answer_text(misconceptions(LESSON, "causal_mask")[0])
    texts = {"causal_mask": wrong, "local_mask": answer_source(LESSON, "local_mask")}
    replace_answers(notebook, texts)
    for cell in notebook.cells:
        marks = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "markdown" and marks.get("grade"):
            cell.source = HONEST_TEXT
    for number, source in enumerate(HONEST_CELLS):
        notebook.cells.append(nbformat.v4.new_code_cell(source, id=f"honest-{number}"))
    notebook.cells.append(nbformat.v4.new_markdown_cell(HONEST_TEXT, id="honest-text"))
    return nbformat.writes(notebook)


def drawing_notebook() -> str:
    """Formulas that draw over the page, in an answer and in an output, and one that is too wide."""
    notebook = nbformat.reads(honest_notebook(), as_version=4)
    for cell in notebook.cells:
        marks = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "markdown" and marks.get("grade"):
            cell.source = f"Drawn by the answer:\n\n{OVERLAY}\n\n{WIDE}"
    shown = f"from IPython.display import HTML\nHTML({f'<p>Drawn by an output: {OVERLAY}</p>'!r})"
    notebook.cells.append(nbformat.v4.new_code_cell(shown, id="drawn"))
    return nbformat.writes(notebook)


def copied_notebook(beacon: str) -> str:
    """One answer, long enough to be compared, with payloads' texts in it, the shortest first."""
    texts = sorted((payload.filled(beacon) for payload in PAYLOADS), key=len)
    comments = [f"    # {line}" for text in texts for line in text.splitlines()]
    steps = [f"    step{number} = [n + {number} for _ in range(n)]" for number in range(20)]
    answer = "\n".join(["def causal_mask(n):", *steps, "    return step19", *comments])[:18_000]
    return with_answers(LESSON, {"causal_mask": answer})


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory, beacon: Beacon) -> Course:
    """The hostile submission and two honest ones, graded by the real command."""
    folder = tmp_path_factory.mktemp("hostile")
    submitted = folder / "submitted"
    document = json.loads(notebook_path(LESSON).read_bytes())
    hand_in(submitted, HOSTILE, payloads.hostile(document, beacon.url, ANSWERED))
    for copier in COPIERS:
        hand_in(submitted, copier, copied_notebook(beacon.url))
    hand_in(submitted, HONEST, honest_notebook())
    hand_in(submitted, VICTIM, honest_notebook())
    hand_in(submitted, DRAWER, drawing_notebook())
    arguments = ["grade", str(submitted), "--course-dir", str(folder / "course"), "--jobs", "1"]
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return Course(folder / "course")


@pytest.fixture(scope="module")
def nbgraders_feedback(course: Course, tmp_path_factory: pytest.TempPathFactory) -> Course:
    """The course as `nbgrader generate_feedback` leaves it, in a copy."""
    copy = tmp_path_factory.mktemp("theirs") / "course"
    shutil.copytree(course.folder, copy)
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", "generate_feedback", NAME, "--force"],
        cwd=copy, env=environment(), capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return Course(copy)


def environment() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PYTHONPATH": str(ROOT), "PATH": path}


@pytest.fixture(scope="module")
def server(course: Course) -> Iterator[Lab]:
    """JupyterLab with nbgrader's extension, opened on the course folder."""
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--allow-root",
        f"--notebook-dir={course.folder}",
    ]
    yield from serve(command, course.folder, course.folder)


# -- the observer sees -----------------------------------------------------------------------------


def test_the_observer_sees_each_payload_act_on_a_careless_page(
    browser: Browser, beacon: Beacon
) -> None:
    alone = ("popup", "download")  # a frame may not; they are seen in the next test
    biting = [payload for payload in PAYLOADS if payload.bites and payload.name not in alone]
    for payload in biting:
        beacon.pages[f"/careless/{payload.name}"] = payload.careless(beacon.url).encode()
    frames = "".join(f'<iframe src="/careless/{payload.name}"></iframe>' for payload in biting)
    beacon.pages["/careless"] = f"<!doctype html>{frames}".encode()
    with watched(browser, beacon) as one:

        def missed() -> list[str]:
            seen = {word for _, what in one.faults for word in re.split(r"[^\w-]", what)}
            return [payload.name for payload in biting if payload.name not in seen]

        one.open(f"{beacon.address}/careless")
        one.settle(lambda: not missed(), 1000)
        for frame in one.page.frames[1:]:
            one.poke(frame=frame)
        one.settle(lambda: not missed(), 3000)
        assert not missed(), missed()


def test_the_observer_sees_each_kind_of_thing_that_a_page_can_do(
    browser: Browser, beacon: Beacon
) -> None:
    wanted = {
        "script": {"script", "dialog", "console", "title", "beacon"},
        "image-far": {"far"},
        "popup": {"window"},
        "download": {"download"},
        "location": {"navigation"},
    }
    for payload in PAYLOADS:
        expected = wanted.get(payload.name)
        if expected is None:
            continue
        beacon.pages["/careless"] = payload.careless(beacon.url).encode()
        with watched(browser, beacon) as one:

            def seen(one: Watched = one, expected: set[str] = expected) -> bool:
                return expected <= {kind for kind, _ in one.report()}

            one.open(f"{beacon.address}/careless", "commit")
            one.settle(seen, 3000)
            assert seen(), one.report()


# -- pages that we write ---------------------------------------------------------------------------

NOT_MARKED = (payloads.MARKDOWN_CELL, payloads.RAW_CELL, payloads.ANSWER, payloads.FILE)


@dataclass(frozen=True)
class Written:
    """A page of ours: its file, the parts that hold student content, and does it show cells?"""

    file: Callable[[Course, str], Path]
    areas: str = "body"
    cells: bool = False


def report(course: Course, _: str) -> Path:
    """The cohort's report, with the answers that two students have in common unfolded."""
    path = course.folder / "report.html"
    arguments = ["report", "--course-dir", str(course.folder), "--html", str(path)]
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    text = path.read_text(encoding="utf-8")
    assert "step19" in text and COPIERS[0] in text
    path.write_text(text.replace("<details>", "<details open>"), encoding="utf-8")
    return path


WRITTEN = {"feedback": Written(Course.feedback, cells=True), "report": Written(report)}


@pytest.mark.parametrize("page_name", WRITTEN)
def test_no_script_of_a_submission_runs_in_a_page_that_we_write(
    browser: Browser, beacon: Beacon, course: Course, page_name: str
) -> None:
    written = WRITTEN[page_name]
    path = written.file(course, HOSTILE)
    beacon.pages["/page"] = path.read_bytes()
    for address in (path.as_uri(), f"{beacon.address}/page"):
        with watched(browser, beacon) as one:
            page = one.open(address)
            text = page.inner_text("body")
            if written.cells:
                assert [p.name for p in payloads.of() if shown(p) not in text] == []
            assert one.poke(written.areas) > 10
            one.settle()
            assert one.report() == []
            assert one.able(written.areas) == []
    with watched(browser, beacon) as one:  # what a person sees of it, without the long tail
        one.open(path.as_uri()).screenshot(path=SCREENSHOTS / f"hostile_{page_name}.png")


def test_the_feedback_page_shows_honest_plots_tables_and_text(
    browser: Browser, beacon: Beacon, course: Course
) -> None:
    with watched(browser, beacon) as one:
        page = one.open(course.feedback(HONEST).as_uri())
        page.screenshot(path=SCREENSHOTS / "honest_feedback.png", full_page=True)
        wide = "images => images.map(image => image.naturalWidth)"
        assert min(page.locator("img").evaluate_all(wide)) > 100
        expect(page.locator("table.dataframe, .output table").first).to_contain_text("0.25")
        red = page.locator(".output span", has_text="red")
        assert red.evaluate("one => getComputedStyle(one).color") == "rgb(166, 27, 27)"
        expect(page.locator(".output", has_text="and green, a < b & c")).to_be_visible()
        assert "\x1b" not in page.content() and "[31m" not in page.content()
        expect(page.get_by_text("Because $a < b$")).to_be_visible()
        expect(page.get_by_text("ZeroDivisionError: division by zero")).to_be_visible()
        expect(page.get_by_text("causal_mask: 1 of 4 checks passed").first).to_be_visible()
        assert one.report() == []


# -- pages of nbgrader and JupyterLab --------------------------------------------------------------

SUBMITTED_PARTS = ".text_cell_render, .output_area, .input_area"  # in nbgrader's pages
LAB_PARTS = ".jp-MarkdownOutput, .jp-OutputArea-output"


def log_in(one: Watched, server: Lab) -> None:
    """As an instructor: the cookies of this browser may change marks."""
    one.open(server.url("tree"))


def open_submission(one: Watched, server: Lab, course: Course, student: str) -> Page:
    """Formgrader's page for marking by hand."""
    page = one.open(f"{server.address}/formgrader/submissions/{course.submission(student)}/")
    expect(page.locator("input.score").first).to_be_attached()
    marked = "() => document.querySelector('input.score').placeholder !== ''"
    page.wait_for_function(marked)  # the marks come after the page
    return page


def test_no_script_of_a_submission_runs_in_formgrader_and_no_mark_is_changed(
    browser: Browser, beacon: Beacon, course: Course, server: Lab
) -> None:
    before = course.marks()
    lists = ("gradebook", f"gradebook/{NAME}", f"gradebook/{NAME}/{NAME}", "manage_students")
    lists += (f"manage_students/{HOSTILE}", f"manage_submissions/{NAME}")
    with watched(browser, beacon) as one:
        log_in(one, server)
        for path in lists:
            page = one.open(f"{server.address}/formgrader/{path}")
            expect(page.locator("#main-table tr").first).to_be_visible()
            one.settle(milliseconds=200)
        page = open_submission(one, server, course, HOSTILE)
        text = page.inner_text("body")
        lost = [p.name for p in PAYLOADS if p.place not in NOT_MARKED and shown(p) not in text]
        assert lost == []
        page.screenshot(path=SCREENSHOTS / "hostile_formgrader.png")
        assert one.poke(SUBMITTED_PARTS) > 1000
        one.settle()
        assert one.report() == []
        assert [a for a in one.able(SUBMITTED_PARTS) if a != "a href=#"] == []
        assert course.marks() == before


def test_formgrader_shows_honest_plots_tables_and_text(
    browser: Browser, beacon: Beacon, course: Course, server: Lab
) -> None:
    with watched(browser, beacon) as one:
        log_in(one, server)
        page = open_submission(one, server, course, HONEST)
        page.screenshot(path=SCREENSHOTS / "honest_formgrader.png", full_page=True)
        wide = "images => images.map(image => image.naturalWidth)"
        assert min(page.locator(".output_area img").evaluate_all(wide)) > 100
        expect(page.locator(".output_area table", has_text="0.25").first).to_be_visible()
        expect(
            page.locator(".output_area .ansi-red-intense-fg, .output_area .ansi-red-fg").first
        ).to_have_text("red")
        expect(page.locator(".text_cell_render table", has_text="causal").last).to_be_visible()
        expect(page.locator(".text_cell_render em", has_text="so on").first).to_be_visible()
        # A formula, set by MathJax from this machine: a request elsewhere would be a fault.
        expect(page.locator(".text_cell_render mjx-container").first).to_be_visible()
        expect(page.get_by_text("causal_mask: 1 of 4 checks passed").first).to_be_visible()
        assert one.report() == []


# Of each field and button, what a click on its middle would meet, if not the thing itself.
COVERED = """
() => [...document.querySelectorAll("input.score, input.extra-credit, .full-credit, .comment")]
  .filter((one) => one.checkVisibility()).map((one) => {
    one.scrollIntoView({block: "center"});
    const {x, y, width, height} = one.getBoundingClientRect();
    const met = document.elementFromPoint(x + width / 2, y + height / 2);
    return one === met || one.contains(met) ? "" : `${one.className}: ${met && met.tagName}`;
  })
"""
UNCLIPPED = """
div.text_cell_render, div.output_area { contain: none !important; overflow: visible !important; }
"""


def test_no_formula_draws_over_formgraders_page(
    browser: Browser, beacon: Beacon, course: Course, server: Lab
) -> None:
    with watched(browser, beacon) as one:
        log_in(one, server)
        page = open_submission(one, server, course, DRAWER)
        answer = page.locator(".text_cell_render", has_text="Drawn by the answer").first
        expect(answer.locator("mjx-container")).to_have_count(2)
        answer.scroll_into_view_if_needed()
        page.screenshot(path=SCREENSHOTS / "drawing_formgrader.png")
        covered = page.evaluate(COVERED)
        assert len(covered) > 5 and set(covered) == {""}
        wide = "one => one.scrollWidth > one.clientWidth && getComputedStyle(one).overflowX"
        assert answer.evaluate(wide) == "auto"  # so that all of a wide formula can be read
        page.add_style_tag(content=UNCLIPPED)  # the control: the formula does reach them
        assert set(page.evaluate(COVERED)) != {""}


def test_a_script_that_ran_in_formgrader_would_change_marks_and_be_seen(
    browser: Browser, beacon: Beacon, course: Course, server: Lab
) -> None:
    """The control for the law above, on a submission that no other test looks at."""
    before = course.marks()
    with watched(browser, beacon) as one:
        log_in(one, server)
        page = open_submission(one, server, course, VICTIM)
        page.evaluate(f"async () => {{ await {CHANGE_MARKS} }}")
    assert course.marks() != before


def test_no_script_of_a_submission_runs_in_nbgraders_own_feedback_page(
    browser: Browser, beacon: Beacon, nbgraders_feedback: Course
) -> None:
    # What nbgrader makes for students loads this one script from elsewhere; it is not let through.
    allowed = ("https://cdnjs.cloudflare.com/ajax/libs/mathjax/2.7.7/",)
    with watched(browser, beacon, allowed) as one:
        page = one.open(nbgraders_feedback.feedback(HOSTILE).as_uri())
        assert "nbgrader" in page.content()
        page.screenshot(path=SCREENSHOTS / "hostile_nbgrader_feedback.png")
        assert one.poke(SUBMITTED_PARTS) > 1000
        one.settle()
        assert one.report() == []


def ask(server: Lab, path: str, method: str = "GET") -> bytes:
    """Ask JupyterLab's server something, as its owner."""
    request = urllib.request.Request(f"{server.address}/{quote(path)}", method=method)
    request.add_header("Authorization", f"token {server.token}")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()


def trusted_cells(server: Lab, name: str) -> set[bool]:
    """Does JupyterLab trust the cells that show more than text?"""
    cells = json.loads(ask(server, f"api/contents/{name}"))["content"]["cells"]
    rich = [cell for cell in cells if any("data" in one for one in cell.get("outputs", []))]
    return {cell["metadata"]["trusted"] for cell in rich}


@pytest.mark.parametrize("trusted", [False, True], ids=["as_it_is", "even_if_trusted"])
def test_no_script_of_a_submission_runs_in_the_executed_notebook(
    browser: Browser, beacon: Beacon, course: Course, server: Lab, trusted: bool
) -> None:
    name = str(course.executed(HOSTILE).relative_to(course.folder))
    if trusted:  # as somebody does who clicks "Trust Notebook"
        document = json.loads(course.executed(HOSTILE).read_bytes())
        document["metadata"]["copy"] = True  # trust is for a content, wherever it lies
        name = "trusted.ipynb"
        (course.folder / name).write_text(json.dumps(document))
        ask(server, f"api/contents/{name}/trust", "POST")
    assert trusted_cells(server, name) == {trusted}
    with watched(browser, beacon) as one:
        log_in(one, server)
        page = one.open(f"{server.address}/doc/tree/{quote(name)}")
        for last in ("markdown-form", "forged-fields"):
            page.wait_for_selector(f"text=here is {last}.", state="attached")
        one.settle(milliseconds=1000)
        page.screenshot(path=SCREENSHOTS / f"hostile_notebook{'_trusted' * trusted}.png")
        assert one.poke(LAB_PARTS) > 500
        one.settle()
        assert one.report() == []
        # JupyterLab makes links of addresses in text; no browser opens a data: page in a window
        able = one.able(LAB_PARTS)
        assert [part for part in able if not part.startswith("a href=data:")] == []


def test_the_executed_notebook_shows_honest_plots_tables_and_text(
    browser: Browser, beacon: Beacon, course: Course, server: Lab
) -> None:
    name = str(course.executed(HONEST).relative_to(course.folder))
    with watched(browser, beacon) as one:
        log_in(one, server)
        page = one.open(f"{server.address}/doc/tree/{quote(name)}")
        plot = page.locator(".jp-OutputArea-output img").last
        plot.wait_for(state="attached")
        plot.scroll_into_view_if_needed()
        one.settle(milliseconds=300)
        page.screenshot(path=SCREENSHOTS / "honest_notebook.png")
        assert plot.evaluate("one => one.naturalWidth") > 100
        shown_parts = {
            ".jp-OutputArea-output table": "0.25",
            ".jp-OutputArea-output .ansi-red-fg, .jp-OutputArea-output .ansi-red-intense-fg": "red",
            ".jp-MarkdownOutput em": "so on",
            ".jp-MarkdownOutput table": "causal",
        }
        for place, text in shown_parts.items():
            assert page.locator(place, has_text=text).count(), place
        assert page.get_by_text("causal_mask: 1 of 4 checks passed").count()
        assert one.report() == []
