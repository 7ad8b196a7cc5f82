"""A student in JupyterLab: types answers, runs checks, restarts, validates, reads what is said."""

from __future__ import annotations

import re
from collections.abc import Iterator

import nbformat
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from grader.authoring.sample import HUMAN_ANSWER, answer_text, replace_answers
from grader.course.exercises import exercises
from grader.course.layout import assignment_id
from grader.course.sources import answer_source, stub_source
from grader.course.versions import misconceptions
from grader.student.resetting import with_comment
from tests.browser.axe import serious
from tests.browser.conftest import SCREENSHOTS, Lab

LESSON = "single_query_attention"
CHECKED = "softmax"
SHOWN = ".jp-RenderedHTML"  # what a check shows; JupyterLab's own faults are not ours
VERDICT = "[role=status]"
LONG = 150_000  # milliseconds: a kernel starts, a whole notebook runs


class Notebook:
    """A lesson that is open in JupyterLab, and what hands do in it."""

    def __init__(self, browser: Browser, lab: Lab, lesson: str) -> None:
        name = assignment_id(lesson)
        self.path = lab.folder / name / f"{name}.ipynb"
        document = nbformat.read(self.path, as_version=4)
        names = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in document.cells]
        self.places = {given: place for place, given in enumerate(names) if given}
        code = [n for n, cell in enumerate(document.cells) if cell.cell_type == "code"]
        self.first = code[1]  # the cell before it is folded, and installs the course elsewhere
        self.page: Page = browser.new_page(viewport={"width": 1300, "height": 1000})
        self.page.goto(lab.url(f"doc/tree/{name}/{name}.ipynb"))
        expect(self.page.locator(".jp-Notebook .jp-Cell")).to_have_count(len(names), timeout=LONG)
        self.wait_for_kernel()

    def wait_for_kernel(self) -> None:
        """Until the status bar says that nothing runs and nothing starts."""
        expect(self.page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=LONG)

    def cell(self, name: str) -> Locator:
        """The cell of this name in the lesson."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(self.places[name])

    def output(self, exercise: str) -> Locator:
        """What stands below an exercise's check."""
        return self.cell(f"check_{exercise}").locator(".jp-OutputArea")

    def type_into(self, cell: Locator, text: str) -> None:
        """Put the cursor into a cell's editor and write over all that it holds."""
        editor = cell.locator(".cm-content")
        cell.scroll_into_view_if_needed()
        if not editor.is_visible():  # a rendered text
            cell.dblclick()
        editor.click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(text)

    def answer(self, exercise: str, text: str) -> None:
        """Type an answer, run it and the check below it: Shift+Enter goes on to the next cell."""
        self.type_into(self.cell(exercise), text)
        self.page.keyboard.press("Shift+Enter")
        self.page.keyboard.press("Shift+Enter")

    def menu(self, menu: str, item: str) -> None:
        self.page.get_by_role("menuitem", name=menu, exact=True).click()
        self.page.get_by_role("menuitem", name=item).click()

    def run_first_cell(self) -> None:
        """The imports, which everything stands on."""
        self.page.locator(".jp-Notebook .jp-Cell").nth(self.first).click()
        self.page.keyboard.press("Shift+Enter")

    def theme(self, name: str) -> None:
        """Light or dark, by the menu."""
        for label in ("Settings", "Theme", f"JupyterLab {name}"):
            self.page.get_by_text(label, exact=True).locator("visible=true").last.click()
        body = self.page.locator("body")
        expect(body).to_have_attribute("data-jp-theme-name", f"JupyterLab {name}")

    def restart_and_run_all(self) -> None:
        """By the menu, and yes to the question whether to lose what the kernel holds."""
        self.menu("Kernel", "Restart Kernel and Run All Cells")
        self.page.get_by_role("button", name="Confirm Kernel Restart").click()

    def validate(self, shot: str, about: str) -> str:
        """Press nbgrader's button; what it answers. ``about``: what the screenshot shows of it."""
        self.page.locator(".validate-button").click()
        dialog = self.page.get_by_role("dialog").filter(has_text="Validation")
        expect(dialog).to_be_visible(timeout=LONG)
        dialog.get_by_text(about).first.scroll_into_view_if_needed()
        self.page.screenshot(path=SCREENSHOTS / f"validate_{shot}.png")
        answer = dialog.inner_text()
        dialog.get_by_role("button", name="OK").click()
        expect(dialog).to_have_count(0)
        return answer

    def shot(self, name: str, of: Locator | None = None) -> None:
        if of is not None:
            of.scroll_into_view_if_needed()
        self.page.screenshot(path=SCREENSHOTS / f"student_{name}.png")


@pytest.fixture(scope="module")
def lesson(browser: Browser, lab: Lab) -> Iterator[Notebook]:
    """Lesson 1, opened once; the tests below go on where the one before has stopped."""
    notebook = Notebook(browser, lab, LESSON)
    yield notebook
    notebook.page.close()


def names() -> list[str]:
    return [exercise.id for exercise in exercises(LESSON)]


def cells_named(answer: str) -> set[str]:
    """The exercises whose check cells an answer of Validate shows."""
    return set(re.findall(r'check\("(\w+)"\)', answer))


def test_validate_says_of_an_untouched_lesson_that_nothing_is_done(lesson: Notebook) -> None:
    lesson.shot("opened")
    answer = lesson.validate("untouched", names()[0])
    assert "failed" in answer and "Success" not in answer
    assert cells_named(answer) == set(names())
    for name in names():
        assert f"{name}: not attempted yet" in answer
    assert "You did not provide a response." in answer  # the question that a person reads


def test_an_answer_is_typed_and_passes(lesson: Notebook) -> None:
    lesson.run_first_cell()
    lesson.answer(CHECKED, answer_source(LESSON, CHECKED))
    passed = lesson.output(CHECKED).get_by_text(re.compile(rf"{CHECKED}: all \d+ checks passed"))
    expect(passed).to_be_visible(timeout=LONG)
    lesson.shot("passed", passed)


def test_a_known_mistake_is_typed_and_named(lesson: Notebook) -> None:
    wrong = misconceptions(LESSON, CHECKED)[0]
    lesson.answer(CHECKED, answer_text(wrong))
    output = lesson.output(CHECKED)
    expect(output.locator(VERDICT)).to_contain_text(wrong.misconception.title, timeout=LONG)
    expect(output).to_contain_text("CheckFailed")
    lesson.shot("mistake", output)
    assert serious(lesson.page, within=output.locator(SHOWN)) == []
    lesson.theme("Dark")
    lesson.shot("mistake_dark", output)
    assert serious(lesson.page, within=output.locator(SHOWN)) == []
    lesson.theme("Light")
    answer = lesson.validate("wrong", "CheckFailed")
    assert cells_named(answer) == set(names())
    assert re.search(rf"CheckFailed: {CHECKED}: \d of \d checks passed", answer)
    assert f"{CHECKED}: not attempted" not in answer


def test_reset_gives_a_cell_back_and_keeps_the_old_text_as_a_comment(lesson: Notebook) -> None:
    old = f"from grader import reset\n{answer_text(misconceptions(LESSON, CHECKED)[0])}"
    first, rest = old.split("\n", 1)
    lesson.type_into(lesson.cell(CHECKED), f'{first}\nreset("{CHECKED}")\n{rest}')
    lesson.page.keyboard.press("Shift+Enter")
    editor = lesson.cell(CHECKED).locator(".cm-content")
    expect(editor).to_contain_text("# --- before reset ---", timeout=LONG)
    lesson.shot("reset", editor)
    editor.click()
    lesson.page.keyboard.press("Shift+Enter")
    lesson.page.keyboard.press("Shift+Enter")
    expect(lesson.output(CHECKED)).to_contain_text(f"{CHECKED}: not attempted yet", timeout=LONG)
    lesson.page.keyboard.press("Control+s")
    expect(lesson.page.locator(".jp-mod-dirty")).to_have_count(0)
    saved = nbformat.read(lesson.path, as_version=4).cells[lesson.places[CHECKED]].source
    assert saved == with_comment(stub_source(LESSON, CHECKED), old)


def test_all_answers_pass_after_a_restart_and_validate_is_content(lesson: Notebook) -> None:
    for name in names():
        lesson.type_into(lesson.cell(name), answer_source(LESSON, name))
    lesson.type_into(lesson.cell("soft_lookup_in_words"), HUMAN_ANSWER)
    lesson.page.keyboard.press("Shift+Enter")
    rendered = lesson.cell("soft_lookup_in_words").locator(".jp-RenderedMarkdown")
    expect(rendered).to_have_text(HUMAN_ANSWER)
    lesson.restart_and_run_all()
    for name in names():
        expect(lesson.output(name)).to_contain_text(
            re.compile(rf"{name}: all \d+ checks passed"), timeout=LONG
        )
    lesson.wait_for_kernel()
    assert lesson.page.locator(".jp-RenderedText[data-mime-type*=error]").count() == 0
    lesson.shot("run_through", lesson.output(names()[-1]))
    assert "Success! Your notebook passes all the tests." in lesson.validate("solved", "Success")
    saved = nbformat.read(lesson.path, as_version=4).cells[lesson.places[CHECKED]].source
    assert saved == answer_source(LESSON, CHECKED)


def test_figures_have_words_and_a_difference_is_drawn(browser: Browser, lab: Lab) -> None:
    """A lesson with pictures, run from the top: it goes on past what waits, up to what is wrong."""
    right, waiting, wrong = "causal_mask", "padding_mask", "local_mask"
    known = misconceptions("masking", wrong)[0]
    path = lab.folder / assignment_id("masking") / f"{assignment_id('masking')}.ipynb"
    texts = {right: answer_source("masking", right), wrong: answer_text(known)}
    nbformat.write(replace_answers(nbformat.read(path, as_version=4), texts), path)
    notebook = Notebook(browser, lab, "masking")
    notebook.restart_and_run_all()
    output = notebook.output(wrong)
    expect(output.locator(VERDICT)).to_contain_text(
        known.misconception.title.replace("`", ""), timeout=LONG
    )
    expect(notebook.output(waiting)).to_contain_text(f"{waiting}: not attempted yet")
    expect(notebook.output(right)).to_contain_text(re.compile(r"all \d+ checks passed"))
    notebook.shot("mistake_drawn", output.locator("img"))
    figures = notebook.page.locator(".jp-OutputArea img")
    assert figures.count() > 1
    assert all(figure.get_attribute("alt") for figure in figures.all())
    assert serious(notebook.page, within=output.locator(SHOWN)) == []
    notebook.page.close()
