"""Assemble the notebook that counts: the release's cells, with the answers of a submitted one.

The judge and ``check NOTEBOOK`` both work on what this module returns, so that they read the same
answers in the same file.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from grader.source.cells import normalized, readable
from grader.source.notebook import Cell, Notebook
from grader.source.prose import (
    added_lines,
    defined,
    flat,
    is_long,
    is_prose,
    kind_of,
    text_in,
    unfenced,
    written,
)
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
    """The parts in order, and a line about each repair.

    ``unsure`` holds, by exercise or question, why a person has to look: something was written that
    could not be placed. ``elsewhere`` holds why a person has to look if an exercise earned nothing:
    its name is also defined in a cell that was not judged. ``recognized`` holds the signs that the
    notebook is of this release: the ids of cells that were found in it, and the exercises that it
    defines.
    """

    parts: tuple[Part, ...]
    repairs: tuple[str, ...]
    unsure: Mapping[str, str] = field(default_factory=dict)
    recognized: tuple[str, ...] = ()
    elsewhere: Mapping[str, str] = field(default_factory=dict)

    def to_look_at(self, earned_nothing: Collection[str]) -> dict[str, str]:
        """Return why a person has to look, by exercise or question, once marks are known."""
        more = {name: why for name, why in self.elsewhere.items() if name in earned_nothing}
        return more | dict(self.unsure)

    def answer(self, exercise: str) -> Part:
        return next(p for p in self.parts if p.role == ANSWER and p.exercise == exercise)

    def attempted(self, exercise: str) -> bool:
        """Tell whether its cell is more than the stub, or an added cell defines its name."""
        part = self.answer(exercise)
        if normalized(part.source) != normalized(part.released):
            return True
        return any(p.role == OWN and exercise in bound_names(p.source) for p in self.parts)

    def answered(self) -> dict[str, bool]:
        """Tell for each question that a person grades whether there is something to read."""
        return {
            part.id: part.id in self.unsure or bool(written(part.source, part.released))
            for part in self.parts
            if part.role == HUMAN
        }

    @property
    def as_given(self) -> bool:
        """Whether everything is as it was given out, with nothing added."""
        return not self.unsure and all(
            flat(part.source) == flat(part.released)
            for part in self.parts
            if part.role in (ANSWER, HUMAN, OWN)
        )


def parts_of(document: Mapping) -> list[tuple[Part, float]]:
    """Return the parts of a release's notebook, each with its points."""
    return [_part(cell) for cell in document["cells"]]


def _part(cell: Mapping) -> tuple[Part, float]:
    source = "".join(cell["source"]).rstrip()
    marks = cell["metadata"].get("nbgrader", {})
    name = marks.get("grade_id", cell["id"])
    points = float(marks.get("points", 0))
    if cell["cell_type"] == "markdown":
        role = HUMAN if marks.get("grade") else TEXT
        return Part(role, "markdown", name, source, name if role == HUMAN else "", source), points
    if marks.get("solution"):
        return Part(ANSWER, "code", name, source, name, source), points
    if marks.get("grade"):
        return Part(CHECK, "code", name, source, name.removeprefix("check_"), source), points
    role = GIVEN if marks.get("locked") else OWN
    return Part(role, "code", name, source, "", source), points


def assemble(release: Sequence[Part], submitted: Notebook) -> Assembly:
    """Fill the release with a submission's answers and added cells.

    Answers are taken by id. JupyterLab gives a copied cell a new id of its own, but keeps
    nbgrader's. So where nbgrader's ids repeat, the cell counts whose own id is the release's; where
    a tool has renewed the cells' own ids, the first that defines the exercise's name; and otherwise
    the first. A file can hold any ids, so this decides between a student's own answers, and gives
    an attacker no answer that could not be written into the first cell as well.

    Points, ids, locked cells, flags and order are the release's: a submission could raise its own
    marks with any of them. An added cell follows the release's cell that it followed in the
    submission. A cell directly beside one with the same id counts as added: JupyterLab copies the
    metadata when it splits a cell.

    The id decides, even if the cell's type has changed. Where ids are gone, code is found by the
    names that it defines, and a written answer by its place.
    """
    return _Assembler(release, submitted).assembly()


@dataclass
class _Loose:
    """A cell that is not the release's; ``place`` is the id of the release's cell before it."""

    cell: Cell
    place: str


class _Assembler:
    """One submitted notebook, and the steps that put it into the release's structure."""

    def __init__(self, release: Sequence[Part], submitted: Notebook) -> None:
        self.release = release
        self.known = {part.id: part for part in release}
        self.cells = submitted.cells
        self.repairs: list[str] = []
        self.unsure: dict[str, str] = {}
        self.loose: dict[int, _Loose] = {}
        self.pieces: dict[str, list[str]] = {}  # the cells of a written answer, in order
        self.later: dict[str, list[str]] = {}  # other cells under an answer's id
        self.by_id = [_id_of(cell, self.known) for cell in self.cells]
        self.matches = self._matches()
        # The first match of each, in a dict: there may be very many cells.
        self.first = {name: n for n, name in reversed([*enumerate(self.matches)])}
        self.chosen = self._chosen()  # the submitted cell's number, by the id of the release's
        order = self._sort()
        if submitted.dropped:
            self.repairs.append(f"unreadable cells that were left out: {submitted.dropped}")
        self.names = self._names_bound()
        self.filled = {part.id: self._filled(part) for part in release}
        if order != [part.id for part in release if part.id in self.chosen]:
            self.repairs.append("cells were out of order and were put back")

    def assembly(self) -> Assembly:
        added: dict[str, list[Part]] = {}
        for number, loose in self.loose.items():
            kind = "code" if loose.cell.kind == "code" else "markdown"
            own = Part(OWN, kind, f"own-{number}", loose.cell.source)
            added.setdefault(loose.place, []).append(own)
        parts = list(added.get("", []))
        for part in self.release:
            before, after = self._defined_in_locked(part)
            parts += [*before, self.filled[part.id], *after, *added.get(part.id, [])]
        found = Assembly(tuple(parts), tuple(self.repairs), self.unsure, self._recognized())
        unsure = self.unsure | self._unknown_names(found)
        return replace(found, unsure=unsure, elsewhere=self._elsewhere(parts))

    # -- which cell is which ---------------------------------------------------------------------

    def _matches(self) -> list[str]:
        """Find for each cell the id of the release's cell with its id or text; "" for none."""
        texts: dict[tuple[str, str], list[str]] = {}
        for part in self.release:
            texts.setdefault((part.kind, flat(part.source)), []).append(part.id)
        claimed = set(self.by_id)
        matches = list(self.by_id)
        for number, cell in enumerate(self.cells):
            if matches[number] or not cell.source.strip():
                continue
            names = texts.get((kind_of(cell), flat(text_in(cell))), [])
            names = [name for name in names if name not in claimed] or names[:1]
            if names:
                matches[number] = names[0]
                claimed.add(names[0])
        for card in self._cards():
            # Merged with its question, as "Merge Cells" does.
            for number, cell in enumerate(self.cells):
                if card.id in claimed:
                    break
                if not matches[number] and flat(text_in(cell)).startswith(flat(card.source)):
                    matches[number] = card.id
                    claimed.add(card.id)
        return matches

    def _cards(self) -> Iterator[Part]:
        """Yield the texts directly before written answers: their questions."""
        for before, part in zip(self.release, self.release[1:], strict=False):
            if part.role == HUMAN and before.role == TEXT:
                yield before

    def _chosen(self) -> dict[str, int]:
        """Choose one match for each of the release's cells: by id and type, by id, or by text.

        Neighbours are pieces of one cell, since JupyterLab keeps the old id in only one piece of a
        cell that it splits. They are ranked together, and the first of them is chosen.
        """
        runs: dict[str, list[list[int]]] = {}
        last = ""
        for number, name in enumerate(self.matches):
            if name == last and name:
                runs[name][-1].append(number)
            elif name:
                runs.setdefault(name, []).append([number])
            last = name or last
        return {
            name: self._first(found[0] if len(found) == 1 else min(found, key=self._rank))
            for name, found in runs.items()
        }

    def _likeness(self, number: int) -> int:
        """Return 0 for a cell with the right id and type, 1 with the id alone, and 2 otherwise."""
        right = self.cells[number].kind == self.known[self.matches[number]].kind
        return 0 if self.by_id[number] and right else 1 if self.by_id[number] else 2

    def _first(self, run: list[int]) -> int:
        return min(run, key=lambda number: (self._likeness(number), number))

    def _rank(self, run: list[int]) -> tuple[int, bool, bool, int]:
        part = self.known[self.matches[run[0]]]
        given_out = any(self.cells[number].id == part.id for number in run)
        defines = part.role == ANSWER and any(
            part.exercise in bound_names(self.cells[number].source) for number in run
        )
        return min(map(self._likeness, run)), not given_out, not defines, run[0]

    def _sort(self) -> list[str]:
        """Set loose cells apart; return the ids of the release's cells in the submitted order."""
        place, order = "", []
        for number, cell in enumerate(self.cells):
            found = self.matches[number]
            if not found:
                if cell.source.strip():
                    self.loose[number] = _Loose(cell, place)
                continue
            part, first = self.known[found], self.cells[self.chosen[found]]
            if self.chosen[found] == number:
                place = found
                order.append(found)
                if part.role == HUMAN:
                    self.pieces.setdefault(found, []).append(text_in(cell))
            elif part.role in (GIVEN, CHECK, TEXT):
                place = found  # a copy of a given cell adds nothing
            elif cell.source == first.source:
                self.repairs.append(f"a copy of the cell {found} was left out")
            elif part.role == HUMAN:
                self.pieces.setdefault(found, []).append(text_in(cell))
            elif found == place:
                self.repairs.append(f"the cell {found} is in several pieces: they count together")
                self.loose[number] = _Loose(cell, place)
            else:
                which = self._which_counts(found)
                self.repairs.append(f"the cell {found} occurs more than once: {which} counts")
                self.later.setdefault(found, []).append(cell.source)
        return order

    def _which_counts(self, name: str) -> str:
        number = self.chosen[name]
        if number == self.first[name]:
            return "the first one"
        if self.cells[number].id == name:
            return "the one that was given out"
        return "the first one that defines its name or is of the right type"

    def _names_bound(self) -> set[str]:
        """Return the names that added code defines."""
        code = [loose.cell.source for loose in self.loose.values() if loose.cell.kind == "code"]
        return {name for source in code for name in bound_names(source)}

    def _recognized(self) -> tuple[str, ...]:
        """Return the signs that this is the release's notebook: its cells, its exercises' names."""
        exercises = {part.exercise for part in self.release if part.role == ANSWER}
        return *self.chosen, *sorted(exercises & self.names)

    # -- answers ---------------------------------------------------------------------------------

    def _filled(self, part: Part) -> Part:
        number = self.chosen.get(part.id)
        cell = None if number is None else self.cells[number]
        if part.role == HUMAN:
            return self._question(part, cell)
        if part.role == ANSWER:
            return self._answer(part, cell)
        if part.role == OWN and cell is not None:  # a scratch cell of the release
            return self._scratch(part, cell)
        if cell is None and part.role in (GIVEN, CHECK):
            self.repairs.append(f"the cell {part.id} was missing and was put back")
        elif part.role in (GIVEN, CHECK) and cell is not None:
            if flat(cell.source) != flat(part.source):
                self.repairs.append(f"the locked cell {part.id} was changed and was put back")
        return part

    def _scratch(self, part: Part, cell: Cell) -> Part:
        if cell.kind == "code":
            return replace(part, source=cell.source)
        self.loose[self.chosen[part.id]] = _Loose(cell, part.id)
        return replace(part, source="")

    def _answer(self, part: Part, cell: Cell | None) -> Part:
        source = part.source if cell is None else cell.source
        if cell is not None and cell.kind != "code":
            source = unfenced(source)
            self.repairs.append(
                f"the answer {part.id} was in a {cell.kind} cell and was run as code"
            )
        blank = _does_nothing(source) or normalized(source) == normalized(part.source)
        if blank and part.exercise not in self.names:
            found = self._lost_answer(part.exercise)
            if found is not None:
                where = "another" if found.kind == "code" else f"a {found.kind}"
                self.repairs.append(f"the answer {part.id} was found in {where} cell")
                text = found.source if found.kind == "code" else unfenced(found.source)
                return replace(part, source=text)
            others = [one for one in self.later.get(part.id, []) if not _does_nothing(one)]
            if any(normalized(one) != normalized(part.source) for one in others):
                self.unsure[part.exercise] = (
                    f"{part.id}: the cell of this name that counts holds no answer; another one "
                    "was changed"
                )
        if cell is None and part.exercise in self.names:
            # Putting the stub back would overwrite the definition in the student's other cell.
            self.repairs.append(f"the cell {part.id} was missing: another one defines its name")
            return replace(part, source="")
        if cell is None:
            self.repairs.append(_gone(part))
        return replace(part, source=source)

    def _lost_answer(self, exercise: str) -> Cell | None:
        """Find an added cell that seems to define the exercise, though no code cell binds it.

        It is code with a syntax error, or code in a cell of another type.
        """
        for number in self.defining.get(exercise, []):
            loose = self.loose.get(number)
            if loose is None:
                continue
            if loose.cell.kind == "code" or readable(unfenced(loose.cell.source)) is not None:
                return self.loose.pop(number).cell
        return None

    @functools.cached_property
    def defining(self) -> dict[str, list[int]]:
        """The numbers of the added cells that seem to define a name, by name."""
        found: dict[str, list[int]] = {}
        for number, loose in self.loose.items():
            for name in defined(loose.cell.source):
                found.setdefault(name, []).append(number)
        return found

    def _defined_in_locked(self, part: Part) -> tuple[list[Part], list[Part]]:
        """Return cells to add before and after a locked one: its text, if it holds an answer."""
        number = self.chosen.get(part.id)
        if part.role not in (GIVEN, CHECK) or number is None:
            return [], []
        cell = self.cells[number]
        if cell.kind != "code" or flat(cell.source) == flat(part.source):
            return [], []
        missing = {
            one.exercise
            for one in self.release
            if one.role == ANSWER
            and one.exercise not in self.names
            and normalized(self.filled[one.id].source) == normalized(one.source)
        }
        if not bound_names(cell.source) & (missing - bound_names(part.source)):
            return [], []
        own = [Part(OWN, "code", f"own-{number}", cell.source)]
        return (own, []) if part.role == CHECK else ([], own)

    def _elsewhere(self, parts: Sequence[Part]) -> dict[str, str]:
        """Find exercises whose names are also defined in cells that their checks do not see.

        A check sees the last definition before it. Others come after it, or were overwritten, or
        are in a copy of the answer's cell that does not count.
        """
        defining: dict[str, list[int]] = {}
        checks: dict[str, int] = {}
        for place, part in enumerate(parts):
            if part.role == CHECK:
                checks[part.exercise] = place
            if part.role in (ANSWER, OWN) and part.kind == "code":
                for name in bound_names(part.source):
                    defining.setdefault(name, []).append(place)
        found = {}
        for part in self.release:
            if part.role != ANSWER:
                continue
            name = part.exercise
            places = defining.get(name, [])
            judged = max((n for n in places if n < checks.get(name, len(parts))), default=None)
            unseen = [parts[n] for n in places if n != judged]
            texts = [one.source for one in unseen if flat(one.source) != flat(one.released)]
            texts += [one for one in self.later.get(part.id, []) if name in bound_names(one)]
            seen = "" if judged is None else parts[judged].source
            if any(normalized(one) != normalized(seen) for one in texts):
                found[name] = (
                    f"{part.id}: it earned nothing, but another cell, which does not count, "
                    f"defines {name}, too"
                )
        return found

    def _unknown_names(self, found: Assembly) -> dict[str, str]:
        """Ask for a person if no answer is recognized, but added cells define something."""
        exercises = [part.exercise for part in self.release if part.role == ANSWER]
        if any(map(found.attempted, exercises)):
            return {}
        code = (loose.cell for loose in self.loose.values() if loose.cell.kind == "code")
        names = sorted({name for cell in code for name in defined(cell.source, assigned=False)})
        if not names:
            return {}
        shown = ", ".join(name[:40] for name in names[:5]) + (" …" if len(names) > 5 else "")
        why = f"no exercise is answered under its own name, but added cells define {shown}"
        return dict.fromkeys(exercises, why)

    # -- written answers -------------------------------------------------------------------------

    def _question(self, part: Part, cell: Cell | None) -> Part:
        pieces = self.pieces.get(part.id, [])
        texts = [text for piece in pieces if (text := written(piece, part.source))]
        if texts:
            if cell is not None and cell.kind != "markdown":
                self.repairs.append(
                    f"the written answer {part.id} was in a {cell.kind} cell and is read as text"
                )
            if len(pieces) > 1:
                self.repairs.append(f"the written answer {part.id} is in several cells, joined")
            return replace(part, source="\n\n".join(texts))
        texts = list(self._in_its_place(part))
        if texts:
            self.repairs.append(f"the written answer {part.id} was found beside its cell")
            return replace(part, source="\n\n".join(texts))
        why = self._perhaps_written(part, cell)
        if why:
            self.unsure[part.id] = f"{part.id}: {why}"
        elif cell is None:
            self.repairs.append(_gone(part))
        return part

    def _neighbours(self, part: Part) -> tuple[Part | None, Part | None]:
        place = next(n for n, one in enumerate(self.release) if one.id == part.id)
        before = self.release[place - 1] if place else None
        after = self.release[place + 1] if place + 1 < len(self.release) else None
        return before, after

    def _beside(self, part: Part) -> list[int]:
        """Return the numbers of the loose cells where this part belongs, between the release's."""
        before, after = self._neighbours(part)
        found: set[int] = set()
        for one, steps in ((before, (1,)), (part, (1, -1)), (after, (-1,))):
            number = self.chosen.get(one.id) if one is not None else None
            if number is not None:
                found.update(*(self._next_to(number, step) for step in steps))
        return sorted(found)

    def _next_to(self, number: int, step: int) -> Iterator[int]:
        """Yield the loose cells next to this one, up to the next cell of the release."""
        number += step
        while 0 <= number < len(self.cells) and not self.matches[number]:
            if number in self.loose:
                yield number
            number += step

    def _in_its_place(self, part: Part) -> Iterator[str]:
        """Take the texts where a written answer belongs: in its question's and in loose cells."""
        before, _ = self._neighbours(part)
        number = self.chosen.get(before.id) if before is not None else None
        if before is not None and before.role == TEXT and number is not None:
            text = text_in(self.cells[number])
            more = written(added_lines(text, before.source), part.source)
            if more:
                yield more
        for place in self._beside(part):
            cell = self.loose[place].cell
            text = written(text_in(cell), part.source)
            if is_prose(cell) and text:
                del self.loose[place]  # it is the answer now, and no added cell
                yield text

    def _perhaps_written(self, part: Part, cell: Cell | None) -> str:
        """Say why a person has to look for an answer that is not in its place; "" if nobody has."""
        if self._beside(part):
            return "its cell is unchanged, and code was added where the answer belongs"
        texts = [loose.cell.source for loose in self.loose.values() if is_prose(loose.cell)]
        for one in self.release:
            number = self.chosen.get(one.id)
            if one.role == TEXT and number is not None:
                texts.append(added_lines(self.cells[number].source, one.source))
        if cell is None and any(text.strip() for text in texts):
            return "its cell is gone, and texts were added elsewhere: is one of them the answer?"
        if any(map(is_long, texts)):
            return "its cell is unchanged, but a long text was added elsewhere"
        return ""


def _does_nothing(source: str) -> bool:
    """Tell whether code is empty but for comments, texts, ``pass`` and ``...``."""
    found = readable(source)
    return found is not None and all(
        isinstance(node, ast.Pass)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in found[1].body
    )


def _gone(part: Part) -> str:
    return f"the cell {part.id} was missing and was put back as it was given out"


def _id_of(cell: Cell, known: Iterable[str]) -> str:
    """Return nbgrader's id or the cell's own, if the release has such a cell; else ""."""
    return next((name for name in (cell.grade_id, cell.id) if name in known), "")
