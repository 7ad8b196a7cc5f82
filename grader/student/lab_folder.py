"""A student's folder of lessons: copies of the released ones, the start page, settings."""

from __future__ import annotations

import json
from pathlib import Path

from grader import files
from grader.student import records
from grader.student.python_version import with_this_version

CONFIG = ".jupyter"
# JupyterLab asks whether to fetch news, in a box that would cover the start page.
PAGE = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
# With a column of dates, the file browser cuts off most lessons' names.
DEFAULTS = {"@jupyterlab/filebrowser-extension:browser": {"showLastModifiedColumn": False}}
SETTINGS = {"page_config.json": PAGE, "default_setting_overrides.json": DEFAULTS}


class CannotWrite(Exception):
    """The folder cannot be prepared; the message says what to do, too, ``why`` only the reason."""

    def __init__(self, what: object, error: OSError) -> None:
        self.why = error.strerror or str(error)
        super().__init__(f"{what} cannot be written ({self.why}): give another place with --folder")


def copy_lessons(source: Path, folder: Path) -> list[Path]:
    """Copy each lesson that ``folder`` does not hold yet; return the copies."""
    copied = []
    for notebook in sorted(source.glob("*/*.ipynb")):
        target = folder / notebook.parent.name / notebook.name
        if target.exists():
            continue
        try:
            files.write(target, with_this_version(notebook.read_bytes()))
        except OSError as error:
            raise CannotWrite(target, error) from error
        copied.append(target)
    return copied


def start_page(folder: Path) -> Path:
    """Write the page that JupyterLab opens on, unless the student has changed it.

    The folder of records and the lab's own settings are made, too, where they are missing.
    """
    from grader.student import start
    from grader.student.progress import course

    try:
        records.make(folder)
        for name, settings in SETTINGS.items():
            path = folder / CONFIG / "labconfig" / name
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(settings) + "\n", encoding="utf-8")
        return start.write(folder, course(folder, folder))
    except OSError as error:
        raise CannotWrite(error.filename, error) from error
