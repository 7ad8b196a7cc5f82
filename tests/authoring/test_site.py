"""What the site takes over from a solved notebook, and how it writes it."""

from __future__ import annotations

import base64
import re

import nbformat
import pytest
from nbformat import NotebookNode

from grader.authoring.site import forms, gather, lessons, pages
from grader.course.exercises import exercises
from grader.course.layout import LESSONS, FolderTakenError, make_room, notebook_path

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
    """The page of a lesson whose solved notebook has these outputs; its one exercise is f."""
    plain = [(kind, source) for kind, source, _ in cells]
    solved = notebook(*plain)
    for cell, (_, _, outputs) in zip(solved.cells, cells, strict=True):
        if outputs:
            cell.outputs = outputs
    return lessons.shown(notebook(*plain), solved, {"f"})


def test_a_demonstration_shows_what_it_prints_and_draws() -> None:
    page = both(("given", "print(1)", [text("1\n"), picture("A line.")]))
    words, drawn = page.cells[0].outputs
    assert words.text == "1\n"
    assert drawn.data == {"image/png": PNG, "text/plain": "A line."}


def test_nothing_of_an_answer_or_a_check_is_shown() -> None:
    page = both(
        ("answer", "def f(): ...", [text("found it")]),
        ("check", "check('f')", [picture("All passed.")]),
    )
    assert [cell.outputs for cell in page.cells] == [[], []]


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
def test_what_hangs_on_an_answer_is_not_printed_but_drawn(sources: list[str]) -> None:
    cells = [("given", source, [text("42"), picture("A curve.")]) for source in sources]
    last = both(*cells).cells[-1]
    assert [out.output_type for out in last.outputs] == ["display_data"]
    assert lessons.NEEDS_ANSWERS in last.metadata["tags"]


def test_a_name_made_anew_hangs_on_nothing() -> None:
    assert lessons.hanging(["x = f(1)", "x = 2", "print(x)"], {"f"}) == [True, False, False]


def test_importing_the_question_does_not_answer_it() -> None:
    assert lessons.hanging(["from grader import ready", "ready(g)"], {"f"})[1]


def test_where_readers_predict_the_output_is_folded() -> None:
    page = both(
        ("markdown", "**Predict before you run the cell.**", []),
        ("given", "print(1)", [text("1")]),
        ("markdown", "So.", []),
        ("given", "print(2)", [text("2")]),
    )
    assert page.cells[1].metadata["tags"] == [lessons.FOLDED]
    assert "tags" not in page.cells[3].metadata


def test_a_solved_notebook_of_another_time_is_refused() -> None:
    with pytest.raises(lessons.StaleError, match="make solved"):
        lessons.shown(notebook(("given", "a")), notebook(("given", "b")), set())
    with pytest.raises(lessons.StaleError, match="make solved"):
        lessons.shown(notebook(("given", "a")), notebook(), set())


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lessons_page_is_the_lesson_with_figures(lesson: str) -> None:
    page = lessons.page(lesson)
    given = nbformat.read(notebook_path(lesson), as_version=4)
    assert [cell.source for cell in page.cells] == [cell.source for cell in given.cells]
    code = [cell for cell in page.cells if cell.cell_type == "code"]
    drawn = [out for cell in code for out in cell.outputs if out.output_type == "display_data"]
    assert len(drawn) >= 4
    assert all(set(out.data) == {"image/png", "text/plain"} for out in drawn)
    names = {exercise.id for exercise in exercises(lesson)}
    for cell in code:
        known = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        if known.removeprefix("check_") in names:
            assert cell.outputs == [], known


def test_every_lesson_and_page_stands_in_the_contents_once() -> None:
    parts = gather.contents(["docs/instructors/index.md", "docs/instructors/week_one.md"])
    listed = [page["file"] for part in parts for page in part.get("children", [part])]
    assert len(listed) == len(set(listed))
    assert listed[1 : len(LESSONS) + 1] == [
        f"notebooks/{path.parent.name}/{path.name}" for path in map(notebook_path, LESSONS)
    ]
    assert {"docs/kill_matrix.md", "docs/instructors/week_one.md", "SECURITY.md"} <= set(listed)
    assert "docs/mutants.md" not in listed  # it quotes solutions


def test_the_instructors_pages_come_as_their_index_links_to_them(tmp_path) -> None:
    folder = tmp_path / "docs" / "instructors"
    folder.mkdir(parents=True)
    for name in ("a.md", "b.md", "notes.txt", "y.md", "z.md"):
        (folder / name).touch()
    (folder / "index.md").write_text(
        "[late](z.md), [early](b.md#x), [again](z.md), [self](index.md)"
    )
    names = [name.rpartition("/")[2] for name in gather.guide(tmp_path)]
    assert names == ["index.md", "z.md", "b.md", "a.md", "y.md"]
    assert gather.guide(tmp_path / "empty") == []


def write(*nodes: dict, assets: dict[str, str] | None = None) -> str:
    writer = forms.Writer("a.md", {"/masking": "masking.html"}, (assets or {}).__getitem__)
    return writer.write({"type": "root", "children": list(nodes)})


def words(value: str) -> list[dict]:
    return [{"type": "text", "value": value}]


def link(url: str, value: str = "there", **more: object) -> dict:
    return {"type": "link", "url": url, "children": words(value), **more}


def test_text_and_code_are_escaped() -> None:
    evil = "<script>alert(1)</script> & co"
    for kind in ("text", "inlineCode", "code"):
        html = write({"type": kind, "value": evil, "lang": "python"})
        assert "<script" not in html and "&amp;" in html, kind


def test_links_lead_to_pages_or_are_text() -> None:
    assert 'href="masking.html#a"' in write(link("/masking#a"))
    assert 'href="https://a.example/b"' in write(link("https://a.example/b"))
    assert write(link("../grader/cli.py")) == "there"
    assert write(link("http://add.at", "add.at")) == "add.at"  # torch's, not a site's
    files = {"/slurm-1.py": "files/slurm-1.py"}
    assert 'href="files/slurm-1.py" download' in write(
        link("/slurm-1.py", static=True), assets=files
    )


def test_a_link_that_was_left_as_text_is_said() -> None:
    writer = forms.Writer("a.md", {}, {}.__getitem__)
    writer.write(link("../grader/cli.py"))
    assert writer.left_as_text == ["../grader/cli.py"]


def test_what_has_no_form_stops_the_build() -> None:
    with pytest.raises(forms.FormError, match=r"a\.md.*'iframe'"):
        write({"type": "iframe"})


def test_an_equation_that_was_not_set_stops_the_build() -> None:
    with pytest.raises(forms.FormError, match="x_"):
        write({"type": "inlineMath", "value": "x_"})


def test_a_picture_needs_alternative_text() -> None:
    with pytest.raises(forms.FormError, match="alternative text"):
        write({"type": "image", "url": "/a.png"}, assets={"/a.png": "files/a.png"})


def test_a_table_without_words_in_its_head_has_no_head() -> None:
    def row(*cells: str, header: bool = False) -> dict:
        made = [{"type": "tableCell", "header": header, "children": words(c)} for c in cells]
        return {"type": "tableRow", "children": made}

    body = row("a", "b")
    with_head = write({"type": "table", "children": [row("k", "", header=True), body]})
    assert "<thead><tr><th>k</th>" in with_head and "<td>b</td>" in with_head
    assert "<thead>" not in write({"type": "table", "children": [row("", "", header=True), body]})


def test_search_finds_each_section_by_its_words_and_no_output() -> None:
    tree = {
        "type": "root",
        "children": [
            {"type": "paragraph", "children": words("before")},
            {"type": "heading", "depth": 2, "html_id": "one", "children": words("One")},
            {"type": "outputs", "children": [{"type": "paragraph", "children": words("hidden")}]},
            {"type": "paragraph", "children": words("after")},
        ],
    }
    assert list(pages.sections(tree, "Title")) == [
        {"heading": "Title", "anchor": "", "words": "before"},
        {"heading": "One", "anchor": "one", "words": "after"},
    ]


def test_a_folder_of_somebody_elses_is_not_emptied(tmp_path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(FolderTakenError):
        make_room(tmp_path, ".mark", "make site")
    make_room(tmp_path / "new", ".mark", "make site")
    (tmp_path / "new" / "old.html").touch()
    make_room(tmp_path / "new", ".mark", "make site")
    assert [path.name for path in (tmp_path / "new").iterdir()] == [".mark"]


def luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_color_of_text_can_be_read_in_the_light_and_in_the_dark() -> None:
    """Contrast of 4.5 or more, as WCAG 2 defines it, on everything that text stands on."""
    style = (gather.THEME / "style.css").read_text(encoding="utf-8")
    themes = re.findall(r"color-scheme: (?:light|dark);([^}]*)}", style)
    assert len(themes) == 3 and themes[1].split() == themes[2].split()
    for theme in themes:
        colors = dict(re.findall(r"--([\w-]+): (#\w{6});", theme))
        for ink in ("text", "quiet", "link", "keyword", "string", "number", "comment", "name"):
            for page in ("page", "side", "code"):
                pair = sorted(luminance(colors[name]) for name in (ink, page))
                assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, (ink, page, colors)
        for name in ("answer", "check"):
            pair = sorted(luminance(colors[x]) for x in (name, f"{name}-page"))
            assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, (name, colors)
