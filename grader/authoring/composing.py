"""Compose wrong answers of the known mistakes, as students combine and vary them.

- *two at once*: the source of a known mistake is merged with that of another one, line by line, as
  two changes of the solution are, or one of COMPANIONS is made of its result or its arguments;
- *another constant*: a number with a decimal point in the source of a known mistake is changed;
- *another axis or count*: a whole number there is changed, which is seldom the same mistake;
- *an error besides*: one of ERRORS is raised in some or all calls.
"""

from __future__ import annotations

import ast
import copy
import difflib
import functools
import inspect
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from grader.course.exercises import home_of
from grader.course.versions import Version, families, solution

# --- what is made of an answer ------------------------------------------------------------------


def _mapped(result: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(result, (tuple, list)):
        return type(result)(_mapped(item, change) for item in result)
    if isinstance(result, dict):
        return {key: _mapped(item, change) for key, item in result.items()}
    return change(result) if hasattr(result, "dtype") else result


def _and_doubles_the_first(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    result = function(*args, **kwargs)
    for arg in args[:1]:
        if hasattr(arg, "dtype") and arg.ndim:
            arg[...] = arg * 2
    return result


def _float32(value: Any) -> Any:
    return value.float() if hasattr(value, "float") else value.astype(np.float32)


def _detached(value: Any) -> Any:
    return value.detach() if hasattr(value, "detach") else value


def _reversed(result: Any) -> Any:
    return tuple(reversed(result)) if isinstance(result, tuple) else result


def _first(result: Any) -> Any:
    return result[0] if isinstance(result, tuple) else result


def _doubled(value: Any) -> Any:
    return value * 2


def _with_an_axis(value: Any) -> Any:
    return value[None]


# Each takes (the answer's function, its arguments by place and by name).
COMPANIONS: dict[str, Callable[..., Any]] = {
    "cut from the graph": lambda f, *a, **k: _mapped(f(*a, **k), _detached),
    "float32": lambda f, *a, **k: _mapped(f(*a, **k), _float32),
    "the pair exchanged": lambda f, *a, **k: _reversed(f(*a, **k)),
    "the first part alone": lambda f, *a, **k: _first(f(*a, **k)),
    "doubled": lambda f, *a, **k: _mapped(f(*a, **k), _doubled),
    "an axis too many": lambda f, *a, **k: _mapped(f(*a, **k), _with_an_axis),
    "writes into the first argument": _and_doubles_the_first,
}


def _unpacks(count: int) -> Callable[..., Any]:
    def call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        for arg in args[:1]:
            if hasattr(arg, "shape"):
                sizes = tuple(arg.shape)
                if len(sizes) != count:
                    few = "not enough" if len(sizes) < count else "too many"
                    raise ValueError(f"{few} values to unpack (expected {count})")
        return function(*args, **kwargs)

    return call


def _asks_for_truth(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    for arg in (*args, *kwargs.values())[-1:]:
        bool(arg)
    return function(*args, **kwargs)


def _adds_a_vector(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    result = function(*args, **kwargs)
    first = result[0] if isinstance(result, tuple) else result
    if hasattr(first, "shape"):
        _ = first + (np.zeros(7) if isinstance(first, np.ndarray) else first.new_zeros(7))
    return result


ERRORS: dict[str, Callable[..., Any]] = {
    "two sizes of the shape": _unpacks(2),
    "three sizes of the shape": _unpacks(3),
    "the last argument asked for its truth": _asks_for_truth,
    "a vector of seven added": _adds_a_vector,
}


# --- composing ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Composed:
    """A wrong answer, how it was made, and the names of the mistakes that went into it."""

    how: str
    what: str
    version: Version
    parts: frozenset[str] = frozenset()
    companion: Version | None = field(default=None, compare=False)


def wrapped(version: Version, change: Callable[..., Any], name: str) -> Version:
    """The answer with something done to its calls."""
    if not inspect.isclass(version.target):
        called = functools.partial(change, version.target)
        return Version(version.exercise, name, called, version.module)
    own: Any = version.target

    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        return change(functools.partial(own.forward, self), *args, **kwargs)

    target = type(version.exercise, (own,), {"forward": forward})
    return Version(version.exercise, name, target, version.module)


def compiled(version: Version, text: str, name: str) -> Version | None:
    """The answer with another source; None if that does not even define it."""
    namespace = dict(version.namespace)
    try:
        exec(compile(text, "<composed>", "exec"), namespace)
    except Exception:  # a merge that is no program is no answer
        return None
    own = version.target.func if isinstance(version.target, functools.partial) else version.target
    made = namespace.get(own.__name__)
    if made is None:
        return None
    return Version(version.exercise, name, made, version.module, text=text)


def source_of(version: Version) -> str:
    """The source without decorators; "" if a variant has none of its own."""
    if isinstance(version.target, functools.partial):
        return ""
    tree = ast.parse(textwrap.dedent(inspect.getsource(version.target)))
    node = tree.body[0]
    assert isinstance(node, ast.FunctionDef | ast.ClassDef)
    node.decorator_list = []
    return ast.unparse(tree) + "\n"


CONSTANT, AXIS = "another constant", "another axis or count"


def with_other_numbers(text: str) -> Iterator[tuple[float, str, str]]:
    """Each number of a function's body changed, one at a time.

    They come as (the number that was there, what was done, the source).
    """
    tree = ast.parse(text)
    places = [
        number
        for number, node in enumerate(ast.walk(tree))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, int | float)
        and not isinstance(node.value, bool)
    ]
    for place in places:
        old = list(ast.walk(tree))[place].value  # type: ignore[attr-defined]
        others = (old * 3, old / 10) if isinstance(old, float) else (old + 1, old + 2)
        for new in others:
            changed = copy.deepcopy(tree)
            list(ast.walk(changed))[place].value = new  # type: ignore[attr-defined]
            yield old, f"{new!r} for {old!r}", ast.unparse(changed) + "\n"


def merged(base: str, one: str, other: str) -> str | None:
    """Both changes of the base, as a three-way merge makes them; None where they meet."""
    lines = base.splitlines()
    edits = []
    for text in (one, other):
        matcher = difflib.SequenceMatcher(a=lines, b=text.splitlines(), autojunk=False)
        changes = [op for op in matcher.get_opcodes() if op[0] != "equal"]
        edits += [(a, b, text.splitlines()[c:d]) for _, a, b, c, d in changes]
    edits.sort(key=lambda edit: edit[:2])
    if any(second[0] < first[1] or second[:2] == first[:2] for first, second in pairs(edits)):
        return None
    for start, end, new in reversed(edits):
        lines[start:end] = new
    return "\n".join(lines) + "\n"


def pairs(items: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Each item with the one after it."""
    yield from zip(items, items[1:], strict=False)


def composed(exercise: str, rng: np.random.Generator, each: int) -> Iterator[Composed]:
    """Composed wrong answers to an exercise: ``each`` of every kind, or as many as there are."""
    lesson = home_of(exercise)
    right = solution(lesson, exercise)
    known = [one for one in families(lesson, exercise) if one.label == one.name]
    kinds = [
        list(_with_companions(known, right, COMPANIONS, "two at once")),
        list(_merged_pairs(known)),
        list(_renumbered(known)),
        list(_with_companions(known, right, ERRORS, "an error besides")),
    ]
    for made in kinds:
        order = rng.permutation(len(made))[:each]
        yield from (made[int(place)] for place in sorted(order))


def _with_companions(
    known: Sequence[Version], right: Version, changes: dict[str, Callable[..., Any]], how: str
) -> Iterator[Composed]:
    for one in known:
        for name, change in changes.items():
            what = f"{one.name}, {name}"
            made, companion = wrapped(one, change, what), wrapped(right, change, name)
            yield Composed(how, what, made, frozenset({one.name}), companion)


def _merged_pairs(known: Sequence[Version]) -> Iterator[Composed]:
    """Pairs that differ from a third known mistake's source in different lines."""
    texts = {one.name: source_of(one) for one in known}
    for base in known[:6]:
        for number, one in enumerate(known):
            for other in known[number + 1 :]:
                if base in (one, other):
                    continue
                head, *_ = texts[base.name].splitlines()
                bodies = ["\n".join([head, *texts[v.name].splitlines()[1:]]) for v in (one, other)]
                text = merged(texts[base.name], *bodies)
                if text is None:
                    continue
                made = compiled(base, text, f"{one.name} and {other.name}")
                if made is not None:
                    parts = frozenset({one.name, other.name})
                    yield Composed("two at once", made.name, made, parts)


def _renumbered(known: Sequence[Version]) -> Iterator[Composed]:
    for one in known:
        for number, what, text in with_other_numbers(source_of(one)):
            made = compiled(one, text, f"{one.name} with {what}")
            if made is not None:
                how = CONSTANT if isinstance(number, float) else AXIS
                yield Composed(how, made.name, made, frozenset({one.name}))


def has_all_of(text: str, known: str) -> bool:
    """Whether a class defines all that another class defines, word for word, on the same bases.

    Not for functions: one that leaves a line out would be part of one that has it.
    """
    one, other = (ast.parse(source).body[0] for source in (text, known))
    if not isinstance(one, ast.ClassDef) or not isinstance(other, ast.ClassDef):
        return False
    own, due = ({ast.dump(node) for node in found.body + found.bases} for found in (one, other))
    return due <= own
