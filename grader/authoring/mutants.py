"""Generic mutants: every solution with one small thing changed, each tried by the checks.

Named misconceptions are what people get wrong; mutants are what nobody thought of. A mutant that
passes every check shows a hole in the checks, unless it computes the same function. The lesson's
module ``equivalent_mutants`` explains those that do. Its ``EQUIVALENT`` gives, by exercise, each
surviving change with the reason; its ``FREE`` gives, by exercise, why any change of the answer is
another right answer, so that the exercise has no mutants.
"""

from __future__ import annotations

import ast
import copy
import functools
import importlib
import resource
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from grader.course.exercises import exercises
from grader.course.layout import LESSONS, SOLUTIONS, assignment_id, module_of
from grader.course.sources import answer_source
from grader.course.specification import Exercise
from grader.course.versions import solution
from grader.protocol.calls import DirectCalls
from grader.protocol.values import CheckSuite
from grader.rules.rule import Finding, rule_named
from grader.threads import one_thread


def change(before: str, after: str) -> str:
    """A mutant's change as ``EQUIVALENT`` writes it."""
    return f"{before}  →  {after}"


@functools.cache
def known_mutants(lesson: str, table: str) -> dict[str, Any]:
    """The lesson's table ``EQUIVALENT`` or ``FREE``; empty if it has none."""
    if not (SOLUTIONS / lesson / "equivalent_mutants.py").is_file():
        return {}
    module = importlib.import_module(module_of(lesson, "equivalent_mutants"))
    return dict(getattr(module, table, {}))


DRAWS = (b"mutants 1", b"mutants 2")
# Processor time for one mutant. After that an alarm each second: a call turns one into a failure.
SECONDS = 20.0
MEMORY = 8 << 30  # bytes of address space

_BINARY: dict[type, tuple[type, ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Mult,),
    ast.Pow: (ast.Mult,),
    ast.Mod: (ast.FloorDiv,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
}
_COMPARE: dict[type, tuple[type, ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt,),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt,),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_NAMES = (
    ("sin", "cos"),
    ("max", "min"),
    ("amax", "amin"),
    ("maximum", "minimum"),
    ("all", "any"),
    ("tril", "triu"),
    ("zeros", "ones"),
    ("zeros_like", "ones_like"),
    ("exp", "log"),
    ("sum", "mean"),
    ("norm1", "norm2"),
    ("W_query", "W_key"),
    ("train", "eval"),
    ("up", "down"),
)
_OTHER = {a: b for pair in _NAMES for a, b in (pair, pair[::-1])}


@dataclass(frozen=True)
class Mutant:
    """One change: its line before and after, and the whole changed text."""

    exercise: str
    before: str
    after: str
    source: str

    @property
    def change(self) -> str:
        return change(self.before, self.after)


@dataclass(frozen=True)
class Fate:
    """What became of a mutant: the check that caught it, or ""."""

    lesson: str
    mutant: Mutant
    caught_by: str

    @property
    def why(self) -> str:
        """Why the mutant may survive: how it is the same function. "" if nobody has said."""
        return (
            known_mutants(self.lesson, "EQUIVALENT")
            .get(self.mutant.exercise, {})
            .get(self.mutant.change, "")
        )

    @property
    def ok(self) -> bool:
        return bool(self.caught_by) != bool(self.why)


def mutants(lesson: str, exercise: str) -> Iterator[Mutant]:
    """All mutants of one solution. ``__init__`` is handed out, but students may rewrite it."""
    tree = ast.parse(answer_source(lesson, exercise))
    original = ast.unparse(tree).splitlines()
    seen = {ast.unparse(tree)}
    for place, node in enumerate(_own_nodes(tree)):
        for number in range(_changes(node)):
            other = copy.deepcopy(tree)
            target = list(_own_nodes(other))[place]
            _apply(target, number)
            text = ast.unparse(ast.fix_missing_locations(other))
            if text not in seen:
                seen.add(text)
                before, after = _first_difference(original, text.splitlines())
                yield Mutant(exercise, before, after, text)


def _own_nodes(tree: ast.Module) -> list[ast.AST]:
    """Nodes that a student writes: no docstrings, no signatures."""
    found: list[ast.AST] = []
    pending: list[ast.AST] = [tree.body[0]]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.ClassDef):
            pending += [n for n in node.body if isinstance(n, ast.FunctionDef)]
        elif isinstance(node, ast.FunctionDef):
            documented = ast.get_docstring(node) is not None
            pending += node.body[1:] if documented else node.body
        else:
            found.append(node)
            pending += ast.iter_child_nodes(node)
    return found


def _variants(node: ast.AST) -> list[Any]:
    """Ways to change a node: functions that change it in place."""
    if isinstance(node, ast.BinOp):
        ways = [_setter("op", new()) for new in _BINARY.get(type(node.op), ())]
        if isinstance(node.op, (ast.Sub, ast.Div, ast.MatMult, ast.FloorDiv)):
            ways.append(_swap_sides)
        return ways
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return [_setter("ops", [new()]) for new in _COMPARE.get(type(node.ops[0]), ())]
    if isinstance(node, ast.BoolOp):
        return [_setter("op", ast.Or() if isinstance(node.op, ast.And) else ast.And())]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not, ast.Invert)):
        return [_setter("op", ast.UAdd() if isinstance(node.op, ast.USub) else _other_unary(node))]
    if isinstance(node, ast.Constant):
        return [_setter("value", value) for value in _other_values(node.value)]
    if isinstance(node, ast.Attribute) and node.attr in _OTHER:
        return [_setter("attr", _OTHER[node.attr])]
    if isinstance(node, ast.Call):
        ways = [_swap_arguments, _drop_last_argument] if len(node.args) >= 2 else []
        return ways + [_drop_keyword(i) for i in range(len(node.keywords))]
    if isinstance(node, (ast.If, ast.IfExp, ast.While)):
        return [_setter("test", ast.Constant(value)) for value in (True, False)]
    if isinstance(node, ast.Tuple) and isinstance(node.ctx, ast.Load) and len(node.elts) == 2:
        return [_reverse]
    if isinstance(node, (ast.Expr, ast.AugAssign)):
        return [_to_nothing]
    return []


def _other_unary(node: ast.UnaryOp) -> ast.unaryop:
    """``~`` for ``not``, and ``not`` for ``~``."""
    return ast.Not() if isinstance(node.op, ast.Invert) else ast.Invert()


def _other_values(value: object) -> list[object]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value - 1]
    if isinstance(value, float):
        return [value * 2, value + 1]
    return []


def _setter(name: str, value: Any) -> Any:
    return lambda node: setattr(node, name, value)


def _swap_sides(node: Any) -> None:
    node.left, node.right = node.right, node.left


def _swap_arguments(node: Any) -> None:
    node.args[0], node.args[1] = node.args[1], node.args[0]


def _drop_last_argument(node: Any) -> None:
    """What an argument with a default says is easily forgotten."""
    node.args.pop()


def _drop_keyword(index: int) -> Any:
    return lambda node: node.keywords.pop(index)


def _reverse(node: Any) -> None:
    node.elts.reverse()


def _to_nothing(node: Any) -> None:
    node.__class__ = ast.Pass
    node._fields = ()


def _changes(node: ast.AST) -> int:
    return len(_variants(node))


def _apply(node: ast.AST, number: int) -> None:
    _variants(node)[number](node)


def _first_difference(before: Sequence[str], after: Sequence[str]) -> tuple[str, str]:
    for old, new in zip(before, after, strict=False):
        if old != new:
            return old.strip(), new.strip()
    return "(the end)", "(nothing)"


def fate(lesson: str, exercise: Exercise, mutant: Mutant, suites: Sequence[CheckSuite]) -> Fate:
    """Try the checks on one mutant, until one of them catches it."""
    base = solution(lesson, exercise.id).namespace
    namespace = dict(base)
    try:
        exec(compile(mutant.source, f"<mutant of {exercise.id}>", "exec"), namespace)
    except Exception as error:  # its definition alone fails
        return Fate(lesson, mutant, f"(its cell raises {type(error).__name__})")
    for suite in suites:
        callbacks = exercise.callbacks(suite) if exercise.callbacks else {}
        calls = DirectCalls(namespace, callbacks.__getitem__)
        for check in suite.checks:
            replies = calls.ask(case.ask for case in check.cases)
            if isinstance(rule_named(check.rule)(check, replies), Finding):
                return Fate(lesson, mutant, check.name)
    return Fate(lesson, mutant, "")


def fates(lesson: str, exercise: Exercise) -> Iterator[Fate]:
    """The fate of every mutant of one solution. Bounded in time and memory: a mutant may loop."""
    one_thread()
    suites = [exercise.suite(draw) for draw in DRAWS]
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    old = signal.signal(signal.SIGPROF, _too_long)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, hard))
    try:
        for mutant in mutants(lesson, exercise.id):
            signal.setitimer(signal.ITIMER_PROF, SECONDS, 1.0)
            try:
                yield fate(lesson, exercise, mutant, suites)
            except TimeoutError:  # the alarm came between two calls; within one, it is a failure
                yield Fate(lesson, mutant, "(it takes too long)")
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
    finally:
        signal.signal(signal.SIGPROF, old)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _too_long(*_: object) -> None:
    raise TimeoutError("a mutant that does not end")


def run(lessons: Sequence[str] = ()) -> Iterator[Fate]:
    """The fate of every mutant of every solution. Exercises in ``FREE`` and quizzes have none."""
    for lesson in lessons or LESSONS:
        for exercise in exercises(lesson):
            if exercise.id not in known_mutants(lesson, "FREE") and not exercise.id.startswith(
                "quiz_"
            ):
                yield from fates(lesson, exercise)


def page(found: Sequence[Fate]) -> str:
    """The run as a Markdown page: how many were caught, and each survivor with its reason."""
    caught = [one for one in found if one.caught_by]
    lines = [
        "# Mutants",
        "",
        f"{len(found)} mutants of the solutions, each with one operator, constant, argument,",
        f"keyword, name or condition changed: {len(caught)} caught by a check, and",
        f"{len(found) - len(caught)} that survive, each with the reason why nothing in",
        "the contract tells it from the original. Made by",
        "`python -m grader mutate --markdown docs/mutants.md`.",
        "",
        "Left out, because their answers are free and a changed answer is another right one:",
        *(
            f"- `{name}`: {why}"
            for lesson in LESSONS
            for name, why in known_mutants(lesson, "FREE").items()
        ),
    ]
    for lesson in dict.fromkeys(one.lesson for one in found):
        lines += ["", f"## {assignment_id(lesson)}", "", "| exercise | mutants | caught |"]
        lines += ["| --- | --- | --- |"]
        own = [one for one in found if one.lesson == lesson]
        names = list(dict.fromkeys(one.mutant.exercise for one in own))
        for name in names:
            these = [one for one in own if one.mutant.exercise == name]
            lines.append(f"| `{name}` | {len(these)} | {sum(bool(f.caught_by) for f in these)} |")
        for one in [one for one in own if not one.caught_by]:
            why = one.why or "**not explained**"
            lines += ["", f"- `{one.mutant.exercise}`: {why}", "", "  ```python"]
            lines += [f"  {one.mutant.before}", f"  {one.mutant.after}", "  ```"]
    return "\n".join(lines) + "\n"
