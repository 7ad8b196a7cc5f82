"""Tell which cells belong to one assignment alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from grader.source.assembly import Part
from grader.source.prose import flat


def own_cells(assignments: Mapping[str, Iterable[Part]]) -> dict[str, frozenset[str]]:
    """Return, by assignment, the ids of the cells of which no other one has the id or the text.

    The others tell nothing: every course has a cell that sets it up, and fields for answers.
    """
    parts = {name: list(cells) for name, cells in assignments.items()}
    owners: Counter[str] = Counter()
    for cells in parts.values():
        owners.update({word for cell in cells for word in (cell.id, flat(cell.source))})
    return {
        name: frozenset(
            cell.id for cell in cells if owners[cell.id] == owners[flat(cell.source)] == 1
        )
        for name, cells in parts.items()
    }
