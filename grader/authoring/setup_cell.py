"""The first code cell of each lesson, which lets it run where the course is not installed.

On Colab, on Kaggle or in any other Jupyter, the kernel may lack the course. Then the cell installs
the course's wheel if one is near the notebook, or says in one line what to do.
"""

from __future__ import annotations

import re
from string import Template

import nbformat
from nbformat import NotebookNode

from grader.coursefile import Course

ID = "setup"
# IPython shows a UsageError as one line, and "Run all" stops there. What the cell needs is imported
# only where the course is missing: elsewhere it leaves no name behind that an answer might read.
# JupyterLab shows the first line of folded code.
SOURCE = Template("""\
# Where the course is not installed (on Colab, for example), this installs it or says how to.
try:
    import grader
except ImportError:
    import importlib.util
    import re
    import subprocess
    import sys
    from pathlib import Path

    from IPython.core.error import UsageError

    here = Path.cwd()
    near = [here, *here.parents[:2], *here.parent.glob("input/**/")]  # input: Kaggle's data
    wheels = [path for folder in near for path in folder.glob("$wheel")]
    if wheels:
        newest = max(wheels, key=lambda path: [int(n) for n in re.findall("[0-9]+", path.name)])
        subprocess.run([sys.executable, "-m", "pip", "install", newest])
        importlib.invalidate_caches()
    if importlib.util.find_spec("grader") is None:
        raise UsageError(
            f"this lesson needs its course, which is not installed in {sys.executable}. Put the "
            "course's file $wheel beside this notebook and run this cell again. Or "
            "run `python -m grader.install --here` in the course's folder, with that Python, and "
            "restart the kernel."
        )""")


def wheel_pattern(course: Course) -> str:
    """Return the name of the wheel that pip makes of the student bundle, with * for the version."""
    return re.sub(r"[-_]+", "_", f"{course.id}-course").lower() + "-*.whl"


def setup_cell(course: Course) -> NotebookNode:
    """Make the cell, folded: a student who has installed the course has nothing to read in it."""
    source = SOURCE.substitute(wheel=wheel_pattern(course))
    return nbformat.v4.new_code_cell(source, id=ID, metadata={"jupyter": {"source_hidden": True}})
