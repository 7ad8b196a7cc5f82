"""``model_answer``: the course's own answer to compare with, once the instructor has released it.

The student bundle holds no answer. After the deadline `python -m grader release-answers` writes
those of a lesson into a file, and the instructor gives that file out. It goes beside the lesson's
notebook, into the folder around it, or into ``model_answers`` in the bundle that all share. Its
text is plain. So showing an answer only after a pass, or once the lesson is packed, keeps no
secret: it spares students a spoiler.
"""

from __future__ import annotations

import html
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from grader.coursefile import ENGINE, current
from grader.source import handin
from grader.student import frozen, lessons, records, screen
from grader.student.markup import PRE
from grader.student.session import PASSED, Session

FOLDER = "model_answers"
SUFFIX = ".model_answers.json"
FORMAT = 1


class NoModelAnswer(Exception):
    """There is no model answer to show; the message says why. IPython shows it as one line."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


@dataclass(frozen=True)
class ModelAnswer:
    """The course's answer to an exercise. It displays itself as code."""

    exercise: str
    source: str

    def __repr__(self) -> str:
        return f"A model answer to {self.exercise}; another way may be as good:\n\n{self.source}"

    def _repr_html_(self) -> str:
        name, source = html.escape(self.exercise), html.escape(self.source)
        return (
            f"<div><p>A model answer to <code>{name}</code>; another way may be as good:</p>"
            f'<pre style="{PRE}">{source}</pre></div>'
        )


def model_answer(exercise_id: str) -> None:
    """Show the course's answer to an exercise, if your instructor has released it.

    Args:
        exercise_id: the name of the function or class that the exercise asks for. Its check must
            have passed here, or its lesson be packed.

    Raises:
        NoModelAnswer: it has not been released, or it is not yet time to see it.
        NoSuchExercise: the course has no such exercise.
    """
    if not Session.checking:
        return
    answer = released(exercise_id)
    if not (_has_passed(exercise_id) or _is_packed(_assignment(exercise_id))):
        raise NoModelAnswer(
            f"the model answer to {exercise_id} is shown only after its check has passed here or "
            "its lesson is packed"
        )
    screen.show(answer)


def offer(exercise_id: str) -> str:
    """Return code that shows the model answer, to offer under a pass; "" if there is none."""
    try:
        released(exercise_id)
    except NoModelAnswer:
        return ""
    return f'from grader import model_answer; model_answer("{exercise_id}")'


def released(exercise_id: str) -> ModelAnswer:
    """Find the released answer to an exercise.

    Raises:
        NoModelAnswer: there is none, or it is of another edition.
        NoSuchExercise: the course has no such exercise.
    """
    name = f"{_assignment(exercise_id)}{SUFFIX}"
    path = next((place / name for place in _places() if (place / name).is_file()), None)
    if path is None:
        raise NoModelAnswer(
            f"no model answer to {exercise_id} has been released: when your instructor gives out "
            f"{name}, put it beside this notebook or into the folder around it"
        )
    answers = _read(path)
    if exercise_id not in answers or answers[exercise_id][0] != _asked(exercise_id):
        raise NoModelAnswer(
            f"{path.name} is from another edition of the course, where {exercise_id} differs or is "
            "missing: ask for the file of your edition"
        )
    return ModelAnswer(exercise_id, answers[exercise_id][1])


def written(assignment: str, answers: Mapping[str, tuple[str, str]]) -> bytes:
    """Write a lesson's file; ``answers`` has each exercise's handed-out cell and its answer."""
    tree = {
        "format": FORMAT,
        "course": current().id,
        "assignment": assignment,
        "answers": {
            name: {"asked": records.digest(given), "answer": answer}
            for name, (given, answer) in answers.items()
        },
    }
    return (json.dumps(tree, indent=1, ensure_ascii=False) + "\n").encode()


def _read(path: Path) -> dict[str, tuple[str, str]]:
    """Read a file: by exercise, the digest of what it asks, and the answer."""
    try:
        tree = json.loads(path.read_bytes())
        course, format_ = str(tree["course"]), tree["format"]
        answers = {
            str(name): (str(one["asked"]), str(one["answer"]))
            for name, one in tree["answers"].items()
        }
    except OSError as error:
        raise NoModelAnswer(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NoModelAnswer(f"{path.name} is damaged: ask your instructor for it again") from error
    if course != current().id:
        raise NoModelAnswer(
            f"{path.name} is from the course {course}, not from {current().id}: ask for its file"
        )
    if format_ != FORMAT:
        raise NoModelAnswer(
            f"{path.name} was written by another edition of the grader: ask for the file of your "
            "edition"
        )
    return answers


def _places() -> Iterator[Path]:
    yield from (Path.cwd(), Path.cwd().parent)
    if not (ENGINE / "authoring").is_dir():  # in a checkout, authors write the files there
        yield current().root / FOLDER


def _assignment(exercise_id: str) -> str:
    return lessons.assignment(frozen.load(exercise_id).lesson)


def _asked(exercise_id: str) -> str:
    """Return the digest of the exercise's cell as it is handed out."""
    return records.digest(lessons.stub(frozen.load(exercise_id).lesson, exercise_id))


def _has_passed(exercise_id: str) -> bool:
    if Session.outcomes.get(exercise_id) == PASSED:
        return True
    lab = records.lab_of(Path.cwd())
    record = records.read(lab)[0].get(exercise_id) if lab is not None else None
    return record is not None and record.right


def _is_packed(assignment: str) -> bool:
    """Tell whether a zip of ``pack``, here or in the folder around, holds the lesson."""
    for place in (Path.cwd(), Path.cwd().parent):
        for name in (assignment, current().id):
            try:
                with zipfile.ZipFile(place / f"{name}.zip") as archive:
                    if handin.member(assignment) in archive.namelist():
                        return True
            except (OSError, zipfile.BadZipFile):
                continue
    return False
