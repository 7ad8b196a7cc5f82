"""Whatever is handed in is either read or refused with a reason; nothing else happens."""

from __future__ import annotations

import json
import os
import unicodedata
from pathlib import Path

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.authoring.solve import solved
from grader.course.assignments import assignment
from grader.course.layout import notebook_path
from grader.judge import intake
from grader.source.assembly import assemble
from grader.source.slicing import bound_names, needed, read_names
from tests.conftest import Grade

RELEASE = list(assignment("03_masking").parts)
TEXT = notebook_path("masking").read_bytes()


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b"   \n", "empty"),
        (b"hello", "not JSON"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"[1, 2]", "another kind"),
        (b"{}", "no nbformat"),
        (b'{"nbformat": 4}', "nbformat 4"),
        (b'{"nbformat": 3, "cells": []}', "nbformat 3"),
        (b'{"nbformat": 2, "worksheets": []}', "nbformat 2"),
        (b"[" * 100_000 + b"]" * 100_000, "not a notebook"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "not a notebook"),
        (
            json.dumps({"nbformat": 4, "cells": [{"cell_type": "raw"}] * 5000}).encode(),
            "more than",
        ),
    ],
)
def test_what_is_no_notebook_is_refused_with_the_reason(content: bytes, word: str) -> None:
    with pytest.raises(intake.Rejected, match=word):
        intake.parse(content)


def test_nbformat_3_is_read() -> None:
    document = json.loads(nbformat.writes(solved("masking")))
    for cell in document["cells"]:
        if cell["cell_type"] == "code":
            cell["input"] = cell.pop("source")
    old = {"nbformat": 3, "metadata": {}, "worksheets": [{"cells": document["cells"]}]}
    cells = intake.parse(json.dumps(old).encode()).cells
    assert any(cell.grade_id == "causal_mask" and "def" in cell.source for cell in cells)


@pytest.mark.parametrize("major", [4, 5, 6, 4.5, "4", None])
def test_the_place_of_the_cells_decides_and_not_the_version(major: object) -> None:
    cells = [{"cell_type": "code", "source": "x = 1", "metadata": {}}]
    content = json.dumps({"nbformat": major, "cells": cells}).encode()
    assert [cell.source for cell in intake.parse(content).cells] == ["x = 1"]


def test_a_notebook_of_many_megabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s" / "03_masking" / "03_masking.ipynb"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.truncate(100_000_000)
    with pytest.raises(intake.Rejected, match="100 MB.*clear the outputs"):
        intake.read(path)


@pytest.mark.parametrize("kind", ["link", "folder link", "fifo", "folder", "missing", "device"])
def test_only_plain_files_are_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "s" / "03_masking" / "03_masking.ipynb"
    path.parent.mkdir(parents=True)
    if kind == "link":
        path.symlink_to("/etc/passwd")
    elif kind == "folder link":
        real = tmp_path / "elsewhere"
        path.parent.rename(real)
        (real / path.name).write_bytes(TEXT)
        path.parent.symlink_to(real)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    with pytest.raises(intake.Rejected):
        intake.read(path)


@pytest.mark.parametrize(
    "name",
    ["..", ".hidden", "a/b", "a\nb", "a\x00b", "x" * 200, "", "=1+1", "-r", "'a", "a\u202eb", "a~b",
     "a\u200bb", "\u0301a", "a ", "\udcff", "a\ufffd", "\U00020000" * 70],
)  # fmt: skip
def test_strange_folder_names_are_refused(name: str) -> None:
    with pytest.raises(intake.Rejected):
        intake.student_id(name)


@pytest.mark.parametrize(
    "name",
    ["ada", "Åsa Öberg", "o.neil@uni.edu", "李雷", "s-123_4+5", "O'Brien, Seán", "D\u2019Arcy",
     "José", "Nguyễn Văn Nghị", "प्रिया शर्मा", "สมชาย ใจดี", "மணி", "محمد", "Đặng", "Ἀθηνᾶ", "ქეთი"],
)  # fmt: skip
def test_peoples_names_are_accepted_however_their_accents_are_encoded(name: str) -> None:
    composed = unicodedata.normalize("NFC", name)
    for form in ("NFC", "NFD"):
        assert intake.student_id(unicodedata.normalize(form, name)) == composed


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda t: st.lists(t, max_size=4) | st.dictionaries(st.text(max_size=12), t, max_size=4),
    max_leaves=10,
)
KEYS = ["cell_type", "source", "id", "metadata", "outputs", "nbgrader", "grade_id"]


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_damaged_notebooks_are_read_or_refused(data: st.DataObject) -> None:
    """Any value anywhere in a cell or at the top: an assembly of the release, or a reason."""
    document = json.loads(TEXT)
    for _ in range(data.draw(st.integers(1, 5))):
        cell = data.draw(st.sampled_from(document["cells"]))
        place = data.draw(st.sampled_from([cell, cell.get("metadata", {}), document]))
        if isinstance(place, dict) and place is not document:
            place[data.draw(st.sampled_from(KEYS))] = data.draw(JSON)
    document["cells"] = data.draw(st.permutations(document["cells"]))[
        : data.draw(st.integers(0, 90))
    ]
    document["cells"] += data.draw(st.lists(JSON, max_size=3))
    check_assembly(json.dumps(document).encode())


@given(st.lists(st.tuples(st.integers(0, len(TEXT) - 1), st.integers(0, 255)), max_size=8))
@settings(max_examples=300, deadline=None)
def test_damaged_bytes_are_read_or_refused(damage: list[tuple[int, int]]) -> None:
    content = bytearray(TEXT)
    for place, byte in damage:
        content[place] = byte
    check_assembly(bytes(content))


def check_assembly(content: bytes) -> None:
    try:
        notebook = intake.parse(content)
    except intake.Rejected as refused:
        assert str(refused)
        return
    assembly = assemble(RELEASE, notebook)
    kept = [p.id for p in assembly.parts if not p.id.startswith("own-")]
    assert kept == [p.id for p in RELEASE]
    locked = {p.id: p.source for p in RELEASE if p.role in ("given", "check", "text")}
    assert all(p.source == locked[p.id] for p in assembly.parts if p.id in locked)


def test_a_given_cell_runs_only_if_something_needs_it() -> None:
    given_cells = [
        ("imports", "import numpy as np\nfrom math import pi"),
        ("data", "rows = np.zeros(3)"),
        ("more", "total = rows.sum()"),
        ("figure", "heatmap(rows)"),
        ("changed", "settings = {}\nsettings['a'] = 1"),
    ]
    assert needed(given_cells, ["def f(x): return np.exp(x)"]) == {"imports"}
    assert needed(given_cells, ["print(total)"]) == {"more", "data", "imports"}
    assert needed(given_cells, ["def f(rows):\n    total = rows\n    return total"]) == set()
    assert needed(given_cells, ["settings['b'] = 2"]) == {"changed"}
    everything = {name for name, _ in given_cells}
    assert needed(given_cells, ["globals()['rows']"]) == everything
    assert needed(given_cells, ["%%bash\necho 'no python here"]) == everything
    assert needed(given_cells, ["def broken(:"]) == set()


def test_names_are_read_as_python_scopes_them() -> None:
    assert bound_names("def f(a):\n    b = 1\nx, (y, *z) = 1, (2, 3)\nimport a.b as c, d.e") >= {
        "f",
        "x",
        "y",
        "z",
        "c",
        "d",
    }
    assert "b" not in bound_names("def f(a):\n    b = 1")
    assert read_names("def f(a):\n    return a + g(b)") == {"g", "b"}
    assert read_names("%matplotlib inline\n!ls $folder\nx") >= {"x", "folder"}


def test_outputs_of_given_cells_may_be_skipped_but_no_mark_changes(judge, grade: Grade) -> None:
    """Running every cell or only what is needed: the same verdicts."""
    from dataclasses import replace

    from grader.judge.run import Submission

    release = assignment("03_masking")
    submission = Submission("x", release.id, nbformat.writes(solved("masking")).encode())
    few = judge.grade(submission, release).as_json()
    every = replace(judge, all_cells=True).grade(submission, release).as_json()
    few.pop("seconds"), every.pop("seconds")
    assert few == every
