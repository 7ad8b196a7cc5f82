"""Laws of what meets the eye in a lesson: predictions, tables, folded code."""

from __future__ import annotations

import html
import re
from pathlib import Path

import nbformat
import pytest
from markdown_it import MarkdownIt
from nbconvert.filters import markdown2html
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    LockCells,
)

from grader.authoring.rubrics import without_rubrics
from grader.authoring.setup_cell import ID as SETUP
from grader.course.layout import LESSONS, ROOT, SOLVED, assignment_id, notebook_path

PROMPT = re.compile(r"\*\*(?:Predict\b|A (?:second )?prediction\b)")
FOLD = re.compile(r"^<details>\n<summary>([^<>\n]+)</summary>\n\n(.+?)\n\n</details>$", re.M | re.S)
OPTION = re.compile(r"\b(?:it is|answer(?: is)?):? \([a-d]\)", re.I)
UNFOLDED = "show-source"


def cells(lesson: str) -> list[nbformat.NotebookNode]:
    return nbformat.read(notebook_path(lesson), as_version=4).cells


def texts(lesson: str) -> list[str]:
    return [cell.source for cell in cells(lesson) if cell.cell_type == "markdown"]


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_prediction_is_followed_by_a_cell_that_computes_it_and_a_folded_answer(
    lesson: str,
) -> None:
    """Between a prompt and the next there is code, and after it one fold."""
    whole = "".join(
        f"{cell.source}\n\n" if cell.cell_type == "markdown" else "\0\n\n" for cell in cells(lesson)
    )
    _, *parts = PROMPT.split(whole)
    assert parts, "every lesson asks for a prediction"
    for part in parts:
        found = FOLD.findall(part)
        assert len(found) == 1, part[:300]
        assert "\0" in part[: part.index("<details>")], part[:300]
    assert len(FOLD.findall(whole)) == whole.count("<details>") == len(parts)


@pytest.mark.parametrize("lesson", LESSONS)
def test_no_text_outside_a_fold_says_which_option_was_right(lesson: str) -> None:
    for text in texts(lesson):
        told = OPTION.search(FOLD.sub("", text))
        assert told is None, text


def test_an_answer_in_the_open_is_noticed() -> None:
    assert OPTION.search("… the score four times as large: answer (c).")
    assert OPTION.search("The first rows settle the prediction: it is (b).")


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_fold_holds_its_answer_in_every_program_that_shows_it(lesson: str) -> None:
    """By the two families of parsers: CommonMark (VS Code, Sphinx) and nbconvert's (nbgrader)."""
    for text in texts(lesson):
        for summary, answer in FOLD.findall(text):
            first = re.sub(r"\W+", " ", re.split(r"[*`$\[(<]", answer)[0]).strip()
            for show in (MarkdownIt("commonmark").render, markdown2html):
                shown = show(text)
                inside = re.search(r"<details>(.+?)</details>", shown, re.S)
                assert inside is not None and f"<summary>{summary}</summary>" in inside[1]
                assert shown.count("<details>") == text.count("<details>")
                words = html.unescape(re.sub("<[^>]+>", "", inside[1]))
                assert first in re.sub(r"\W+", " ", words)
                assert "**" not in re.sub(r"<code.+?</code>|\$.+?\$", "", inside[1], flags=re.S)


def empty_headers(text: str) -> list[str]:
    """The header rows of a text's tables that have an empty cell."""
    lines = text.splitlines()
    found = []
    for above, line in zip(lines, lines[1:], strict=False):
        if re.fullmatch(r"\|(?:\s*:?-+:?\s*\|)+\s*", line):
            columns = re.split(r"(?<!\\)\|", above.strip().removeprefix("|").removesuffix("|"))
            found += [above] if not all(map(str.strip, columns)) else []
    return found


def test_no_header_of_a_table_is_empty() -> None:
    """A screen reader says the header before each cell of a table."""
    seen = {lesson: "\n\n".join(texts(lesson)) for lesson in LESSONS}
    for folder in ("new_lesson", "new_exercise"):
        for path in (ROOT / "grader" / "authoring" / folder).rglob("*.md.tmpl"):
            seen[str(path.relative_to(ROOT))] = path.read_text(encoding="utf-8")
    assert sum(text.count("| --- |") for text in seen.values()) > 100
    for place, text in seen.items():
        assert empty_headers(text) == [], place


def test_an_empty_header_is_noticed() -> None:
    assert empty_headers("| | |\n| --- | --- |\n| a | b |")
    assert empty_headers("| | x |\n| ---: | :-- |\n| a | b |")
    assert not empty_headers("| a | x |\n| ---: | :-- |\n| | b |")


def hidden(cell: nbformat.NotebookNode) -> bool:
    return bool(cell.metadata.get("jupyter", {}).get("source_hidden"))


@pytest.mark.parametrize("lesson", LESSONS)
def test_the_code_of_figures_to_play_with_is_folded_and_no_other(lesson: str) -> None:
    for cell in cells(lesson):
        if cell.cell_type != "code":
            continue
        plays = "explore(" in cell.source and UNFOLDED not in cell.metadata.get("tags", [])
        assert hidden(cell) == (plays or cell.id == SETUP), cell.id


@pytest.mark.parametrize("lesson", LESSONS)
def test_solved_notebooks_fold_what_the_lesson_folds(lesson: str) -> None:
    path: Path = SOLVED / f"{assignment_id(lesson)}.ipynb"
    kept = without_rubrics(nbformat.read(path, as_version=4)).cells
    assert [hidden(cell) for cell in kept] == [hidden(cell) for cell in cells(lesson)]


@pytest.mark.parametrize("lesson", LESSONS)
def test_nbgraders_release_keeps_what_is_folded(lesson: str) -> None:
    """What `nbgrader generate_assignment` does to a notebook, step by step."""
    notebook = nbformat.read(notebook_path(lesson), as_version=4)
    before = [hidden(cell) for cell in notebook.cells]
    resources: dict = {}
    for step in (LockCells, ClearSolutions, ClearOutput, CheckCellMetadata, ComputeChecksums):
        notebook, resources = step().preprocess(notebook, resources)
    assert [hidden(cell) for cell in notebook.cells] == before and any(before)
