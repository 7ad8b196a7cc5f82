"""Laws of the lessons' diagrams: drawn from their source, readable, and with the right numbers."""

from __future__ import annotations

import base64
import io
import itertools
import math
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from nbconvert.exporters import HTMLExporter
from nbformat import NotebookNode
from PIL import Image
from traitlets.config import Config

from grader.authoring import diagrams, drawing
from grader.authoring.header import words
from grader.authoring.site.build import gather
from grader.authoring.tidy import LessonError, tidy
from grader.course.layout import LESSONS, ROOT, SOLVED, assignment_id, module_of, notebook_path
from grader.records.nbgrader_plugin import configure


def pictures(lesson: str) -> dict[str, tuple[NotebookNode, bytes]]:
    """The lesson's diagrams by name: the cell that shows each, and the PNG in its text."""
    notebook = nbformat.read(notebook_path(lesson), as_version=4)
    found = {}
    for cell in notebook.cells:
        for image in diagrams.IMAGE.finditer(cell.source) if cell.cell_type == "markdown" else ():
            content = base64.b64decode(image["png"])
            found[drawing.stamp_of(content).partition(" ")[0]] = cell, content
    return found


ALL = [(lesson, name) for lesson in LESSONS for name in pictures(lesson)]
each = pytest.mark.parametrize(("lesson", "name"), ALL)


def figure(lesson: str, name: str) -> Any:
    return getattr(import_module(module_of(lesson, diagrams.PART)), name)()


def texts(lesson: str, name: str) -> list[str]:
    return [text.get_text() for text in figure(lesson, name).findobj(Text) if text.get_text()]


def test_every_lesson_has_a_diagram() -> None:
    assert {lesson for lesson, _ in ALL} == set(LESSONS)


@each
def test_a_diagram_in_a_notebook_is_what_its_source_draws(lesson: str, name: str) -> None:
    """Another version of matplotlib may smooth edges otherwise; what is drawn is the same."""
    cell, content = pictures(lesson)[name]
    assert drawing.stamp_of(content) == diagrams.stamp(lesson, name), "run `python -m grader tidy`"
    data = base64.b64encode(content).decode()
    assert f"![{diagrams.description(lesson, name)}]({diagrams.DATA}{data})" in cell.source
    assert len(cell.source) < len(data) + 1500  # nothing else to edit between so many letters
    attached, drawn = (
        np.asarray(Image.open(io.BytesIO(png)).convert("L"), dtype=float)
        for png in (content, diagrams.draw(lesson, name))
    )
    assert attached.shape == drawn.shape
    assert np.abs(attached - drawn).mean() < 2  # of 255; a box that is missing makes more


@each
def test_the_solved_notebook_shows_the_same_diagram(lesson: str, name: str) -> None:
    cell, _ = pictures(lesson)[name]
    solved = nbformat.read(SOLVED / f"{assignment_id(lesson)}.ipynb", as_version=4)
    assert cell in solved.cells


@each
def test_a_diagram_is_sharp_and_its_texts_are_large_enough_and_apart(
    lesson: str, name: str
) -> None:
    """In units, which are pixels where a notebook's column is 800 wide."""
    _, content = pictures(lesson)[name]
    assert Image.open(io.BytesIO(content)).width == 2 * drawing.WIDTH
    made = figure(lesson, name)
    renderer = FigureCanvasAgg(made).get_renderer()
    height = made.get_size_inches()[1] * drawing.UNITS_PER_INCH
    boxes = []
    for text in made.findobj(Text):
        if text.get_text() and text.get_visible():
            assert text.get_fontsize() * drawing.UNITS_PER_INCH / 72 >= 11, text.get_text()
            box = text.get_window_extent(renderer)
            assert box.x0 >= 0 and box.x1 <= drawing.WIDTH, text.get_text()
            assert box.y0 >= 0 and box.y1 <= height, text.get_text()
            boxes.append((text.get_text(), box))
    for (one, box), (other, second) in itertools.combinations(boxes, 2):
        # Boxes of fonts reach above and below what is printed.
        apart = box.x1 <= second.x0 or second.x1 <= box.x0
        apart |= box.y1 <= second.y0 + 5 or second.y1 <= box.y0 + 5
        assert apart, (one, other)


# ---- numbers, against the lessons' own cells and against PyTorch -------------------------------


def run_cell(lesson: str, containing: str, names: dict[str, Any], until: str = "") -> dict:
    """The names that the lesson's cell binds, the cell being the one with this text."""
    notebook = nbformat.read(notebook_path(lesson), as_version=4)
    (source,) = (
        c.source for c in notebook.cells if c.cell_type == "code" and containing in c.source
    )
    exec(source.partition(until)[0] if until else source, names)
    return names


def test_the_two_keys_are_those_of_the_lesson() -> None:
    found = run_cell("single_query_attention", "weight_1, weight_2 =", {"math": math})
    shown = texts("single_query_attention", "two_keys")
    for number in (1, 2):
        assert f"{found[f'score_{number}']:.2f}" in shown
        assert f"{found[f'weight_{number}']:.3f}" in shown
    assert f"[{found['output_1']:.3f}, {found['output_2']:.3f}]" in shown
    for vector in ("[0.5, 0.5]", "[0.1, 0.2]", "[0.2, 0.3]", "[0.6, 0.8]", "[0.7, 0.9]"):
        assert vector in shown  # as the first line of the lesson's cell says
    said = diagrams.description("single_query_attention", "two_keys")
    for number in ("0.15 and 0.25", "0.475 and 0.525", "(0.652, 0.852)"):
        assert number in said


def test_the_turtle_sentence_is_that_of_the_lesson() -> None:
    lesson = "self_attention"
    own = run_cell(lesson, 'words = ["the", "turtle"', {"torch": torch}, until="\ndef ")
    drawn = import_module(module_of(lesson, diagrams.PART))
    assert own["words"] == list(drawn.WORDS)
    for name, table in (("sentence", drawn.SENTENCE), ("wants", drawn.WANTS)):
        assert torch.equal(own[name], torch.tensor(table, dtype=torch.float))
    for name, table in (("offers", drawn.OFFERS), ("hands_over", drawn.HANDS_OVER)):
        assert torch.equal(own[name], torch.tensor(table, dtype=torch.float))
    x = own["sentence"]
    q, k, v = (x @ own[name].T for name in ("wants", "offers", "hands_over"))
    output = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    shown = Counter(texts(lesson, "turtle_sentence"))
    for number, count in Counter(f"{entry:.2f}" for entry in output.flatten()).items():
        assert shown[number] == count
    scores = Counter(f"{entry:.1f}" if entry else "0" for entry in (q @ k.T / 2**0.5).flatten())
    assert shown["6.4"] == scores["6.4"] and shown["0"] == scores["0"]


def test_the_masked_weights_are_those_of_the_lessons_sentence() -> None:
    scores = torch.tensor([1.0, 2.0, 0.5, 3.0])  # section 2 of the lesson
    seen = torch.tensor([1.0, 1.0, 1.0, 0.0])
    right = (scores + seen.log()).softmax(0)
    rows = (right, (scores * seen).softmax(0), scores.softmax(0) * seen)
    shown = texts("masking", "places_for_a_mask")
    said = diagrams.description("masking", "places_for_a_mask")
    for row in rows:
        numbers = [f"{weight:.2f}" if weight else "0" for weight in row.tolist()]
        assert set(numbers) <= set(shown)
        assert ", ".join(numbers) in said
        assert f"sum {row.sum():.2f}" in shown


def test_the_counted_word_costs_what_counting_says() -> None:
    word = "abracadabra"
    pairs, firsts = Counter(zip(word, word[1:], strict=False)), Counter(word[:-1])
    steps = [pairs[pair] / firsts[pair[0]] for pair in zip(word, word[1:], strict=False)]
    loss = -sum(map(math.log, steps)) / len(steps)
    shown = texts("mle_language_modeling", "counts_to_loss")
    assert f"{loss:.3f}" in shown
    said = diagrams.description("mle_language_modeling", "counts_to_loss")
    assert ", ".join(f"{p:g}" for p in steps) in said and f"{loss:.3f}" in said


def test_the_snippet_is_that_of_the_lesson() -> None:
    own = run_cell("transformer_language_model", 'start, T = "to be', {})
    drawn = import_module(module_of("transformer_language_model", diagrams.PART))
    assert (own["text"], own["start"], own["T"]) == (drawn.TEXT, drawn.START, drawn.T)


# ---- where a diagram goes ----------------------------------------------------------------------


def plugin_config() -> Config:
    """nbgrader's settings, as this course makes them."""
    config = Config()
    configure(config, ROOT)
    return config


def test_formgraders_pages_and_feedback_show_the_diagram() -> None:
    """nbgrader's pages go through a filter that lets nothing run or load."""
    lesson, name = ALL[0]
    notebook = nbformat.read(notebook_path(lesson), as_version=4)
    page, _ = HTMLExporter(config=plugin_config()).from_notebook_node(notebook)
    _, content = pictures(lesson)[name]
    assert base64.b64encode(content).decode() in page
    assert diagrams.description(lesson, name) in page


def test_the_site_shows_the_diagram(tmp_path: Path) -> None:
    """MyST-NB shows pictures in data URLs; Sphinx writes them into files."""
    gather(tmp_path)
    for lesson, name in ALL:
        page = nbformat.read(tmp_path / notebook_path(lesson).relative_to(ROOT), as_version=4)
        cell, _ = pictures(lesson)[name]
        assert cell.source in [one.source for one in page.cells]


def test_a_diagram_that_cannot_be_drawn_is_named() -> None:
    with pytest.raises(diagrams.DiagramError, match=r"no function 'no_such' to draw"):
        diagrams.with_diagrams("![](no_such)", LESSONS[0])
    notebook = nbformat.read(notebook_path(LESSONS[0]), as_version=4)
    notebook.cells.append(nbformat.v4.new_markdown_cell("![](no_such)"))
    with pytest.raises(LessonError, match="no_such"):
        tidy(notebook, LESSONS[0])


def test_a_diagram_without_a_description_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module(module_of(LESSONS[0], diagrams.PART))
    for doc in ("", "A [bracket] ends the text."):
        monkeypatch.setattr(module.two_keys, "__doc__", doc)
        with pytest.raises(diagrams.DiagramError, match="its alternative text"):
            diagrams.description(LESSONS[0], "two_keys")


def test_a_name_is_drawn_once_and_a_picture_of_another_source_again() -> None:
    lesson, name = ALL[0]
    drawn = diagrams.with_diagrams(f"Look:\n\n![]({name})", lesson)
    assert diagrams.with_diagrams(drawn, lesson) == drawn
    old = drawing.png(getattr(import_module(module_of(lesson, diagrams.PART)), name), f"{name} old")
    text = f"Look:\n\n![]({diagrams.DATA}{base64.b64encode(old).decode()})"
    assert diagrams.with_diagrams(text, lesson) == drawn


def test_a_picture_of_the_authors_own_is_left_alone() -> None:
    out = io.BytesIO()
    Image.new("RGB", (2, 2)).save(out, format="PNG")
    text = f"![mine]({diagrams.DATA}{base64.b64encode(out.getvalue()).decode()})"
    assert diagrams.with_diagrams(text, LESSONS[0]) == text


def test_minutes_count_what_is_read() -> None:
    """Neither the address of a link nor what stands for a picture that is seen."""

    def counted(text: str) -> int:
        return words([nbformat.v4.new_markdown_cell(text)])

    assert counted("Read [the first paper](https://arxiv.org/abs/1706.03762) now.") == 5
    assert counted("Look: ![a long text beside it](data:image/png;base64,QUJD+/=) There.") == 2
    assert counted("A matrix (two by two) and `x[0](y)` are words.") == 10
