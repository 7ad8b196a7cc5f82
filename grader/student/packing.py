"""Pack lessons for handing in: choose the files, judge them as saved, warn, write one zip."""

from __future__ import annotations

import contextlib
import datetime
import errno
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import grader
from grader import files
from grader.coursefile import current
from grader.source import handin
from grader.source.notebook import MAX_BYTES
from grader.student import editions, lessons, records, runner
from grader.student.judged_apart import SECONDS, Judged, judge
from grader.student.markup import coded
from grader.student.notebooks import NotANotebook, read
from grader.student.runner import Recognized
from grader.student.words import points

MOST_COPIES = 30  # files looked at beside a lesson
ASK = "Your instructor says where to hand it in."


class NothingPacked(Exception):
    """No zip was written; the message says why and what to do. IPython shows it as one line."""

    def _render_traceback_(self) -> list[str]:
        return [f"Nothing was packed: {self}"]


@dataclass(frozen=True)
class Item:
    """One lesson to pack: its file's bytes as saved, what was found in it, what to warn of."""

    path: Path
    content: bytes
    found: Recognized
    warnings: tuple[str, ...] = ()
    judged: Judged = Judged()

    @property
    def assignment(self) -> str:
        return self.found.assignment

    @property
    def headline(self) -> str:
        """How many exercises are right, and the points by the public checks."""
        results = self.judged.results
        if not results:
            return "not judged"
        right, given = sum(one.right for one in results), sum(one.points for one in results)
        possible = points(sum(one.possible for one in results))
        return (
            f"{right} of {len(results)} exercises right, {given:g} of {possible} by the public "
            "checks"
        )


@dataclass(frozen=True)
class Packed:
    """A zip that was written. It displays itself: in a notebook with a link, else as text.

    ``left_out`` has a line for each lesson that was asked for, or worked on, and is not in it.
    """

    path: Path
    content: bytes
    when: datetime.datetime
    items: tuple[Item, ...]
    left_out: tuple[str, ...] = ()
    here: Path | None = None

    @property
    def headline(self) -> str:
        size = f"{max(1, round(len(self.content) / 1000))} kB"
        return f"Packed into {_near(self.path)} ({size}) on {self.when:%Y-%m-%d at %H:%M:%S}"

    @property
    def receipt(self) -> str:
        return f"Receipt: SHA-256 {handin.digest(self.content)}"

    def __repr__(self) -> str:
        lines = [f"{self.headline}:"]
        for item in self.items:
            lines.append(f"  {item.assignment}: {item.headline}")
            lines += [f"    ! {warning}" for warning in item.warnings]
        lines += [f"  ! {line}" for line in self.left_out]
        return "\n".join([*lines, self.receipt, f"Hand in this one file. {where()}"])

    def _repr_html_(self) -> str:
        items = "".join(
            f"<li><strong>{coded(item.assignment)}</strong>: {coded(item.headline)}"
            f"{_listed(item.warnings)}</li>"
            for item in self.items
        )
        left_out = _listed(self.left_out)
        return (
            f'<div role="status"><p><strong>{coded(self.headline)}.</strong></p>'
            f"<ul>{items}</ul>{left_out}<p>Hand in this one file. {coded(where())}</p>"
            f"<p>{coded(self.receipt)}</p></div>"
        )


def _listed(lines: Sequence[str]) -> str:
    rows = "".join(f"<li>⚠ {coded(line)}</li>" for line in lines)
    return f'<ul style="list-style:none;padding-left:1em">{rows}</ul>' if rows else ""


def where() -> str:
    """Say where to hand in, as the course's description does."""
    return current().hand_in or ASK


def pack_lessons(
    wanted: Sequence[str],
    start: Path,
    output: Path | None = None,
    *,
    say: Callable[[str], object] = print,
    seconds: float = SECONDS,
    changed: Mapping[Path, Sequence[str]] | None = None,
) -> Packed:
    """Judge and pack lessons; a warning never keeps a lesson out of the zip.

    Args:
        wanted: lessons by name or number, or notebook files; none: all that were worked on.
        start: the folder from which the lessons are looked for: theirs, one around or in it.
        output: the zip to write, or a folder for it [default: beside the lessons].
        say: called with a line before each notebook is run.
        seconds: the longest that one notebook may run.
        changed: by notebook, names of cells that are known to have changed since they last ran.

    Raises:
        NothingPacked: nothing is there to pack, or the zip cannot be written. An earlier zip is
            left as it was.
    """
    lab = _lab(wanted, start)
    items, left_out = _chosen(wanted, lab)
    if not items:
        raise NothingPacked("; ".join(left_out) or f"no lesson in {_shown(lab)} holds an answer")
    target = _target(output, lab, items, named=bool(wanted))
    _try_to_write(target)  # before minutes are spent on running the lessons
    done = []
    for item in items:
        say(f"Running {item.assignment} as it is saved …")
        judged = judge(item.path, seconds)
        own = () if changed is None else changed.get(item.path, ())
        warnings = [*item.warnings, *_warnings(item, judged, own)]
        if _bytes(item.path) != item.content:
            warnings.append(
                "its file was saved again during packing: pack again to include the new version"
            )
        done.append(replace(item, judged=judged, warnings=tuple(dict.fromkeys(warnings))))
    when = datetime.datetime.now().astimezone().replace(microsecond=0)
    content = handin.write({item.assignment: item.content for item in done}, _receipt(done, when))
    _write(target, content)
    return Packed(target, content, when, tuple(done), tuple(left_out))


def _lab(wanted: Sequence[str], start: Path) -> Path:
    """Find the folder with the lessons; where there is none, that of the first file named."""
    try:
        return lab_around(start)
    except NothingPacked:
        named = [Path(name) for name in wanted if name.endswith(".ipynb") and Path(name).is_file()]
        if not named:
            raise
    folder = named[0].resolve().parent
    return records.lab_of(folder) or folder


def lab_around(start: Path) -> Path:
    """Find the folder with the lessons: this one, the one around it, or ``lab`` in it.

    Raises:
        NothingPacked: no lesson is in any of them.
    """
    start = start.resolve()
    known = records.lab_of(start)
    candidates = [known] if known else [start / "lab", start, start.parent]
    for folder in candidates:
        if _notebooks(folder):
            return folder
    raise NothingPacked(
        f"there is no lesson in {start}: name the folder that holds yours with --folder"
    )


def _notebooks(lab: Path) -> dict[str, Path]:
    """Find the notebooks of the course's lessons, by the lessons' names, whatever theirs are."""
    return {name: path for name, path in lessons.files(lab).items() if _is_lesson(name)}


def _is_lesson(name: str) -> bool:
    return name in lessons.assignments()


def _shown(path: Path) -> str:
    """Return a path as people would type it in the working directory."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _near(path: Path) -> str:
    """Return a path, relative if it is in the working directory or in the folder around it."""
    with contextlib.suppress(ValueError):  # another drive, on Windows
        relative = Path(os.path.relpath(path))
        if relative.parts[:2] != ("..", ".."):
            return str(relative)
    return str(path)


def _chosen(wanted: Sequence[str], lab: Path) -> tuple[list[Item], list[str]]:
    """Choose the lessons to pack; return also a line about each left out that may matter."""
    items: dict[str, Item] = {}
    left_out = []
    for path in [_path_of(name, lab) for name in wanted] or _notebooks(lab).values():
        try:
            item = _item(path, lab)
        except NothingPacked as error:
            left_out.append(str(error))
            continue
        if item.assignment in items:
            one, other = _shown(items[item.assignment].path), _shown(path)
            raise NothingPacked(f"{one} and {other} are both {item.assignment}: name one of them")
        if not wanted and item.found.assembly.as_given:
            left_out += item.warnings  # a copy of it may hold the work
            continue
        items[item.assignment] = item
    return list(items.values()), left_out


def _path_of(name: str, lab: Path) -> Path:
    if name.endswith(".ipynb"):
        return Path(name).resolve() if Path(name).exists() else (lab / name).resolve()
    try:
        lesson = lessons.named(name)
    except lessons.NoSuchLesson as error:
        raise NothingPacked(str(error)) from None
    path = _notebooks(lab).get(lesson)
    if path is None:
        raise NothingPacked(f"there is no notebook of {lesson} in {_shown(lab)}")
    return path


def _item(path: Path, lab: Path) -> Item:
    """Read a notebook to pack. NothingPacked says why if it cannot be packed."""
    shown = _shown(path)
    content = _bytes(path)
    if len(content) > MAX_BYTES:
        raise NothingPacked(
            f"{shown} has {len(content) / 1e6:.0f} MB, more than the {MAX_BYTES // 2**20} MB that "
            "the grader reads: clear its outputs and save it"
        )
    try:
        notebook = read(path)
    except NotANotebook as error:
        raise NothingPacked(f"{error}: restore an older version, or copy the lesson anew") from None
    found = runner.recognize(notebook)
    if found is None:
        raise NothingPacked(f"{shown} is not a lesson of this course")
    if _is_lesson(path.stem) and path.stem != found.assignment:
        raise NothingPacked(
            f"{shown} holds {found.assignment}, not {path.stem}: was it overwritten by mistake?"
        )
    item = Item(path, content, found)
    other = (
        ""
        if found.assembly.as_given
        else editions.other_edition(path, found.assignment, notebook, found.assembly)
    )
    return replace(item, warnings=(*filter(None, [other]), *_copies(item, lab)))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise NothingPacked(f"there is no file {_shown(path)}") from None
    except OSError as error:
        raise NothingPacked(f"{_shown(path)} cannot be read: {error.strerror}") from error


def _copies(item: Item, lab: Path) -> Iterator[str]:
    """Yield a warning about each other file here that holds answers to the same lesson."""
    folders = dict.fromkeys((item.path.parent, lab))
    beside = (path for folder in folders for path in sorted(folder.glob("*.ipynb")))
    for path in list(beside)[:MOST_COPIES]:
        if lessons.is_kept(path):  # what of it counts was carried over
            continue
        if path == item.path or (_is_lesson(path.stem) and path.stem != item.assignment):
            continue
        try:
            if path.stat().st_size > MAX_BYTES:
                continue
            other = runner.recognize(read(path))
        except (NotANotebook, OSError):
            continue
        if other is None or other.assignment != item.assignment or other.assembly.as_given:
            continue
        if other.assembly.parts == item.found.assembly.parts:
            continue
        state = ", and was saved later" if _saved(path) > _saved(item.path) else ""
        if item.found.assembly.as_given:
            state += f", while {item.path.name} is unchanged"
        yield (
            f"{_shown(path)} holds answers to {item.assignment}, too{state}; it is not packed. If "
            f"it is the one to hand in: `python -m grader pack {_quoted(path)}`"
        )


def _quoted(path: Path) -> str:
    shown = _shown(path)
    return f'"{shown}"' if " " in shown else shown


def _saved(path: Path) -> float:
    return path.stat().st_mtime


def _warnings(item: Item, judged: Judged, changed: Sequence[str]) -> Iterator[str]:
    """Yield what the student should know before handing this in."""
    assembly = item.found.assembly
    if item.path.stem != item.assignment:
        yield f"{item.path.name} was packed; in the zip it is {handin.member(item.assignment)}"
    if assembly.as_given:
        yield "this lesson is unchanged: it holds no answer"
        return
    if judged.stopped:
        yield f"its answers were not judged: {judged.stopped}"
    yield from judged.raised
    for result in judged.results:
        if not result.attempted:
            yield f"{result.exercise} is not attempted ({points(result.possible)})"
        elif not result.right:
            yield (
                f"{result.exercise} is not right yet: {result.passed} of {result.checks} checks "
                f"pass, {result.points:g} of {points(result.possible)}"
            )
    if judged.follow:
        first, *more = judged.follow
        others = f", and {len(more)} more of its cells raise errors" if more else ""
        yield f"{first}{others}: they may use an answer that is not right yet"
    for name, answered in assembly.answered().items():
        if not answered:
            yield (
                f"the question in writing, {name}, is not answered "
                f"({points(item.found.points.get(name, 0))}, given by a person)"
            )
    names = [*_changed_since_checked(item), *changed]
    if names:
        listed = ", ".join(dict.fromkeys(names))
        yield (
            f"changed after the last run: {listed}; what is in the file counts, so run the "
            "notebook from the top to see that it works"
        )
    nothing = {result.exercise for result in judged.results if result.points == 0}
    yield from item.found.remarks(nothing)


def _changed_since_checked(item: Item) -> Iterator[str]:
    """Yield the exercises whose text in the file is not the one that their check tried last."""
    lab = records.lab_of(item.path.parent)
    if lab is None:
        return
    known, _ = records.read(lab)
    code = [part for part in item.found.assembly.parts if part.kind == "code"]
    for exercise, texts in runner.answers(code).items():
        record = known.get(exercise)
        if record is not None and record.answer:
            if record.answer not in map(records.digest, texts):
                yield exercise


def _target(output: Path | None, lab: Path, items: Sequence[Item], named: bool) -> Path:
    """Choose the file to write: named for a single lesson, or for the course."""
    single = named and len(items) == 1
    name = f"{items[0].assignment if single else current().id}.zip"
    if output is None:
        return lab / name
    return output / name if output.is_dir() or output.suffix != ".zip" else output


def _try_to_write(target: Path) -> None:
    """Raise NothingPacked if the folder of the zip cannot be written."""
    probe = target.with_name(f".packing-{time.time_ns()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise _unwritten(target, error) from error


def _write(target: Path, content: bytes) -> None:
    try:
        files.write(target, content)
    except OSError as error:
        raise _unwritten(target, error) from error


def _unwritten(target: Path, error: OSError) -> NothingPacked:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    why = "the disk is full" if full else f"{error.strerror}"
    before = "; the earlier zip is unchanged" if target.exists() else ""
    fix = "make room, or write" if full else "write"
    return NothingPacked(
        f"{_shown(target)} cannot be written ({why}){before}: {fix} it elsewhere with --output "
        'FOLDER or, in a notebook, with pack(to="FOLDER")'
    )


def _receipt(items: Iterable[Item], when: datetime.datetime) -> dict[str, object]:
    utc = when.astimezone(datetime.UTC)
    return {
        "format": handin.FORMAT,
        "course": current().id,
        "packed": utc.isoformat(),
        "grader": grader.__version__,
        "notebooks": [
            {
                "assignment": item.assignment,
                "file": handin.member(item.assignment),
                "sha256": handin.digest(item.content),
                "bytes": len(item.content),
                "packed_from": item.path.name,
                "points": sum(one.points for one in item.judged.results),
                "exercises": {one.exercise: one.points for one in item.judged.results},
                "warnings": list(item.warnings),
            }
            for item in items
        ],
    }
