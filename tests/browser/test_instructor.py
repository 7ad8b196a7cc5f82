"""An instructor opens what the grader wrote: Formgrader and feedback pages, and nothing runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from playwright.sync_api import Browser, Page, expect

from grader.cli import main
from grader.course.sample import answer_text
from grader.specs import assignment_id
from solutions.registry import misconceptions
from tests.browser.conftest import SCREENSHOTS, Lab, serve
from tests.conftest import with_answers
from tests.judge.test_cohort import hand_in
from tests.judge.test_pages import evil_submission

NAME = assignment_id("masking")


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graded course with one hostile and one mistaken submission."""
    folder = tmp_path_factory.mktemp("instructor")
    submitted, course = folder / "submitted", folder / "course"
    hand_in(submitted, "evil", evil_submission())
    wrong = answer_text(misconceptions("masking", "masked_attention")[1])
    hand_in(submitted, "mistaken", with_answers("masking", {"masked_attention": wrong}, solve=True))
    arguments = ["grade", str(submitted), "--course-dir", str(course), "--jobs", "1"]
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return course


@pytest.fixture(scope="module")
def formgrader(course: Path) -> Iterator[Lab]:
    command = [sys.executable, "-m", "jupyterlab", "--allow-root", f"--notebook-dir={course}"]
    yield from serve(command, course, course)


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
        path = course / "feedback" / student / NAME / f"{NAME}.html"
        watched.page.goto(path.as_uri())
        watched.page.wait_for_timeout(500)
        expect(watched.page.locator("h1")).to_contain_text(NAME)
        watched.page.screenshot(path=SCREENSHOTS / f"feedback_{student}.png", full_page=True)
        assert watched.ran == []
        assert [u for u in watched.asked if not u.startswith(("file:", "data:"))] == []
        watched.page.close()


def test_formgrader_shows_the_cohort_and_runs_nothing(browser: Browser, formgrader: Lab) -> None:
    watched = Watched(browser)
    page = watched.page
    page.goto(formgrader.url("tree"))  # logs in
    page.goto(formgrader.url(f"formgrader/gradebook/{NAME}/{NAME}"))
    expect(page.get_by_text("Submission #1").or_(page.get_by_text("evil")).first).to_be_visible(
        timeout=150_000
    )
    page.screenshot(path=SCREENSHOTS / "formgrader_list.png")
    links = page.locator("a[href*='/formgrader/submissions/']")
    addresses = {link.get_attribute("href") for link in links.all()}
    assert len(addresses) == 2
    for number, address in enumerate(sorted(filter(None, addresses))):
        page.goto(f"{formgrader.address}{address}?token={formgrader.token}")
        expect(page.get_by_text("causal_mask").first).to_be_attached(timeout=150_000)
        page.wait_for_timeout(1000)
        page.screenshot(path=SCREENSHOTS / f"formgrader_{number}.png", full_page=True)
    assert watched.ran == []
    assert not [url for url in watched.asked if "evil/" in url]
