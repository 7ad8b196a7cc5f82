"""Laws of figures to play with: still where nobody plays, never outside of their controls."""

from __future__ import annotations

import ast
import io
import itertools
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from nbclient import NotebookClient

from grader.authoring.solve import solved
from grader.course.assignments import assignment
from grader.course.exercises import exercises
from grader.course.layout import LESSONS, ROOT, notebook_path
from grader.judge.run import Submission
from grader.source.slicing import needed
from grader.student import screen
from grader.student.explore import Choice, Explorer, Slider, Switch, explore
from grader.student.figures import Picture
from tests.authoring.test_notebooks import run

CELL = """
from matplotlib.figure import Figure
from grader import Slider, explore

def draw(height):
    figure = Figure(figsize=(2, 1))
    figure.subplots().bar([0], [height])
    return figure

explore(draw, alt="One bar.", height=Slider(0, 3, start=1))
"""
PLAYED = [lesson for lesson in LESSONS if "explore(" in notebook_path(lesson).read_text()]


def bar(height: float = 1, wide: bool = False) -> Figure:
    figure = Figure(figsize=(2, 1))
    figure.subplots().bar([0], [height], width=0.8 if wide else 0.2)
    return figure


def explorer(alt="One bar.") -> Explorer:
    controls = {"height": Slider(0.5, 3, start=1, step=0.5), "wide": Switch()}
    return Explorer(bar, alt, controls)


def pixels(picture: Picture) -> np.ndarray:
    return imread(io.BytesIO(picture.png))


def test_the_still_picture_is_the_figure_at_the_start() -> None:
    same = explorer().picture(height=1, wide=False)
    assert explorer().picture().png == same.png
    assert explorer().picture(height=2).png != same.png


def test_every_picture_of_an_explorer_has_one_size_and_says_it() -> None:
    pictures = [explorer().picture(height=h, wide=w) for h in (0.5, 3) for w in (False, True)]
    assert len({pixels(picture).shape for picture in pictures}) == 1
    height, width = pixels(pictures[0]).shape[:2]
    assert f'width="{width // 2}" height="{height // 2}"' in pictures[0]._repr_html_()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"height": 4}, "height=4 is not allowed: use 0.5 to 3"),
        ({"height": "2"}, "height='2'"),
        ({"height": float("nan")}, "height=nan"),
        ({"height": True}, "height=True"),
        ({"wide": 1}, "wide=1 is not allowed: use True, False"),
        ({"depth": 1}, "depth: there is no such control"),
    ],
)
def test_a_control_outside_its_range_is_refused(value: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        explorer().picture(**value)


@pytest.mark.parametrize(
    "made",
    [
        lambda: Slider(0, 3, start=4),
        lambda: Slider(3, 0, start=1),
        lambda: Slider(0, 3, start=1, step=0),
        lambda: Choice(("a", "b"), start="c"),
        lambda: Choice(()),
    ],
)
def test_a_control_that_cannot_be_is_refused(made) -> None:
    with pytest.raises(ValueError):
        made()


def test_a_choice_starts_with_its_first_option() -> None:
    assert Choice((4, 8)).start == 4 and Choice((4, 8), start=8).start == 8


def test_alternative_text_is_demanded_and_follows_the_values() -> None:
    moving = explorer(lambda height, wide: f"A bar of height {height:g}.")
    assert moving.picture(height=2).alt == "A bar of height 2."
    for nothing in ("", "  ", None, lambda **_: ""):
        with pytest.raises(ValueError, match="alt"):
            explorer(nothing).picture()
    with pytest.raises(TypeError, match="height: give a Slider"):
        explore(bar, alt="One bar.", height=3)  # type: ignore[arg-type]


def test_without_a_person_there_is_one_output_and_no_widget(tmp_path: Path) -> None:
    """nbclient runs a cell as the autograder, nbconvert and `solve` do: twice the same."""
    seen = []
    for _ in range(2):
        cells = [nbformat.v4.new_code_cell(CELL)]
        cells.append(nbformat.v4.new_code_cell("import sys; print('ipywidgets' in sys.modules)"))
        notebook = nbformat.v4.new_notebook(cells=cells)
        run(notebook, tmp_path)
        (output,) = notebook.cells[0].outputs
        assert sorted(output.data) == ["text/html", "text/plain"]
        assert '<img alt="One bar."' in output.data["text/html"]
        assert output.data["text/plain"] == "[figure: One bar.]"
        assert notebook.cells[1].outputs[0].text == "False\n"
        assert "widgets" not in notebook.metadata
        seen.append(output.data)
    assert seen[0] == seen[1]


class Played(NotebookClient):
    """A front end that a person sits in front of: it allows input."""

    async def async_start_new_kernel_client(self, **kwargs):
        client = await super().async_start_new_kernel_client(**kwargs)
        client.allow_stdin = True
        return client


def test_with_a_person_the_controls_follow_as_an_output_of_their_own(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    Played(
        notebook,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    ).execute()
    still, controls = notebook.cells[0].outputs
    assert '<img alt="One bar."' in still.data["text/html"]
    assert "application/vnd.jupyter.widget-view+json" not in still.data
    assert "application/vnd.jupyter.widget-view+json" in controls.data
    assert controls.data["text/html"] == controls.data["text/plain"] == ""


def test_a_redraw_that_fails_says_so_and_the_next_one_works() -> None:
    from grader.student.explore_live import Board

    def draw(height: float) -> Figure:
        if height > 2:
            raise ValueError("<b>no</b>")
        return bar(height)

    board = Board(Explorer(draw, "One bar.", {"height": Slider(0.0, 3.0, start=1.0)}))
    assert board.picture.value == ""
    board.controls["height"].value = 3.0
    assert "ValueError: &lt;b&gt;no" in board.picture.value and "<img" not in board.picture.value
    board.controls["height"].value = 2.0
    assert board.picture.value == board.explorer.picture(height=2.0)._repr_html_()
    board.close()


def test_a_cell_that_runs_again_ends_the_controls_of_its_own_earlier_run_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two figures in one cell, and a third in another, all drawn by functions without a name."""
    from grader.student import explore_live

    ended: list[object] = []
    monkeypatch.setattr(explore_live.Board, "close", lambda self: ended.append(self.explorer.alt))

    def shows(alt: str, cell: str, run: str) -> None:
        request = {"header": {"msg_id": run}, "metadata": {"cellId": cell}}
        monkeypatch.setattr(screen, "request", lambda shell: request)
        figure = Explorer(lambda: bar(2), alt, {})
        explore_live.display_live(figure, figure.picture())

    shows("one", "first cell", "run 1")
    shows("two", "first cell", "run 1")
    shows("three", "second cell", "run 2")
    assert ended == []
    shows("one again", "first cell", "run 3")
    shows("two again", "first cell", "run 3")
    assert ended == ["one", "two"]
    shows("three again", "second cell", "run 4")
    assert ended == ["one", "two", "three"]


def test_in_the_worker_it_is_a_still_picture_and_few_cells_leave_it_out(judge) -> None:
    """There is no kernel and no front end; and for a mark it does not run at all."""
    release = assignment("03_masking")
    asked = "import sys\nprint('widgets:', 'ipywidgets' in sys.modules)"
    notebook = solved("masking")
    notebook.cells.append(nbformat.v4.new_code_cell(asked))
    submission = Submission("x", release.id, nbformat.writes(notebook).encode())
    (played,) = (c.id for c in notebook.cells if "\n    explore(" in c.source)
    for everything in (False, True):
        outcome = replace(judge, all_cells=everything).grade(submission, release)
        (given,) = (cell for cell in outcome.cells if cell.id.endswith(played))
        pictures = [output["data"] for output in given.outputs]
        assert len(pictures) == everything
        for data in pictures:
            assert sorted(data) == ["text/html", "text/plain"]
            assert 'alt="An 8 by 8 mask with window 2' in data["text/html"]
        (own,) = (cell for cell in outcome.cells if cell.source.endswith(asked))
        assert own.outputs[0]["text"] == "widgets: False\n"


def test_importing_it_loads_no_widgets() -> None:
    code = (
        "import sys; from grader import Choice, Slider, Switch, explore, check;"
        "print(*(m for m in sys.modules if m.split('.')[0] in ('ipywidgets', 'torch')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


def test_five_lessons_can_be_played_with() -> None:
    assert len(PLAYED) >= 5


@pytest.mark.parametrize("lesson", PLAYED)
def test_no_mark_needs_a_figure_to_play_with(lesson: str) -> None:
    """At grading it does not run: no right answer reads a name that its cell binds."""
    cells = [c for c in solved(lesson).cells if c.cell_type == "code"]
    own = {exercise.id for exercise in exercises(lesson)}
    given = [(c.id, c.source) for c in cells if c.id not in own and not c.id.startswith("check_")]
    chosen = needed(given, [c.source for c in cells if c.id in own])
    played = {cell_id for cell_id, source in given if "\n    explore(" in source}
    assert played and not played & chosen


@pytest.mark.parametrize("lesson", PLAYED)
def test_figures_to_play_with_wait_for_answers_and_have_alternative_text(lesson: str) -> None:
    for cell in nbformat.read(notebook_path(lesson), as_version=4).cells:
        if cell.cell_type != "code" or "explore(" not in cell.source:
            continue
        tree = ast.parse(cell.source)
        calls = [n for n in ast.walk(tree) if getattr(getattr(n, "func", 0), "id", "") == "explore"]
        guards = [n for n in tree.body if isinstance(n, ast.If)]
        inside = itertools.chain(*(ast.walk(g) for g in guards if "ready(" in ast.unparse(g.test)))
        assert set(calls) <= set(inside)
        assert all("alt" in {k.arg for k in call.keywords} for call in calls)
