"""``mine``: a student's own answer from an earlier lesson, for use in a later one."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grader.source.cells import definitions, text_of
from grader.student.lessons import assignments, file_in

# Name → source text. The judge fills this in a worker, which sees no other notebooks.
SUPPLIED: dict[str, str] = {}
# Source text → its namespace: asked twice, `mine` returns the same object.
_LOADED: dict[str, dict[str, Any]] = {}


def mine(name: str) -> Any:
    """Load your own answer to an exercise of an earlier lesson.

    It is read from that lesson's notebook, which is next to this one. Save that notebook after you
    change it, and run the cell with ``mine`` again.

    Args:
        name: the exercise, such as `mine("AnEarlierLayer")`.

    Returns:
        The function or class as you wrote it there. If it is not written yet, or cannot be found,
        a stub in its place: calling it raises NotImplementedError and says why.
    """
    source, lesson = _source_of(name)
    if not source:
        return _missing(name, f"no notebook next to this one has an exercise {name}")
    namespace = _run(source, lesson)
    if name in namespace:
        return namespace[name]
    return _missing(name, f"{name} could not be read from {lesson}: does its cell run there?")


def _source_of(name: str) -> tuple[str, str]:
    """Return the definitions of the lesson that has the exercise, and a name for that lesson."""
    if name in SUPPLIED:
        return SUPPLIED[name], "your earlier lesson"
    for path in _neighbours(Path.cwd()):
        try:
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            ids = {cell["metadata"].get("nbgrader", {}).get("grade_id") for cell in cells}
            if name in ids:
                code = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
                return definitions(code), path.name
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            print(f"({path.name} cannot be read: {error})", file=sys.stderr)
    return "", ""


def _neighbours(folder: Path) -> Iterator[Path]:
    """Yield notebooks of other lessons: in this folder, or each in a sibling folder of its name."""
    # The lesson's own name comes first: a copy beside it may be old, as 04_trees-Copy1.ipynb.
    found = folder.glob("[0-9][0-9]_*.ipynb")
    yield from sorted(found, key=lambda path: (path.stem not in assignments(), path.name))
    siblings = map(file_in, sorted(folder.parent.glob("[0-9][0-9]_*/")))
    yield from (path for path in siblings if path is not None)


def _run(source: str, lesson: str) -> dict[str, Any]:
    """Run the definitions one by one; leave out each that fails, and say so on stderr."""
    if source not in _LOADED:
        # Student code: it runs in a process of the student's own or a worker, never in the judge.
        namespace: dict[str, Any] = {"__name__": Path(lesson).stem}
        for node in ast.parse(source).body:
            try:
                exec(compile(ast.Module([node], []), f"<{lesson}>", "exec"), namespace)
            except Exception as error:
                # A constant may be computed from data that only the other notebook has.
                if isinstance(node, ast.Assign):
                    continue
                line = text_of(node).partition("\n")[0][:60]
                reason = f"{type(error).__name__}: {error}"
                print(f"({lesson}: `{line}` was left out, {reason})", file=sys.stderr)
        _LOADED[source] = namespace
    return _LOADED[source]


def _missing(name: str, why: str) -> Any:
    """Make a stub like those that lessons hand out, so that `ready` and `check` recognize it."""
    stop = "" if why.endswith("?") else "."
    message = (
        f"{why}{stop} Write it in its own lesson, save that notebook, and run this cell again."
    )

    def stub(*_args: Any, **_kwargs: Any) -> Any:
        raise NotImplementedError(message)

    # A failed call says by the code's name which answer is missing: see calls._not_implemented.
    stub.__name__ = name
    stub.__code__ = stub.__code__.replace(co_name=name, co_qualname=name)
    return stub
