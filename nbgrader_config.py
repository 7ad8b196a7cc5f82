"""Makes plain ``nbgrader`` and Formgrader use this course and its grader."""

from pathlib import Path

from grader.judge.nbgrader_plugin import configure

configure(get_config(), Path.cwd())  # type: ignore[name-defined]  # noqa: F821
