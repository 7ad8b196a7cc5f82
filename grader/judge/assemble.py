"""Assemble the notebook that is graded: the release's cells with the submission's answers."""

from __future__ import annotations

from dataclasses import dataclass, replace

from grader.judge.intake import Cell, Notebook
from grader.source.cells import normalized
from grader.source.slicing import bound_names

GIVEN, ANSWER, CHECK, OWN, HUMAN, TEXT = "given", "answer", "check", "own", "human", "text"


@dataclass(frozen=True)
class Part:
    """One cell of the notebook that is graded.

    Answers, checks and questions that a person grades have an ``exercise``.
    """

    role: str
    kind: str  # code | markdown
    id: str
    source: str
    exercise: str = ""
    released: str = ""  # the text of this cell in the release


@dataclass(frozen=True)
class Assembly:
    """The parts in order, and a line about each repair."""

    parts: tuple[Part, ...]
    repairs: tuple[str, ...]

    def answer(self, exercise: str) -> Part:
        return next(p for p in self.parts if p.role == ANSWER and p.exercise == exercise)

    def attempted(self, exercise: str) -> bool:
        """Is its cell more than the stub, or does an added cell define its name?"""
        part = self.answer(exercise)
        if normalized(part.source) != normalized(part.released):
            return True
        return any(p.role == OWN and exercise in bound_names(p.source) for p in self.parts)


def assemble(release: list[Part], submitted: Notebook) -> Assembly:
    """Take answers by id, the first where ids repeat; keep added cells where they stand.

    Points, ids, locked cells, flags and order are the release's: a submission could raise its own
    marks with any of them. An added cell follows the release's cell that it followed in the
    submission. A cell directly after one with the same id counts as added: JupyterLab copies the
    metadata when it splits a cell.
    """
    known = {part.id: part for part in release}
    texts = {(part.kind, part.source): part.id for part in release}
    taken: dict[str, Cell] = {}
    added: dict[str, list[Part]] = {}
    repairs: list[str] = []
    place, order = "", []  # the release's cell that was passed last; all of them, as submitted
    for number, cell in enumerate(submitted.cells):
        found = _known_id(cell, known, texts)
        if found and found not in taken:
            taken[found], place = cell, found
            order.append(found)
        elif found and known[found].role in (GIVEN, CHECK, TEXT):
            place = found  # a copy of a given cell adds nothing
        elif found and cell.source == taken[found].source:
            repairs.append(f"a copy of the cell {found} was left out")
        elif found and found == place:
            repairs.append(f"the cell {found} is in several pieces: they count together")
            added.setdefault(place, []).append(Part(OWN, cell.kind, f"own-{number}", cell.source))
        elif found:
            repairs.append(f"the cell {found} occurs more than once: the first one counts")
        elif cell.kind == "code" and cell.source.strip():
            added.setdefault(place, []).append(Part(OWN, "code", f"own-{number}", cell.source))
        elif cell.kind == "markdown" and cell.source.strip():
            added.setdefault(place, []).append(Part(OWN, "markdown", f"own-{number}", cell.source))
    if submitted.dropped:
        repairs.append(f"{submitted.dropped} cells were unreadable and left out")
    own = [part.source for cells in added.values() for part in cells if part.kind == "code"]
    elsewhere = {name for source in own for name in bound_names(source)}
    parts = list(added.get("", []))
    for part in release:
        parts.append(_filled(part, taken.get(part.id), elsewhere, repairs))
        parts += added.get(part.id, [])
    released_order = [part.id for part in release if part.id in taken]
    if order != released_order:
        repairs.append("cells were out of order and were put back")
    return Assembly(tuple(parts), tuple(repairs))


def _known_id(cell: Cell, known: dict[str, Part], texts: dict[tuple[str, str], str]) -> str:
    """The id of the release's cell that this is: by nbgrader's id, cell id, or equal text."""
    for name in (cell.grade_id, cell.id):
        if name in known and known[name].kind == cell.kind:
            return name
    return texts.get((cell.kind, cell.source.rstrip()), "")


def _filled(part: Part, cell: Cell | None, elsewhere: set[str], repairs: list[str]) -> Part:
    if part.role in (ANSWER, HUMAN):
        if cell is None and part.role == ANSWER and part.exercise in elsewhere:
            # Putting the stub back would overwrite the definition in the student's other cell.
            repairs.append(f"the cell {part.id} was missing: another one defines its name")
            return replace(part, source="")
        if cell is None:
            repairs.append(f"the cell {part.id} was missing and was put back as it was given out")
            return part
        return replace(part, source=cell.source)
    if part.role == OWN and cell is not None:  # a scratch cell of the release
        return replace(part, source=cell.source)
    if cell is None and part.role in (GIVEN, CHECK):
        repairs.append(f"the cell {part.id} was missing and was put back")
    elif cell is not None and part.role in (GIVEN, CHECK) and cell.source.rstrip() != part.source:
        repairs.append(f"the locked cell {part.id} was changed and was put back")
    return part
