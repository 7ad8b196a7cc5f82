"""What a notebook holds ends up where it belongs in the release, whatever tools did to the file."""

from __future__ import annotations

import json
from collections.abc import Callable

import nbformat
import pytest

from grader.authoring.solve import solved
from grader.course.layout import LESSONS, notebook_path
from grader.source.assembly import ANSWER, HUMAN, OWN, Assembly, assemble, parts_of
from grader.source.notebook import Cell, Notebook, parse
from grader.source.prose import is_prose, text_in, unfenced, written
from tests.campaigns.fairness import WORDS, answered
from tests.campaigns.front_ends import FRONT_ENDS, through


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_tool_leaves_enough_to_place_every_answer(lesson: str) -> None:
    release = [part for part, _ in parts_of(json.loads(notebook_path(lesson).read_bytes()))]
    document = answered(lesson)
    right = {cell["id"]: "".join(cell["source"]).strip() for cell in document["cells"]}
    for name in FRONT_ENDS:
        found = assemble(release, parse(through(name, document)))
        own = {part.source.strip() for part in found.parts if part.role == OWN}
        for part in found.parts:
            if part.role == HUMAN:
                assert part.source.split() == WORDS.split(), name
            if part.role == ANSWER:
                assert found.attempted(part.exercise), (name, part.id)
                assert part.source.strip() == right[part.id] or right[part.id] in own, name
        assert not found.unsure, name


@pytest.mark.parametrize("lesson", LESSONS)
def test_the_release_itself_is_as_given(lesson: str) -> None:
    content = notebook_path(lesson).read_bytes()
    release = [part for part, _ in parts_of(json.loads(content))]
    found = assemble(release, parse(content))
    assert found.as_given and not found.repairs and list(found.parts) == release
    assert not assemble(release, Notebook((Cell("code", "", "", "x = 1"),))).as_given


@pytest.mark.parametrize(
    ("source", "prose"),
    [
        ("Because it is.", True),
        ("# a comment\n# and another", True),
        ("'''A string.'''", True),
        ("%md\nx = 1", True),
        ("x = 1", False),
        ("def f(:\n    return", False),
        ("print('x')  # why", False),
    ],
)
def test_a_text_in_a_code_cell_is_told_from_code(source: str, prose: bool) -> None:
    assert is_prose(Cell("code", "", "", source)) == prose
    assert is_prose(Cell("raw", "", "", source))


def test_what_was_given_out_is_not_what_was_written() -> None:
    line = "*Write here.*"
    assert written(line, line) == written(f"\n {line}  \n", line) == written(" ", line) == ""
    assert written(f"{line}\n\nMine.", line) == written("Mine.", line) == "Mine."
    assert text_in(Cell("code", "", "", "%md Mine.")) == "Mine."
    assert text_in(Cell("markdown", "", "", "%md Mine.")) == "%md Mine."
    assert unfenced("```python\nx = 1\n```\n") == "x = 1"
    assert unfenced("Look: ```x```") == "Look: ```x```"


# -- one answer in several cells -------------------------------------------------------------------

RIGHT = "def softmax(scores):\n    return 'right'"
WRONG = "def softmax(scores):\n    return 'wrong'"
STUB = "def softmax(scores):\n    pass"
Cells = list[dict]


def place_of(cells: Cells, name: str) -> int:
    return next(n for n, cell in enumerate(cells) if cell["id"] == name)


def copied(cells: Cells, name: str, source: str | None = None) -> dict:
    """Copy a cell as JupyterLab does: a new id, and nbgrader's metadata as they were."""
    cell = cells[place_of(cells, name)]
    return cell | {"id": f"copy-{name}", "source": cell["source"] if source is None else source}


def fresh(source: str) -> dict:
    code = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    return code | {"id": "fresh", "source": source}


def assembled(change: Callable[[Cells], None], renewed: bool = False) -> Assembly:
    """Assemble the first lesson with ``softmax`` answered, after a change to its cells.

    ``renewed``: a tool has given every cell a new id.
    """
    document = json.loads(nbformat.writes(solved("single_query_attention", {"softmax"})))
    cells = document["cells"]
    cells[place_of(cells, "softmax")]["source"] = RIGHT
    change(cells)
    for number, cell in enumerate(cells if renewed else []):
        cell["id"] = f"new-{number}"
    content = notebook_path("single_query_attention").read_bytes()
    release = [part for part, _ in parts_of(json.loads(content))]
    return assemble(release, parse(json.dumps(document).encode()))


@pytest.mark.parametrize("renewed", [False, True], ids=["own ids", "renewed ids"])
def test_a_copy_that_was_overwritten_does_not_displace_the_answer(renewed: bool) -> None:
    def change(cells: Cells) -> None:
        cells.insert(1, copied(cells, "softmax", "import matplotlib"))

    found = assembled(change, renewed)
    assert found.answer("softmax").source == RIGHT
    assert not found.unsure and any("occurs more than once" in line for line in found.repairs)


def test_of_two_that_define_the_name_the_cell_that_was_given_out_counts() -> None:
    def change(cells: Cells) -> None:
        cells.insert(1, copied(cells, "softmax", WRONG))

    assert assembled(change).answer("softmax").source == RIGHT


@pytest.mark.parametrize("old_id", [0, 1], ids=["in the first piece", "in the last"])
def test_a_split_cell_keeps_all_of_its_pieces(old_id: int) -> None:
    """Whichever piece has the old id."""

    def change(cells: Cells) -> None:
        place = place_of(cells, "softmax")
        pieces = [copied(cells, "softmax", "import numpy as np"), copied(cells, "softmax", RIGHT)]
        pieces[old_id]["id"] = "softmax"
        cells[place : place + 1] = pieces

    found = assembled(change)
    own = [part.source for part in found.parts if part.role == OWN]
    assert found.answer("softmax").source == "import numpy as np" and RIGHT in own


@pytest.mark.parametrize("text", ["# see below", "'''See below.'''", "pass", "..."])
def test_a_cell_that_does_nothing_holds_no_answer(text: str) -> None:
    def change(cells: Cells) -> None:
        copy = copied(cells, "softmax")
        cells[place_of(cells, "softmax")]["source"] = text
        cells.insert(place_of(cells, "check_softmax") + 1, copy)

    assert "softmax" in assembled(change).unsure


@pytest.mark.parametrize("first", ["# see below", "pass", "", STUB, WRONG, "import math"])
@pytest.mark.parametrize("copy", [False, True], ids=["a fresh cell", "a copy"])
def test_an_answer_below_its_check_is_shown_to_a_person(first: str, copy: bool) -> None:
    def change(cells: Cells) -> None:
        late = [fresh(RIGHT)]
        if copy:
            late = [copied(cells, "softmax"), copied(cells, "check_softmax")]
        cells[place_of(cells, "softmax")]["source"] = first
        place = place_of(cells, "check_softmax") + 1
        cells[place:place] = late

    found = assembled(change)
    assert "softmax" in found.to_look_at({"softmax"})
    assert found.answer("softmax").source == first, "it came too late for marks"


def test_an_answer_that_another_cell_overwrites_is_shown_to_a_person() -> None:
    def change(cells: Cells) -> None:
        cells.insert(place_of(cells, "check_softmax"), fresh("softmax = 3"))

    assert "softmax" in assembled(change).to_look_at({"softmax"})


def test_nobody_has_to_look_at_what_earned_points_or_was_answered_once() -> None:
    def below(cells: Cells) -> None:
        cells.insert(place_of(cells, "check_softmax") + 1, fresh(WRONG))

    assert not assembled(below).to_look_at(())
    assert set(assembled(below).to_look_at({"softmax"})) == {"softmax"}
    assert not assembled(lambda cells: None).to_look_at({"softmax"})

    def instead(cells: Cells) -> None:
        cells[place_of(cells, "softmax")] = fresh(WRONG)

    assert not assembled(instead).to_look_at({"softmax"})
