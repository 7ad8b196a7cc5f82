"""Make the solved notebooks: each lesson with its stubs replaced by the solutions.

They are for instructors: a question in writing has its sample answer, and its rubric below it.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from grader.authoring.rubrics import with_rubrics
from grader.course.exercises import exercises
from grader.course.layout import LESSONS, ROOT, notebook_path
from grader.course.sources import answer_source
from grader.coursefile import VARIABLE


def fill(notebook: NotebookNode, lesson: str, only: set[str] | None = None) -> NotebookNode:
    """Replace the stubs (those in ``only``, or all) by the solutions, in place."""
    ids = {exercise.id for exercise in exercises(lesson)}
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        if name in ids and (only is None or name in only):
            cell.source = answer_source(lesson, name)
    return notebook


def solved(lesson: str, only: set[str] | None = None) -> NotebookNode:
    """The lesson's notebook, solved."""
    return fill(nbformat.read(notebook_path(lesson), as_version=4), lesson, only)


def execute(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Run it from top to bottom in a fresh kernel, in place.

    Raises:
        CellExecutionError: a cell fails, also one that a student's run goes past.
    """
    before = {name: os.environ.get(name) for name in ("PYTHONPATH", VARIABLE)}
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), before["PYTHONPATH"]]))
    os.environ[VARIABLE] = str(ROOT)  # the kernel runs in another folder, and would find no course
    try:
        client = NotebookClient(
            notebook,
            timeout=600,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
            force_raise_errors=True,  # students' "Run all" goes past some cells that raise
            extra_arguments=["--IPKernelApp.log_level=40"],  # hide its warning about loopback TCP
            coalesce_streams=True,  # else outputs depend on when a stream was flushed
        )
        client.execute()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # the times of this run would differ in each
    notebook.metadata["language_info"] = {"name": "python", "version": _version()}
    return notebook


def _version() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def solve(lesson: str, folder: Path, run: bool) -> Path:
    """Write the solved notebook into ``folder``; with ``run``, executed, with its outputs."""
    notebook = solved(lesson)
    if run:
        with tempfile.TemporaryDirectory() as beside:  # solved lessons, where `mine` looks
            for other in LESSONS:
                nbformat.write(solved(other), Path(beside, notebook_path(other).name))
            execute(notebook, Path(beside))
    with_rubrics(notebook, lesson)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / notebook_path(lesson).name
    nbformat.write(notebook, path)
    return path
