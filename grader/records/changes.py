"""Find which marks a grading changed and why, from the ledger, which has old and new marks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from grader.records.ledger import PENALTY, Line

Key = tuple[str, str]  # student, assignment
LATENESS = "late penalty"


@dataclass(frozen=True)
class Change:
    """A mark that has changed: an exercise's points, or a late penalty."""

    student: str
    assignment: str
    what: str
    old: str
    new: str
    why: str

    @property
    def line(self) -> str:
        """The change as a line of text."""
        return f"{self.student}/{self.assignment}/{self.what}: {self.old} → {self.new}, {self.why}"


@dataclass(frozen=True)
class Standing:
    """The ledger's newest score for one submission, and the penalty for that score."""

    score: Mapping[str, Any] = field(default_factory=dict)
    penalty: Mapping[str, Any] = field(default_factory=dict)

    @property
    def off(self) -> float:
        """Points taken off for lateness."""
        return float(self.penalty.get("points", 0.0))


def changes(lines: Iterable[Line], since: int) -> list[Change]:
    """Return the marks that lines with a number above ``since`` changed.

    A submission's first grading is no change; lines that somebody altered are ignored.
    """
    old: dict[Key, Standing] = {}
    new: dict[Key, Standing] = {}
    for line in lines:
        if line.number <= since:
            _follow(old, old, line)
        else:
            _follow(new, old, line)
    found = []
    for key in sorted(new.keys() & old.keys()):
        found += _compared(key, old[key], new[key])
    return found


def last_run(lines: Iterable[Line]) -> int:
    """Return the number of the last line before the newest run; 0 if that was the first run."""
    newest = 0
    for line in lines:
        if line.entry and line.entry.get("kind") in (None, PENALTY) and not line.fault:
            newest = line.entry.get("run", line.number - 1)
    return newest


def _follow(states: dict[Key, Standing], before: Mapping[Key, Standing], line: Line) -> None:
    entry = line.entry
    if not entry or "altered" in line.fault:
        return
    key = (entry.get("student", ""), entry.get("assignment", ""))
    standing = states.get(key) or before.get(key) or Standing()
    if line.is_score:
        states[key] = Standing(entry)  # a new score: its penalty, if any, is the next line
    elif entry.get("kind") == PENALTY:
        states[key] = Standing(standing.score, entry)


def _compared(key: Key, old: Standing, new: Standing) -> list[Change]:
    found = []
    before, after = _marks(old.score), _marks(new.score)
    for exercise in (*after, *(one for one in before if one not in after)):
        was, now = before.get(exercise), after.get(exercise)
        if was == now:
            continue
        why = _why(old.score, new.score, exercise)
        found.append(Change(*key, exercise, _shown(was, now), _shown(now, was), why))
    if abs(old.off - new.off) > 1e-6:
        why = _why_late(old, new)
        found.append(Change(*key, LATENESS, f"{-old.off or 0:g}", f"{-new.off or 0:g}", why))
    return found


def _marks(entry: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    return {one["id"]: (one["score"], one["max_score"]) for one in entry.get("exercises", ())}


def _shown(mark: tuple[float, float] | None, other: tuple[float, float] | None) -> str:
    """Format points, with their maximum if it differs from the other mark's."""
    if mark is None:
        return "not there"
    points, most = mark
    return f"{points:g}" if other is not None and other[1] == most else f"{points:g} of {most:g}"


def _why(old: Mapping[str, Any], new: Mapping[str, Any], exercise: str) -> str:
    """Say why two gradings of an exercise differ; the likeliest causes are looked at first."""
    if old.get("submission") != new.get("submission"):
        return "a new file"
    was, now = _marks(old).get(exercise), _marks(new).get(exercise)
    if was is None or now is None or was[1] != now[1]:
        return "new points" if was and now else "a new exercise" if now else "a removed exercise"
    if old.get("salt") != new.get("salt"):
        return "another salt, and so other cases"
    checks = _checks(old, new, exercise)
    names = ("course", "engine", "python")
    if any(old.get(name) != new.get(name) for name in names):
        return f"a new check or grader{checks}"
    if (old.get("outcome"), old.get("reason")) != (new.get("outcome"), new.get("reason")):
        return f"the run ended differently: {old.get('outcome')}, now {new.get('outcome')}"
    return f"graded again with nothing changed: please report this{checks}"


def _checks(old: Mapping[str, Any], new: Mapping[str, Any], exercise: str) -> str:
    """List the checks whose results have changed."""
    was, now = (
        {name: passed for one in entry.get("exercises", ()) if one["id"] == exercise
         for name, passed, *_ in one.get("checks", ())}
        for entry in (old, new)
    )  # fmt: skip
    said = [
        f"{name} {'passes' if passed else 'fails'} now"
        for name, passed in now.items()
        if was.get(name, not passed) != passed
    ]
    said += [f"{name} is gone" for name in was if name not in now]
    return f" ({', '.join(said)})" if said else ""


def _why_late(old: Standing, new: Standing) -> str:
    """Say why the late penalty has changed."""
    was, now = old.penalty, new.penalty
    if was.get("due") is not None and now.get("due") is not None and was["due"] != now["due"]:
        return f"the due date was {was['due']} and is {now['due']}"
    for name, said in (("extension", "another extension"), ("handed_in", "another time")):
        if was and now and was.get(name) != now.get(name):
            return said
    if old.score.get("submission") != new.score.get("submission"):
        return "a new file"
    return "a due date, the policy or the score"
