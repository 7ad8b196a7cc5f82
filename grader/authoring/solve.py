"""Make the solved notebooks: each lesson with its stubs replaced by the solutions.

They are for instructors: a question in writing has its sample answer, and its rubric below it.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from grader.authoring.rubrics import with_rubrics
from grader.course.exercises import exercises
from grader.course.layout import LESSONS, ROOT, notebook_path
from grader.course.sources import answer_source
from grader.coursefile import VARIABLE
from grader.errors import Failed


def solved(lesson: str, only: set[str] | None = None) -> NotebookNode:
    """Put the solutions for its stubs (those in ``only``, or all) into the lesson's notebook."""
    ids = [one.id for one in exercises(lesson) if only is None or one.id in only]
    notebook = nbformat.read(notebook_path(lesson), as_version=4)
    return replace_answers(notebook, {name: answer_source(lesson, name) for name in ids})


def replace_answers(notebook: NotebookNode, texts: dict[str, str]) -> NotebookNode:
    """Replace the texts of answer cells, given by exercise, in place."""
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        if name in texts:
            cell.source = texts[name]
    return notebook


def run_all(
    notebook: NotebookNode, folder: Path, environment: dict[str, str], **options: Any
) -> None:
    """Run a notebook from top to bottom in a fresh kernel that works in this folder, in place."""
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--IPKernelApp.log_level=40"],  # hide its warning about loopback TCP
        **options,
    )
    client.execute(env=environment)


def execute(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Run a notebook from top to bottom in a fresh kernel, in place.

    Raises:
        CellExecutionError: a cell fails, even one that a student's "Run all" goes past.
    """
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    run_all(
        notebook,
        folder,
        # The kernel runs in another folder, and would find no course.
        os.environ | {"PYTHONPATH": path, VARIABLE: str(ROOT)},
        timeout=600,
        force_raise_errors=True,  # students' "Run all" goes past some cells that raise
        coalesce_streams=True,  # else outputs depend on when a stream was flushed
    )
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # the times of this run would differ in each
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    notebook.metadata["language_info"] = {"name": "python", "version": version}
    return notebook


def errors(notebook: NotebookNode) -> list[str]:
    """Say of each error among the outputs which cell raises it."""
    return [
        f"cell {number} raises {output.ename}: {output.evalue.strip().partition(chr(10))[0][:120]}"
        for number, cell in enumerate(notebook.cells, 1)
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    ]


def solve(lesson: str, folder: Path, run: bool) -> Path:
    """Write the solved notebook into ``folder``; with ``run``, executed, with its outputs.

    Raises:
        Failed: a cell raises; the message says which.
    """
    notebook = solved(lesson)
    if run:
        with tempfile.TemporaryDirectory() as beside:  # solved lessons, where `mine` looks
            for other in LESSONS:
                nbformat.write(solved(other), Path(beside, notebook_path(other).name))
            try:
                execute(notebook, Path(beside))
            except CellExecutionError as error:
                said = f"{notebook_path(lesson).stem}, solved: {errors(notebook)[0]}"
                raise Failed(said) from error
    with_rubrics(notebook, lesson)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / notebook_path(lesson).name
    nbformat.write(notebook, path)
    return path
