"""What a notebook holds ends up where it belongs in the release, whatever tools did to the file."""

from __future__ import annotations

import json

import pytest

from grader.course.layout import LESSONS, notebook_path
from grader.source.assembly import ANSWER, HUMAN, OWN, assemble, parts_of
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
