"""Make ``nbgrader autograde`` and Formgrader's button grade by this grader, with the same marks.

nbgrader runs a kernel in a preprocessor of its converter and reads scores from the outputs. This
plug-in replaces the converter's exporter instead: so even an unreadable notebook gets an outcome,
and no score is read from an output, which the submission controls.
"""

from __future__ import annotations

import atexit
import datetime
import importlib.resources
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbconvert.preprocessors import Preprocessor
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from grader.authoring.rubrics import is_question, rubric_cell, rubrics
from grader.course.assignments import assignment, assignment_ids, modules_of
from grader.course.layout import COURSE, NOTEBOOKS, ROOT, lesson_of
from grader.coursefile import ENGINE
from grader.judge.fingerprint import facts
from grader.judge.salt import salt
from grader.judge.sanitize import safe_markdown
from grader.pages.coloring import ansi2html, highlight_code
from grader.pages.mathjax import local_mathjax
from grader.records import late
from grader.records.course_lock import course_lock
from grader.records.executor import Graded, Terms, judge_on
from grader.records.executor.apart import JudgeApart
from grader.records.gradebook import ensure_assignment, record
from grader.records.ledger import Ledger, entry, penalty_entry
from grader.records.nbgrader_tables import open_gradebook
from grader.records.submissions import EXCHANGE, Found, read_timestamp, read_work
from grader.sandbox.host.forkserver_client import Forkserver
from grader.sandbox.host.select import start_sandbox
from grader.threads import one_thread

MODULE = "grader.records.nbgrader_plugin"


def configure(c: Config, root: Path) -> None:
    """Make plain ``nbgrader`` and Formgrader use this course and this engine."""
    c.CourseDirectory.course_id = COURSE.id
    c.CourseDirectory.root = str(root)
    c.CourseDirectory.source_directory = str(NOTEBOOKS)
    c.CourseDirectory.release_directory = str(Path("release", COURSE.notebooks))  # `make release`
    c.ClearSolutions.enforce_metadata = False
    c.GenerateAssignment.pre_convert_hook = f"{MODULE}.refuse_others"
    c.GenerateAssignment.preprocessors = [
        "nbgrader.preprocessors.LockCells",
        "nbgrader.preprocessors.ClearOutput",
        "nbgrader.preprocessors.CheckCellMetadata",
        "nbgrader.preprocessors.ComputeChecksums",
        "nbgrader.preprocessors.SaveCells",
    ]
    c.Autograde.exporter_class = f"{MODULE}.JudgeExporter"
    c.Autograde.sanitize_preprocessors = []
    c.Autograde.autograde_preprocessors = [
        "nbgrader.preprocessors.AssignLatePenalties",
        "nbgrader.preprocessors.CheckCellMetadata",
    ]
    # nbgrader does not pass the course's folder to the hook, and a server may run elsewhere.
    c.Autograde.pre_convert_hook = partial(enter_assignments, root)
    # nbgrader's pages would let raw HTML through, load MathJax from another server, and take
    # minutes for some texts. Templates in the first folder replace nbgrader's.
    c.HTMLExporter.filters = {
        "markdown2html": safe_markdown,
        "highlight_code": highlight_code,
        "ansi2html": ansi2html,
        "local_mathjax": local_mathjax,
    }
    c.HTMLExporter.extra_template_basedirs = [
        str(importlib.resources.files("grader.pages") / "templates" / "nbgrader"),
        str(importlib.resources.files("nbgrader.server_extensions.formgrader") / "templates"),
    ]
    c.HTMLExporter.preprocessors = [f"{MODULE}.ShowRubrics"]


class ShowRubrics(Preprocessor):
    """Show the rubric under each written answer, in Formgrader and nowhere else.

    nbgrader makes feedback for students with the same exporter, and a rubric must not get there. So
    only Formgrader's page is changed, recognized by the id with which it saves points.
    """

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Return (notebook, resources); called by nbconvert."""
        if "submission_id" not in resources or "nbgrader" in resources:
            return nb, resources
        if resources["assignment_id"] not in assignment_ids():
            return nb, resources  # an assignment that is not this course's
        known = rubrics(lesson_of(resources["assignment_id"]))
        cells = []
        for cell in nb.cells:
            cells.append(cell)
            if is_question(cell) and (rubric := known.get(cell.metadata.nbgrader.grade_id)):
                cells.append(rubric_cell(rubric, sample=True))
        nb.cells = cells
        return nb, resources


class JudgeExporter(NotebookExporter):
    """Grade the submitted bytes instead of executing the notebook, and return the result."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        converter: Any = self.parent
        own = converter.coursedir if converter is not None else None
        if own is not None and not isinstance(own, TolerantCourseDirectory):
            values = {name: getattr(own, name) for name in own.trait_names(config=True)}
            converter.coursedir = TolerantCourseDirectory(parent=own.parent, **values)

    def from_filename(self, filename: str, resources: dict | None = None, **_: Any) -> Any:
        """Return (notebook text, resources); called by nbgrader."""
        ids = (resources or {})["nbgrader"]
        release = assignment(ids["assignment"])
        coursedir: Any = self.parent.coursedir  # type: ignore[union-attr]
        target = Path(
            coursedir.format_path(coursedir.autograded_directory, ids["student"], release.id)
        )
        if Path(filename).resolve().parent != target.resolve():
            # nbgrader converts twice: first to sanitize, then to grade. The first result is not
            # used, so convert the release instead of the submission.
            return self._converted(release.path.read_text(encoding="utf-8"), resources)
        _keep_notebook_only(target)  # first, so that a failure below leaves nothing else either
        root = Path(coursedir.root)
        with course_lock(root, self.log.warning):
            graded = self._graded(ids["student"], release, root)
            secret = salt(root)
            ledger = Ledger(root, secret)
            # The ledger before the gradebook, so that a kill leaves no mark without a line.
            ledger.append(entry(graded.outcome, facts(release.id, secret)))
            with open_gradebook(Path(ids["db_url"].removeprefix("sqlite:///"))) as book:
                record(book, graded.outcome)
                # nbgrader's own step gives the same penalty, but no line in the ledger.
                late.settle(
                    root,
                    book,
                    (ids["student"], release.id),
                    lambda facts: ledger.append(penalty_entry(facts)),
                )
        return self._converted(graded.notebook.decode(), resources)

    def _converted(self, text: str, resources: dict | None) -> Any:
        """Pass a notebook through nbgrader's own preprocessors: (notebook text, resources)."""
        return super().from_notebook_node(nbformat.reads(text, as_version=4), resources)

    def _graded(self, student: str, release: Any, root: Path) -> Graded:
        coursedir: Any = self.parent.coursedir  # type: ignore[union-attr]
        folder = coursedir.format_path(coursedir.submitted_directory, student, release.id)
        path = Path(folder) / f"{release.id}.ipynb"
        judge = _judge(root, path.parents[2], tuple(modules_of([release.id])))
        graded = judge.grade(read_work(Found(student, release.id, path)))
        assert isinstance(graded, Graded)  # a str is only for assignments not in the gradebook
        return graded


class TolerantCourseDirectory(CourseDirectory):
    """nbgrader's course directory, except that a damaged timestamp.txt does not end the run."""

    def get_existing_timestamp(self, dest_path: str) -> datetime.datetime | None:
        """Return when the submission in this folder was handed in, read as ``grade`` reads it."""
        return read_timestamp(Path(dest_path))[0]


_Key = tuple[Path, Path, tuple[str, ...]]
_FORKSERVERS: dict[_Key, Forkserver] = {}
_JUDGES: dict[_Key, JudgeApart] = {}


def _judge(root: Path, submitted: Path, modules: tuple[str, ...]) -> JudgeApart:
    """Return a judge for lessons that import ``modules``, kept for the life of this process."""
    key = (root, submitted, modules)
    if key not in _JUDGES:
        terms = Terms(salt(root))
        _JUDGES[key] = JudgeApart(judge_on(terms, _forkserver(*key)), terms.judge)
    return _JUDGES[key]


def _forkserver(root: Path, submitted: Path, modules: tuple[str, ...]) -> Forkserver:
    """Return a forkserver for lessons that import ``modules``, kept for the life of this process.

    nbgrader grades one submission at a time; a forkserver for each would import PyTorch each time.
    """
    key = (root, submitted, modules)
    if key not in _FORKSERVERS:
        one_thread()
        _FORKSERVERS[key] = start_sandbox(
            [ENGINE.parent, ROOT, root, submitted, Path.home()], 1, modules=modules
        )
    return _FORKSERVERS[key]


@atexit.register
def _close_all() -> None:
    for judge in _JUDGES.values():
        judge.close()
    for forkserver in _FORKSERVERS.values():
        forkserver.close()


def refuse_others(**about: Any) -> None:
    """End nbgrader's command, with a message, for an assignment that is not the course's.

    Its code would run without a sandbox, beside the salt and all marks, and its release would
    contain the solutions: ClearSolutions is off, since this course's notebooks have none to clear.
    """
    if about["assignment"] not in assignment_ids():
        # SystemExit, because nbgrader would log an Exception and continue.
        raise SystemExit(
            f"{about['assignment']} is not an assignment of {COURSE.id}, and is left alone: "
            "nbgrader would run it beside the salt and the marks. Keep it in a course folder of "
            "its own (docs/instructors/other-homework.md)"
        )


def enter_assignments(root: Path, **about: Any) -> None:
    """Enter the course's assignments into the gradebook before nbgrader looks for them there."""
    refuse_others(**about)
    with open_gradebook(root / "gradebook.db") as book:
        for name in assignment_ids():
            ensure_assignment(book, assignment(name))


def _keep_notebook_only(graded: Path) -> None:
    """Remove a submission's other files, which nbgrader has copied, even through links.

    A link could bring a file of the instructor's into the folder that students get back.
    """
    for path in graded.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name not in (f"{graded.name}.ipynb", *EXCHANGE):
            path.unlink()
