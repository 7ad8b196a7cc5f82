"""Show the case that an answer fails: its arguments, as values and code, and what it printed."""

from __future__ import annotations

import html
import inspect
import re
import sys
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from grader.protocol.calls import prepared
from grader.protocol.values import Ask, Callback, Ref, Tensor, Verdict
from grader.rules.evaluate import Assessment
from grader.student.calling import MAX_PRINTED, Heard, NotebookCalls
from grader.student.folds import BUTTON, OWN_KEYS
from grader.student.markup import PRE

MAX_NUMBERS = 80  # in code to paste; with more, the code calls ``case`` instead


class Arguments(tuple):
    """The positional arguments of a call, in order.

    ``kwargs`` are those given by name, and ``answer`` is what is called with them.
    """

    answer: Any
    kwargs: dict[str, Any]


@dataclass(frozen=True)
class Failing:
    """A case that an answer fails. It displays what the call printed, and the case as code."""

    exercise: str
    name: str
    ask: Ask
    calls: NotebookCalls
    heard: Heard = field(default_factory=Heard)

    def arguments(self) -> Arguments:
        """Fresh arguments, as the check gives them."""
        answer, args, kwargs = prepared(self.calls.namespace, self.ask, self.calls.callbacks)
        found = Arguments(args)
        found.answer, found.kwargs = answer, kwargs
        return found

    @property
    def code(self) -> str:
        """The case as code to paste into a cell; "" if there is no call to repeat.

        A quiz takes no arguments, and an answer that does not exist cannot be called.
        """
        takes_something = self.ask.args or self.ask.kwargs or self.ask.init is not None
        if not takes_something or self.ask.target not in self.calls.namespace:
            return ""
        return _spelled_out(self.ask, self.calls.namespace.get(self.ask.target)) or (
            "from grader import case\n\n"
            f'arguments = case("{self.exercise}")\n'
            "arguments.answer(*arguments, **arguments.kwargs)"
        )

    @property
    def said(self) -> list[tuple[str, str]]:
        """What the call printed and where it raised, each with a label."""
        printed = self.heard.printed.text
        more = " …" if len(printed) == MAX_PRINTED else ""
        parts = [("Your code printed", printed.rstrip("\n") + more)] if printed.strip() else []
        return parts + (
            [("Your lines when it raised", self.heard.trace)] if self.heard.trace else []
        )

    def __repr__(self) -> str:
        parts = [*self.said, *([("The case as code", self.code)] if self.code else [])]
        indented = [
            f"  {label}:\n" + re.sub("^", "    ", text, flags=re.M) for label, text in parts
        ]
        return "\n".join(indented)

    def _repr_html_(self) -> str:
        said = "".join(
            f"<div>{html.escape(label)}:<pre style='{PRE}'>{html.escape(text)}</pre></div>"
            for label, text in self.said
        )
        if not self.code:
            return f"<div {OWN_KEYS}>{said}</div>" if said else ""
        name = f": {html.escape(self.name)}" if self.name else ""
        return (
            f'<div {OWN_KEYS}>{said}<details style="margin:.4em 0"><summary style="{BUTTON}">'
            f"The failing case as code{name}</summary>"
            f'<pre style="{PRE}">{html.escape(self.code)}</pre></details></div>'
        )


def first_failing(assessment: Assessment, verdict: Verdict, calls: NotebookCalls) -> Failing | None:
    """Return the case that the first failed check names; None if no failed check has one."""
    failed = {check.name for check in verdict.checks if check.tried and not check.passed}
    for check, start, finding in assessment.failed:
        if check.name in failed and check.cases:
            case = assessment.suite.cases[start + min(finding.case, len(check.cases) - 1)]
            heard = calls.heard.get(id(case.ask), Heard())
            return Failing(verdict.exercise, case.name, case.ask, calls, heard)
    return None


def _spelled_out(ask: Ask, answer: Any) -> str:
    """Write a function's call with all its arguments as literals; "" if long or impossible."""
    values = [*ask.args, *ask.kwargs.values()]
    odd = any(isinstance(value, (Ref, Callback)) for value in values)
    if ask.init is not None or ask.steps or ask.after or odd or _count(values) > MAX_NUMBERS:
        return ""
    names = _names(answer, len(ask.args))
    given = [(name, _literal(value)) for name, value in zip(names, ask.args, strict=True)]
    by_name = [f"{key}={_literal(value)}" for key, value in ask.kwargs.items()]
    lines = [f"{name} = {text}" for name, text in given]
    lines.append(f"{ask.target}({', '.join([*names, *by_name])})")
    text = "\n".join(lines)
    modules = {"np.": "import numpy as np", "torch.": "import torch"}
    imports = [line for word, line in modules.items() if word in text]
    return "\n".join([*imports, *([""] if imports else []), text])


def _names(answer: Any, count: int) -> list[str]:
    """Return the names of the first parameters; made up if the signature does not tell."""
    try:
        parameters = inspect.signature(answer).parameters.values()
        names = [
            p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        names = names[:count]
    except (TypeError, ValueError):
        names = []
    return [*names, *(f"argument_{number}" for number in range(len(names) + 1, count + 1))]


def _count(value: Any) -> int:
    """Count the numbers in a value."""
    if isinstance(value, Tensor):
        return value.data.size
    if isinstance(value, np.ndarray):
        return value.size
    if isinstance(value, (list, tuple)):
        return sum(map(_count, value))
    if isinstance(value, dict):
        return sum(map(_count, value.values()))
    return 1 if not isinstance(value, str) else len(value) // 10 + 1


def _literal(value: Any) -> str:
    """Write a value as Python code."""
    if isinstance(value, Tensor):
        return f"torch.tensor({_numbers(value.data, 'torch')}, dtype=torch.{value.data.dtype.name})"
    if isinstance(value, np.ndarray):
        usual = value.size and value.dtype.name in ("float64", "int64", "bool")
        dtype = "" if usual else f', dtype="{value.dtype.name}"'
        return f"np.array({_numbers(value, 'np')}{dtype})"
    if isinstance(value, tuple):
        return f"({', '.join(map(_literal, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key!r}: {_literal(item)}' for key, item in value.items())}}}"
    if isinstance(value, float) and not np.isfinite(value):
        return f'float("{value}")'
    return repr(value)


def _numbers(array: np.ndarray, module: str) -> str:
    """Write an array's numbers as nested lists, each with the fewest digits that give it back."""
    if not array.size:
        return "[]" if array.ndim == 1 else f"{module}.zeros({array.shape})"
    text = np.array2string(array, separator=", ", threshold=sys.maxsize, floatmode="unique")
    text = re.sub(r" +(?=[,\]])|(?<=\[) +", "", re.sub(r"\s+", " ", text))
    return re.sub(r"\b(inf|nan)\b", rf"{module}.\1", text)
