"""The student bundle: lessons, the students' part of the package, frozen answers; no solution."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import tomllib
from collections.abc import Collection, Sequence
from pathlib import Path

from grader import bundles
from grader.authoring import readiness
from grader.authoring.freeze import freeze, released
from grader.course.exercises import exercises
from grader.course.layout import COURSE, LESSONS, NOTEBOOKS, ROOT, make_room, notebook_path
from grader.coursefile import ENGINE, INSTALLED, NAME
from grader.errors import Failed
from grader.student import frozen

MARK = ".grader-release"
COMMAND = "python -m grader release"
PROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "{name}-course"
dynamic = ["version"]
requires-python = ">=3.11"
dependencies = [
{dependencies}
]

# The course travels in the package: `pip install .` works from any folder, too, without this one.
[tool.setuptools]
packages = {packages}
package-dir = {{ "{course}" = "." }}
include-package-data = false

[tool.setuptools.dynamic]
version = {{ attr = "grader.__version__" }}

[tool.setuptools.package-data]
"grader.student" = ["answers/*/*{suffix}"]
"{course}" = {files}
"""
ENVIRONMENT = """\
# The packages come from conda-forge, the course itself from this folder. It could not be tested
# whether conda-forge has all of them: if conda cannot find one, remove its line, and pip then
# installs that package.
name: {name}
channels:
  - conda-forge
dependencies:
  - python=3.11
{dependencies}
  - pip
  - pip:
      - -e .
"""
README = """\
# {title}

You need Python 3.11 (on 3.12 and 3.13 only lesson 1 was tried). In this folder:

| | Linux, macOS | Windows, in PowerShell |
| --- | --- | --- |
| once | `python3 -m grader.install` | `py -3.11 -m grader.install` |
| each time | `.venv/bin/python -m grader lab` | `.venv\\Scripts\\python -m grader lab` |

The first command installs what the course needs into `.venv` in this folder, in the versions that
it was tried with; on Linux it takes PyTorch's CPU build where PyTorch's own index can be reached
(`--gpu` takes the default build). Windows, PowerShell and macOS were never tried; if something
fails there, send the message to the person who gave you this folder. The second command opens
JupyterLab on your own copy of the lessons, in the folder `lab`. Its page `start.ipynb` lists the
lessons and shows how far you are. Fill in an exercise's cell, run it, and run the check below it;
under a check that has not passed there are hints to unfold. What you have written is never
overwritten.

**Hand in** the zip that `pack()` writes, at the end of each lesson or on the start page, or that
`python -m grader pack` writes in a terminal. Packing judges what is saved and warns of what you
may have overlooked. {hand_in}

**Model answers** may be given out later, in a file such as `01_….model_answers.json` for lesson 1.
Put it into the folder `lab`: a check that passes then says how to see the answer to compare with.

To install into your own environment: `python -m grader.install --here`, which keeps the versions
there that the course works with. With conda: `conda env create -f environment.yml`,
then `conda activate {name}` and `python -m grader lab` in this folder.

In VS Code or Jupyter Notebook: `python -m grader lab --copy-only` with the Python of `.venv`, then
open `lab/start.ipynb` there, with this environment as its kernel.
"""


class UnfinishedError(Failed):
    """A course that may not go out yet; the message has a line for each thing to do."""

    def __init__(self, faults: Sequence[str]) -> None:
        things = "1 thing is" if len(faults) == 1 else f"{len(faults)} things are"
        said = f"{things} unfinished, so nothing was written; --draft writes the bundle anyway:"
        super().__init__("\n".join([said, *faults]))


def release(output: Path, without: Collection[str] = (), draft: bool = False) -> list[str]:
    """Write the bundle into ``output``, replacing an earlier bundle.

    Args:
        output: the folder to write.
        without: lessons that are left out; the others keep their numbers.
        draft: write it even if something is unfinished, for the author to look at.

    Returns:
        A line for each thing that is unfinished, which only a draft may have.

    Raises:
        UnfinishedError: something is unfinished; nothing was written.
        FolderTakenError: ``output`` holds something else; nothing was written.
    """
    if output.exists() and any(output.iterdir()) and not (output / MARK).exists():
        make_room(output, MARK, COMMAND)  # this raises now rather than after minutes of work
    lessons = [lesson for lesson in LESSONS if lesson not in without]
    with tempfile.TemporaryDirectory() as name:
        bundle = Path(name).resolve() / "release"
        bundle.mkdir()
        _write(bundle, lessons)
        faults = [fault for one in without for fault in readiness.needed_by(one, lessons)]
        faults += [fault for lesson in lessons for fault in readiness.faults(lesson)]
        faults += readiness.raised(bundle, lessons)
        if faults and not draft:
            raise UnfinishedError(faults)
        make_room(output, MARK, COMMAND)
        left_behind = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
        shutil.copytree(bundle, output, ignore=left_behind, dirs_exist_ok=True)
    return faults


def _write(output: Path, lessons: Sequence[str]) -> None:
    """Write a bundle of these lessons into an empty folder."""
    bundles.copy(bundles.STUDENT, COURSE, output)
    for lesson in set(LESSONS) - set(lessons):
        shutil.rmtree(output / COURSE.solutions / lesson, ignore_errors=True)
    freeze()
    answers = output / "grader" / "student" / frozen.FOLDER.name / COURSE.id
    answers.mkdir(parents=True)
    for lesson in lessons:
        for name in (exercise.id for exercise in exercises(lesson)):
            path = answers / f"{name}{frozen.SUFFIX}"
            path.write_bytes(released(lesson, name, lessons))
        path = notebook_path(lesson)
        target = output / COURSE.notebooks / path.relative_to(NOTEBOOKS)
        target.parent.mkdir(parents=True)
        shutil.copyfile(path, target)
    licence = ROOT / "LICENSE"
    if licence.exists():
        shutil.copyfile(licence, output / "LICENSE")
    readme = README.format(title=COURSE.title, name=COURSE.id, hand_in=COURSE.hand_in)
    (output / "README.md").write_text(readme, encoding="utf-8")
    course = f"{ENGINE.name}.{INSTALLED.name}"
    files = [NAME, f"{COURSE.notebooks}/*/*.ipynb", f"{COURSE.solutions}/*/{bundles.PUBLIC}/*"]
    text = PROJECT.format(
        name=COURSE.id,
        dependencies="\n".join(f'    "{line}",' for line in dependencies()),
        packages=json.dumps([*_packages(output), course]),
        course=course,
        files=json.dumps(files),
        suffix=frozen.SUFFIX,
    )
    (output / "pyproject.toml").write_text(text)
    (output / "constraints.txt").write_text("\n".join(pins()) + "\n")
    # By the names of conda-forge, which has a CPU build of PyTorch.
    names = (re.sub(r"^torch\b", "pytorch-cpu", line) for line in dependencies())
    lines = "\n".join(f"  - {line}" for line in names)
    (output / "environment.yml").write_text(ENVIRONMENT.format(name=COURSE.id, dependencies=lines))


def _packages(output: Path) -> list[str]:
    """Return the engine's packages: each folder of it that holds modules, by its dotted name."""
    modules = (output / ENGINE.name).rglob("*.py")
    folders = {path.parent.relative_to(output) for path in modules}
    return sorted(".".join(folder.parts) for folder in folders)


def dependencies() -> list[str]:
    """Return the distributions that a student needs, as ranges, from pyproject.toml."""
    project = tomllib.loads((ENGINE.parent / "pyproject.toml").read_text(encoding="utf-8"))
    return list(project["project"]["dependencies"])


def pins() -> list[str]:
    """Return the exact versions of these dependencies, from constraints.txt."""
    names = [re.split(r"[^\w.-]", line)[0] for line in dependencies()]
    lines = (ENGINE.parent / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.partition("==")[0] in names]
