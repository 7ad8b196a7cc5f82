"""Derived pages are current, which their digests tell without making them again."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.authoring.derived import PAGES, Page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_every_derived_page_is_current(page: Page) -> None:
    assert page.fault() == ""


@pytest.fixture
def made(tmp_path: Path) -> Page:
    """A page in a folder of its own, just made from two files."""
    page = Page("docs/page.md", "make page", ("rules/**/*.py", "maker.py"))
    (tmp_path / "docs").mkdir()
    (tmp_path / "rules" / "deep").mkdir(parents=True)
    (tmp_path / "rules" / "deep" / "one.py").write_text("1")
    (tmp_path / "maker.py").write_text("2")
    (tmp_path / "docs" / "page.md").write_text(f"# Page\n\n{page.stamp(tmp_path)}")
    return page


def test_a_page_is_current_until_a_source_changes(made: Page, tmp_path: Path) -> None:
    assert made.fault(tmp_path) == ""
    (tmp_path / "rules" / "deep" / "one.py").write_text("3")
    assert made.fault(tmp_path) == "docs/page.md is out of date: run `make page`"


def test_a_source_added_or_removed_makes_it_out_of_date(made: Page, tmp_path: Path) -> None:
    (tmp_path / "rules" / "two.py").write_text("1")  # even one of the same content
    assert made.fault(tmp_path)
    (tmp_path / "rules" / "two.py").unlink()
    assert made.fault(tmp_path) == ""


def test_a_source_moved_leaves_it_current(made: Page, tmp_path: Path) -> None:
    (tmp_path / "rules" / "deep" / "one.py").rename(tmp_path / "rules" / "other.py")
    assert made.fault(tmp_path) == ""


def test_a_diagram_leaves_it_current(made: Page, tmp_path: Path) -> None:
    """What is drawn for readers decides nothing; `tidy` sees to the notebook."""
    (tmp_path / "rules" / "deep" / "diagrams.py").write_text("a box")
    assert made.fault(tmp_path) == ""


def test_a_page_without_a_digest_or_not_made_at_all_is_out_of_date(
    made: Page, tmp_path: Path
) -> None:
    (tmp_path / "docs" / "page.md").write_text("# Page\n")
    assert "out of date" in made.fault(tmp_path)
    (tmp_path / "docs" / "page.md").unlink()
    assert made.fault(tmp_path) == "docs/page.md is missing: run `make page`"


def test_a_pattern_that_watches_over_nothing_is_an_error(made: Page, tmp_path: Path) -> None:
    (tmp_path / "maker.py").unlink()
    with pytest.raises(ValueError, match=r"docs/page\.md is made from maker\.py"):
        made.fault(tmp_path)
