"""What tests share: one forkserver, answers frozen once, notebooks made from the course."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell

from grader.authoring.freeze import freeze
from grader.authoring.sample import replace_answers
from grader.authoring.solve import solved
from grader.course.assignments import Assignment, assignment
from grader.course.layout import LESSONS, ROOT, assignment_id, notebook_path
from grader.judge.outcome import Outcome
from grader.judge.run import Judge, Submission
from grader.sandbox.host.forkserver_client import Forkserver
from grader.sandbox.host.limits import Limits
from grader.sandbox.host.select import start_sandbox

torch.set_num_threads(1)
# Where tests run side by side the main module has no spec, and multiprocessing asks for it.
vars(sys.modules["__main__"]).setdefault("__spec__", None)
TESTS = Path(__file__).parent
SALT = b"the tests' salt"
QUICK = Limits(cell_cpu=3, checks_cpu=5, notebook_cpu=30, idle=8)


# Folders whose tests read no frozen answers; "" is this one. To freeze them after a change of the
# engine takes minutes, and what runs in seconds does not wait for that.
UNFROZEN = {"", "lessons", "lms", "pages", "protocol", "report", "rules", "sandbox", "source"}

# Files that take a minute or more of processor time: the first to start, so that at a run's end no
# process is left alone with one of them.
LONG = (
    "authoring/test_prove.py",
    "authoring/test_notebooks.py",
    "attacks/test_attacks.py",
    "student/test_check.py",
    "browser/test_site.py",
    "records/test_late.py",
    "judge/test_marks.py",
    "judge/test_campaigns.py",
    "authoring/test_scaffold.py",
    "authoring/test_new_lesson.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long files, and leave the others in their order."""
    places = {TESTS / name: place for place, name in enumerate(LONG)}
    assert all(path.is_file() for path in places), "a file in LONG has moved"
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.hookimpl(optionalhook=True)  # pytest-xdist's
def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores: many tests wait for a clock, a page or a kernel."""
    return (os.cpu_count() or 1) + 1


def folder_of(path: Path) -> str:
    """The folder of a test's file in tests/."""
    return "/".join(path.relative_to(TESTS).parts[:-1])


@pytest.fixture(scope="session", autouse=True)
def frozen_answers(request: pytest.FixtureRequest) -> None:
    """The public answers, as the code under test gives them, if a test of this run reads them."""
    if any(folder_of(item.path) not in UNFROZEN for item in request.session.items):
        freeze()


@pytest.fixture(scope="session")
def forkserver() -> Iterator[Forkserver]:
    with start_sandbox([ROOT, Path.home()], 1) as process:
        yield process


@pytest.fixture(scope="session")
def judge(forkserver: Forkserver) -> Judge:
    return Judge(forkserver, SALT, QUICK)


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    """A notebook's shell in this process. It takes the main module's place while it lives."""
    main = sys.modules["__main__"]
    shell = InteractiveShell.instance()
    shell.reset()
    yield shell
    InteractiveShell.clear_instance()
    sys.modules["__main__"] = main


Grade = Callable[..., Outcome]


@pytest.fixture(scope="session")
def grade(judge: Judge) -> Grade:
    """Grade notebook text as a student's submission for a lesson."""

    def run(
        lesson: str, content: str | bytes, student: str = "someone", *, earlier: bool = False
    ) -> Outcome:
        """``earlier``: the student has solved all lessons before this one."""
        data = content.encode() if isinstance(content, str) else content
        release: Assignment = assignment(assignment_id(lesson))
        before = LESSONS[: LESSONS.index(lesson)] if earlier else ()
        priors = tuple((assignment_id(name), _solved(name)) for name in before)
        return judge.grade(Submission(student, release.id, data, priors), release)

    return run


@functools.cache
def _solved(lesson: str) -> bytes:
    return nbformat.writes(solved(lesson)).encode()


def with_answers(lesson: str, texts: dict[str, str], solve: bool = False) -> str:
    """A lesson's notebook with these answers; the others solved or left as stubs."""
    notebook = solved(lesson) if solve else nbformat.read(notebook_path(lesson), as_version=4)
    return nbformat.writes(replace_answers(notebook, texts))
