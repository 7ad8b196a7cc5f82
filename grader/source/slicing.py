"""Select the release's cells that a submission needs; cells that only show something do not run.

Names decide. A cell of the release is needed if it binds a name that a needed cell reads. The
submission's own cells and answers are always needed. If the names that one of them reads are
unknown, all cells are needed: a cell too many costs time, a cell too few would cost marks.
"""

from __future__ import annotations

import ast
import re
import symtable
from collections.abc import Iterable

from grader.source.cells import (
    cached,
    guessed_definitions,
    has_syntax_error,
    magics,
    readable,
    text_of,
)

DYNAMIC = {"globals", "eval", "exec", "locals", "vars", "get_ipython"}


@cached
def bound_names(source: str) -> frozenset[str]:
    """Return the names that the cell (re)binds or changes at top level, imports included."""
    found = readable(source)
    if found is None:
        return frozenset() if has_syntax_error(source) else frozenset(guessed_definitions(source))
    names: set[str] = set()
    pending: list[ast.AST] = list(found[1].body)
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
            continue  # names that are bound inside are local
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
            names.add(node.id)
        elif isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Store):
            base = node.value
            while isinstance(base, (ast.Attribute, ast.Subscript)):
                base = base.value
            if isinstance(base, ast.Name):
                names.add(base.id)
        pending += ast.iter_child_nodes(node)
    return frozenset(names)


@cached
def read_names(source: str) -> frozenset[str] | None:
    """Return the global names that the cell and its functions read; None if they are unknown."""
    found = readable(source)
    if found is None:
        return frozenset() if has_syntax_error(source) else None
    try:
        table = symtable.symtable(found[0], "cell", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    names = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()}
    pending = list(table.get_children())
    while pending:
        scope = pending.pop()
        pending += scope.get_children()
        names |= {s.get_name() for s in scope.get_symbols() if s.is_global() and s.is_referenced()}
    names |= set(re.findall(r"\w+", " ".join(magics(source))))
    return None if names & DYNAMIC else frozenset(names)


@cached
def statements(source: str) -> tuple[str, ...]:
    """Return the cell's top-level statements as texts; the whole cell if they cannot be unparsed.

    With these, one definition in a cell can be examined without the others.
    """
    found = readable(source)
    texts = tuple(map(text_of, found[1].body)) if found is not None else ()
    return texts if texts and all(texts) else (source,)


def cut_to(names: Iterable[str], source: str) -> str:
    """Return the definitions in a text that these names need, directly or not, in their order."""
    numbered = [(str(number), text) for number, text in enumerate(statements(source))]
    chosen = needed(numbered, names)
    return "\n\n".join(text for number, text in numbered if number in chosen) + "\n"


def needed(released: Iterable[tuple[str, str]], own: Iterable[str]) -> set[str]:
    """Return the ids of the released cells, given as (id, source), that ``own`` sources need."""
    cells = list(released)
    wanted: set[str] = set()
    for source in own:
        names = read_names(source)
        if names is None:
            return {cell_id for cell_id, _ in cells}
        wanted |= names
    chosen: set[str] = set()
    grew = True
    while grew:
        grew = False
        for cell_id, source in cells:
            if cell_id not in chosen and bound_names(source) & wanted:
                chosen.add(cell_id)
                wanted |= read_names(source) or frozenset()
                grew = True
    return chosen


def leading_to(cells: Iterable[tuple[str, str]], name: str) -> set[str]:
    """Return the ids of the cells, as (id, source), that must run before ``name`` can be called.

    As in :func:`needed`, names decide. But these cells may be students' own, so a cell that only
    reads a wanted name counts, too, if some cell has assigned to that name: it may change what is
    there, as ``cases.append(...)`` does. If the names that one cell reads are unknown, all count.
    """
    listed = dict(cells)
    reads = {cell_id: read_names(source) for cell_id, source in listed.items()}
    if any(names is None for names in reads.values()):
        return set(listed)
    assigned = {one for source in listed.values() for one in bound_names(source) - _defined(source)}
    wanted, chosen = {name}, set[str]()
    grew = True
    while grew:
        grew = False
        for cell_id, source in listed.items():
            names = reads[cell_id] or frozenset()
            if cell_id not in chosen and (bound_names(source) | (names & assigned)) & wanted:
                chosen.add(cell_id)
                wanted |= names
                grew = True
    return chosen


@cached
def _defined(source: str) -> frozenset[str]:
    """Return the names that a cell binds at top level by def, class or import."""
    found = readable(source)
    names: set[str] = set()
    for node in found[1].body if found is not None else ():
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return frozenset(names)
