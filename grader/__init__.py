"""The functions that a lesson's notebook imports: checks, hints and figures.

``check("exercise_id")`` tries an answer, ``hint("exercise_id")`` prints the next hint,
``case("exercise_id")`` gives the arguments of the case that it fails, ``reset("exercise_id")``
restores the answer's cell as it was handed out, ``model_answer("exercise_id")`` shows the
course's answer once it has been released, ``ready(f, g)`` tells whether answers are written yet,
``mine("name")`` gives your answer from an earlier lesson, ``progress()`` shows how far you are in
the course, ``finish("lesson")`` ends a lesson, ``pack()`` packs what you hand in,
``data_file("name")`` finds a file that comes with the course, ``heatmap`` and ``show`` draw with
alternative text, and ``explore`` redraws a figure when a ``Slider``, ``Choice`` or ``Switch`` is
moved.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"
__all__ = [
    "Choice",
    "Slider",
    "Switch",
    "case",
    "check",
    "data_file",
    "explore",
    "finish",
    "heatmap",
    "hint",
    "mine",
    "model_answer",
    "pack",
    "progress",
    "ready",
    "reset",
    "show",
]

_HOMES = {
    "case": "grader.student.check",
    "check": "grader.student.check",
    "data_file": "grader.student.data",
    "hint": "grader.student.check",
    "mine": "grader.student.earlier_answers",
    "model_answer": "grader.student.model_answers",
    "pack": "grader.student.hand_in",
    "progress": "grader.student.progress",
    "finish": "grader.student.lesson_end",
    "ready": "grader.student.check",
    "reset": "grader.student.resetting",
    "heatmap": "grader.student.figures",
    "show": "grader.student.figures",
    "Choice": "grader.student.explore",
    "Slider": "grader.student.explore",
    "Switch": "grader.student.explore",
    "explore": "grader.student.explore",
}


def __getattr__(name: str) -> Any:  # lazy, so that `python -m grader` starts without matplotlib
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
