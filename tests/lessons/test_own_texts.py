"""A text of the student's own in place of the lessons' English, and files that are no text."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from grader.course.layout import notebook_path

SENTENCE = "the quick brown fox jumps over the lazy dog and writes it all down in chapter"
LONG = "\n\n".join(f"{SENTENCE} {number}." for number in range(1000))


def functions(lesson: str, name: str) -> dict[str, Any]:
    """What the lesson's cell that defines this function defines."""
    for cell in nbformat.read(notebook_path(lesson), as_version=4).cells:
        if cell.cell_type == "code" and f"def {name}(" in cell.source:
            tree = ast.parse(cell.source)
            tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
            space: dict[str, Any] = {"os": os, "re": re, "Path": Path}
            exec(compile(tree, name, "exec"), space)
            return space
    raise LookupError(name)


def letters(path: str, patch: pytest.MonkeyPatch) -> str:
    """What lesson 7 reads where CORPUS names this path."""
    patch.setenv("CORPUS", path)
    return functions("mle_language_modeling", "english")["english"]()


def characters(path: str, _: pytest.MonkeyPatch) -> str:
    """What lesson 8 reads where its corpus is at this path."""
    return functions("transformer_language_model", "read")["read"](path)


READERS = pytest.mark.parametrize("read", [letters, characters])


@READERS
def test_a_text_of_ones_own_is_read(read, tmp_path, monkeypatch, capsys) -> None:
    path = tmp_path / "own.txt"
    path.write_text(LONG, encoding="utf-8")
    text = read(str(path), monkeypatch)
    assert text.count("quick brown fox") == 1000
    assert "place" not in capsys.readouterr().out


@READERS
@pytest.mark.parametrize(
    "content",
    [
        None,  # no file
        "a folder",
        b"\xff\xd8\xff\xe0" * 50_000,  # bytes of a picture
        LONG.replace("quick", "flüchtig").encode("latin-1"),
        bytes(100_000),
        b"",
        SENTENCE.encode(),
        "съешь ещё этих мягких французских булок ".encode() * 5,
    ],
)
def test_what_is_no_text_or_too_little_is_named_in_one_line_and_the_lesson_goes_on(
    content, read, tmp_path, monkeypatch, capsys
) -> None:
    path = tmp_path / "own.txt"
    if content == "a folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    usual = read("", monkeypatch)
    assert len(usual) > 100_000
    capsys.readouterr()
    assert read(str(path), monkeypatch) == usual
    [line] = [line for line in capsys.readouterr().out.splitlines() if str(path) in line]
    assert line.endswith("its place.")
