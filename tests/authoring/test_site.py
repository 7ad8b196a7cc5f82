"""What the site takes over from a solved notebook, and how it writes it."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from grader.authoring.site import build, lessons
from grader.course.exercises import exercises
from grader.course.layout import LESSONS, ROOT, FolderTakenError, make_room, notebook_path

PNG = base64.b64encode(b"\x89PNG, or so it says").decode()


def notebook(*cells: tuple[str, str]) -> NotebookNode:
    """Cells as (kind, source): markdown, given, answer or check."""
    made = nbformat.v4.new_notebook()
    for kind, source in cells:
        if kind == "markdown":
            made.cells.append(nbformat.v4.new_markdown_cell(source))
            continue
        cell = nbformat.v4.new_code_cell(source)
        flags = {"solution": kind == "answer", "grade": kind == "check"}
        cell.metadata["nbgrader"] = {"grade_id": source.partition("(")[0], **flags}
        made.cells.append(cell)
    return made


def text(words: str) -> NotebookNode:
    return nbformat.v4.new_output("stream", name="stdout", text=words)


def picture(alt: str) -> NotebookNode:
    image = f'<img alt="{alt}" src="data:image/png;base64,{PNG}" style="max-width:100%">'
    data = {"text/html": image, "text/plain": f"[figure: {alt}]"}
    return nbformat.v4.new_output("display_data", data)


def both(*cells: tuple[str, str, list[NotebookNode]]) -> NotebookNode:
    """The page of a lesson whose solved notebook has these outputs; its first exercise is f."""
    plain = [(kind, source) for kind, source, _ in cells]
    solved = notebook(("answer", "f(): ..."), *plain)
    for cell, (_, _, outputs) in zip(solved.cells[1:], cells, strict=True):
        if outputs:
            cell.outputs = outputs
    return lessons.shown(notebook(("answer", "f(): ..."), *plain), solved)


def test_a_demonstration_shows_what_it_prints_and_draws() -> None:
    page = both(("given", "print(1)", [text("1\n"), picture("A line.")]))
    words, drawn = page.cells[1].outputs
    assert words.text == "1\n"
    assert drawn.data == picture("A line.").data


def test_nothing_of_an_answer_or_a_check_is_shown() -> None:
    page = both(
        ("answer", "g(): ...", [text("found it")]),
        ("check", "check('f')", [picture("All passed.")]),
    )
    assert [cell.outputs for cell in page.cells] == [[], [], []]
    assert [cell.metadata.tags for cell in page.cells] == [["answer"], ["answer"], ["check"]]


@pytest.mark.parametrize(
    "sources",
    [
        ["print(f(1))"],
        ["x = f(1)", "print(x)"],
        ["x = f(1)", "y = [x]", "print(y)"],
        ["def g():\n    return f(1)", "print(g())"],
        ["if ready(f):\n    x = 1", "print(x)"],
        ["x = mine('f')", "print(x(1))"],
        ["exec('x = f(1)')"],
    ],
)
def test_what_depends_on_an_answer_is_not_printed_but_drawn(sources: list[str]) -> None:
    cells = [("given", source, [text("42"), picture("A curve.")]) for source in sources]
    last = both(*cells).cells[-1]
    assert [out.output_type for out in last.outputs] == ["display_data"]
    assert lessons.NEEDS_ANSWERS in last.metadata["tags"]


def test_a_name_made_anew_depends_on_nothing() -> None:
    assert lessons.depending(["x = f(1)", "x = 2", "print(x)"], {"f"}) == [True, False, False]


def test_importing_the_question_does_not_answer_it() -> None:
    assert lessons.depending(["from grader import ready", "ready(g)"], {"f"})[1]


def test_where_readers_predict_the_output_is_folded() -> None:
    page = both(
        ("markdown", "**Predict before you run the cell.**", []),
        ("given", "print(1)", [text("1")]),
        ("markdown", "So.", []),
        ("given", "print(2)", [text("2")]),
    )
    assert page.cells[2].metadata["tags"] == [lessons.FOLDED]
    assert "tags" not in page.cells[4].metadata


def test_code_that_jupyterlab_folds_is_folded() -> None:
    sources = [("given", "print(1)"), ("given", "print(2)")]
    lesson = notebook(*sources)
    lesson.cells[0].metadata["jupyter"] = {"source_hidden": True}
    page = lessons.shown(lesson, notebook(*sources))
    assert page.cells[0].metadata["tags"] == [lessons.FOLDED_CODE]
    assert "tags" not in page.cells[1].metadata


def test_a_solved_notebook_of_another_time_is_refused() -> None:
    with pytest.raises(lessons.StaleError, match="make solved"):
        lessons.shown(notebook(("given", "a")), notebook(("given", "b")))
    with pytest.raises(lessons.StaleError, match="make solved"):
        lessons.shown(notebook(("given", "a")), notebook())


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lessons_page_is_the_lesson_with_figures(lesson: str) -> None:
    page = nbformat.reads(lessons.page(notebook_path(lesson)), as_version=4)
    given = nbformat.read(notebook_path(lesson), as_version=4)
    assert [cell.source for cell in page.cells] == [cell.source for cell in given.cells]
    code = [cell for cell in page.cells if cell.cell_type == "code"]
    drawn = [out for cell in code for out in cell.outputs if out.output_type == "display_data"]
    assert len(drawn) >= 4
    assert all(lessons.is_figure(out) and "<img alt=" in out.data["text/html"] for out in drawn)
    names = {exercise.id for exercise in exercises(lesson)}
    silent = set()
    for cell in code:
        known = cell.metadata.get("nbgrader", {}).get("grade_id", "").removeprefix("check_")
        if known in names:
            assert cell.outputs == [], known
            silent.add(known)
    assert silent == names


def test_no_file_that_quotes_solutions_lies_among_the_sources(tmp_path: Path) -> None:
    """Sphinx copies whatever a page links to."""
    build.gather(tmp_path)
    names = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    assert {"docs/kill_matrix.md", "docs/instructors/index.md", "SECURITY.md"} <= names
    assert {
        f"notebooks/{path.parent.name}/{path.name}" for path in map(notebook_path, LESSONS)
    } == {name for name in names if name.endswith(".ipynb")}
    assert not [name for name in names if "mutants" in name or name.startswith("solutions")]


def test_the_instructors_pages_come_as_their_index_links_to_them() -> None:
    link = re.compile(r"\]\(([\w-]+)\.md[)#]")
    linked = link.findall((ROOT / "docs" / "instructors" / "index.md").read_text(encoding="utf-8"))
    front = (build.SITE / "index.md").read_text(encoding="utf-8")
    listed = re.findall(r"^/docs/instructors/([\w-]+)$", front, re.M)
    assert listed == ["index", *dict.fromkeys(linked)]


def checkout(folder: Path, page: str) -> None:
    """The least that can be built: one page and no lesson."""
    for part in ("docs/site", "notebooks"):
        (folder / part).mkdir(parents=True)
    (folder / "SECURITY.md").write_text("# Security")
    (folder / "docs" / "site" / "index.md").write_text(
        f"# Front page\n\n{page}\n\n```{{toctree}}\n/SECURITY\n```\n"
    )


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("[here](gone.md)", "gone.md"),
        ("[here](../../SECURITY.md#nothing)", "nothing"),
        ("![a picture](gone.png)", "gone.png"),
        ("```{unknown}\n```", "unknown"),
    ],
)
def test_what_leads_nowhere_stops_the_build(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, page: str, said: str
) -> None:
    checkout(tmp_path / "course", page)
    monkeypatch.setattr(build, "ROOT", tmp_path / "course")
    monkeypatch.setattr(build, "NOTEBOOKS", tmp_path / "course" / "notebooks")
    with pytest.raises(build.SiteError, match=f"index.md:.*{re.escape(said)}"):
        build.build(tmp_path / "site")


def test_html_in_a_page_is_text(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A name such as ``<pad>`` is to be read; nothing that a page quotes becomes a script."""
    checkout(tmp_path / "course", "The token <pad>, and <script>alert(1)</script>.")
    monkeypatch.setattr(build, "ROOT", tmp_path / "course")
    monkeypatch.setattr(build, "NOTEBOOKS", tmp_path / "course" / "notebooks")
    html = build.build(tmp_path / "site").read_text(encoding="utf-8")
    assert "The token &lt;pad&gt;" in html and "<script>alert" not in html


def test_a_folder_of_somebody_elses_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(FolderTakenError):
        make_room(tmp_path, ".mark", "make site")
    make_room(tmp_path / "new", ".mark", "make site")
    (tmp_path / "new" / "old.html").touch()
    make_room(tmp_path / "new", ".mark", "make site")
    assert [path.name for path in (tmp_path / "new").iterdir()] == [".mark"]
