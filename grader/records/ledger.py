"""The ledger: one line for every score ever given, in order, chained so that a change shows.

A line holds its number, its entry, the seal of the line before it, and its own seal: an HMAC under
a key derived from the course's salt. A second, small file, the head, says how many lines there are,
so that lines missing at the end are noticed; it is sealed, too. Lines are only ever added; the
newest line for a student and an assignment is the one that counts.

Some lines hold, instead of a score, points taken off for lateness, or what a person gave (see
:mod:`grader.records.given`). Their entry has a ``kind``.

Whoever keeps an old copy of both files can put it back, and nothing inside the folder shows that.
An anchor, the number and seal of the last line kept elsewhere, does show it.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import hashlib
import hmac
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader import files
from grader.errors import LedgerError
from grader.judge.outcome import Outcome

NAME = "ledger.jsonl"
HEAD = Path(".grader") / "ledger.head"
FIRST_SEAL = "0" * 64  # the first line's "seal of the line before"
PENALTY = "penalty"  # the kind of lines about points taken off for lateness
FORM = 2  # the form of lines since heads have been sealed; older lines do not name a form
_ANCHOR = re.compile(r"([1-9]\d{0,11}):([0-9a-f]{64})")


@dataclass(frozen=True)
class Line:
    """One line as read: its place in the file, its content, and its fault, if any."""

    place: int
    number: int
    entry: dict[str, Any]
    seal: str
    fault: str = ""

    @property
    def is_score(self) -> bool:
        """Whether this is an intact line with a score."""
        return bool(self.entry) and "altered" not in self.fault and "kind" not in self.entry


@dataclass(frozen=True)
class Head:
    """The head as read; ``sealed`` is False if it was written before heads were sealed."""

    number: int
    seal: str
    sealed: bool


def entry(
    outcome: Outcome, facts: dict[str, Any], written: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the entry of a line about one score.

    ``facts``: the course's hash, engine, versions, salt id. ``written``: the digests of the files
    written with the score (see :mod:`grader.records.written`).
    """
    return {
        "when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "student": outcome.student,
        "assignment": outcome.assignment,
        "outcome": outcome.outcome,
        "reason": outcome.reason,
        "score": outcome.score,
        "max_score": outcome.max_score,
        "submission": outcome.digest,
        "sandbox": outcome.sandbox,
        **facts,
        "exercises": [
            {
                "id": verdict.exercise,
                "score": min(max(verdict.score, 0.0), verdict.max_score),
                "max_score": verdict.max_score,
                "carried": verdict.exercise in outcome.carried,
                "checks": [
                    [c.name, c.passed, c.misconception.id if c.misconception else None]
                    for c in verdict.checks
                ],
            }
            for verdict in outcome.verdicts
        ],
        "human": [
            {"id": name, "max_score": points, "answered": answered}
            for name, (points, answered) in outcome.humans.items()
        ],
        "written": dict(written or {}),
    }


def penalty_entry(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the entry of a line about a penalty (see :func:`grader.records.late.penalty_facts`).

    It applies to the newest score before it, until the next such line or score.
    """
    when = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return {"kind": PENALTY, "when": when, **facts}


class Ledger:
    """The ledger of one course folder, open for adding."""

    def __init__(self, course_dir: Path, secret: bytes) -> None:
        self.path = course_dir / NAME
        self.head = course_dir / HEAD
        self._key = _key(secret)

    def append(self, new: dict[str, Any]) -> None:
        """Add one line and flush it to disk. LedgerError if the ledger was tampered with."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # Formgrader may be grading at the same time
            number, seal = self._tail(file)
            if number == 0:
                # Before the first line, so that no kill leaves a ledger with lines but no head.
                self._write_head(0, FIRST_SEAL)
            body = {"number": number + 1, "previous": seal, "entry": new | {"form": FORM}}
            sealed = _seal(self._key, body)
            file.write(json.dumps(body | {"seal": sealed}, sort_keys=True).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
            # After the line: a kill in between leaves the head behind, which _tail accepts. A head
            # that is ahead looks as if lines had been removed.
            self._write_head(number + 1, sealed)

    def length(self) -> int:
        """Return the number of the last line by the head. LedgerError if the head was altered."""
        head = _read_head(self.head, self._key)
        return 0 if head is None else head.number

    def _write_head(self, number: int, seal: str) -> None:
        body = {"number": number, "seal": seal}
        head = body | {"mac": _seal(_head_key(self._key), body)}
        files.write(self.head, json.dumps(head).encode())

    def _tail(self, file: Any) -> tuple[int, str]:
        """Return the number and seal of the last line, after removing half a line left by a kill.

        LedgerError unless the last line is sealed and agrees with the head: adding to a ledger that
        was changed would hide the change behind a good seal.
        """
        size = file.seek(0, os.SEEK_END)
        start = max(0, size - (1 << 20))  # no line is that long
        file.seek(start)
        block = file.read()
        whole = block.rfind(b"\n") + 1
        if whole < len(block):
            file.truncate(start + whole)
            file.seek(0, os.SEEK_END)
        head = _read_head(self.head, self._key)
        lines = block[:whole].splitlines()
        if not lines:
            if head is not None and head.number > 0:
                raise LedgerError(_changed(self.path, "its lines are gone"))
            return 0, FIRST_SEAL
        last = _parse(lines[-1])
        if last is None or not _same(_seal(self._key, _body(last)), last["seal"]):
            raise LedgerError(_changed(self.path, "its last line is not sealed under this salt"))
        if head is None:
            raise LedgerError(_changed(self.path, f"{HEAD.name} is gone"))
        if not head.sealed and _form(last["entry"]) >= FORM:
            raise LedgerError(_changed(self.head, "it has no seal"))
        if last["number"] < head.number:
            raise LedgerError(_changed(self.path, "its last lines are missing"))
        if last["number"] == head.number and last["seal"] != head.seal:
            raise LedgerError(_changed(self.path, "its last line is a different one"))
        return last["number"], last["seal"]


def read(course_dir: Path, secret: bytes) -> Iterator[Line]:
    """Yield every line in order, each with its fault, if any."""
    path, key = course_dir / NAME, _key(secret)
    number, seal, place = 0, FIRST_SEAL, 0
    if path.exists():
        for raw in path.read_bytes().splitlines(keepends=True):
            place += 1
            parsed = _parse(raw)
            if parsed is None:
                half = "half a line, from a run that was killed"
                fault = "not a line of a ledger" if raw[-1:] == b"\n" else half
                yield Line(place, number, {}, "", fault)
                continue
            fault = ""
            if not _same(_seal(key, _body(parsed)), parsed["seal"]):
                fault = "was altered, or sealed under another salt"
            elif parsed["number"] > number + 1:
                fault = f"follows a gap: {_lines(number + 1, parsed['number'] - 1)} removed"
            elif parsed["number"] <= number:
                fault = f"repeats number {parsed['number']}"
            elif parsed["previous"] != seal:
                fault = "does not follow the line before it"
            number, seal = parsed["number"], parsed["seal"]
            yield Line(place, number, parsed["entry"], seal, fault)


def look_at_head(course_dir: Path, secret: bytes, lines: Sequence[Line]) -> tuple[str, str]:
    """Return what is wrong with the head or the ledger's end, and a remark; both may be empty."""
    try:
        head = _read_head(course_dir / HEAD, _key(secret))
    except LedgerError as error:
        return str(error), ""
    numbered = {line.number: line for line in lines if line.seal}
    last = max(numbered, default=0)
    if head is None:
        return ("is gone: lines at the end may be missing" if last else ""), ""
    if head.number > last:
        return f"the tail is cut off: {_lines(last + 1, head.number)} missing", ""
    if head.number in numbered and numbered[head.number].seal != head.seal:
        return f"belongs to another ledger: line {head.number} is not the one it names", ""
    if head.sealed:
        return "", ""
    if any(_form(line.entry) >= FORM for line in lines):
        return "has no seal, though lines come from a version that seals it", ""
    return "", (
        f"{HEAD.name} was written by an earlier version and has no seal: it cannot show whether "
        "lines at the end are missing. The next grading seals it"
    )


def anchor(lines: Sequence[Line]) -> str:
    """Return the last line's number and seal as a text to keep elsewhere; empty without lines."""
    return f"{lines[-1].number}:{lines[-1].seal}" if lines and lines[-1].seal else ""


def is_anchor(text: str) -> bool:
    """Tell whether a text has the form of an anchor."""
    return bool(_ANCHOR.fullmatch(text))


def changed_since(text: str, lines: Sequence[Line]) -> str:
    """Say why the ledger does not continue the one with this anchor; empty if it does."""
    found = _ANCHOR.fullmatch(text)
    assert found is not None
    number, seal = int(found[1]), found[2]
    last = max((line.number for line in lines if line.seal), default=0)
    if last < number:
        return f"ends with line {last}; when the anchor was noted, it had line {number}"
    # The seal covers the seal of the line before it, and so every line up to the anchor.
    if not any(line.number == number and line.seal == seal for line in lines):
        return f"line {number} is not the one that the anchor was made from"
    return ""


def _lines(first: int, last: int) -> str:
    return f"line {first} is" if first == last else f"lines {first} to {last} are"


def _key(secret: bytes) -> bytes:
    return hmac.new(secret, b"ledger", hashlib.sha256).digest()


def _seal(key: bytes, body: dict[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True).encode()
    return hmac.new(key, text, hashlib.sha256).hexdigest()


def _same(right: str, found: str) -> bool:
    """Compare seals in constant time, which does not reveal how much of a forged one is right."""
    return hmac.compare_digest(right.encode(), found.encode("utf-8", "replace"))


def _body(parsed: dict[str, Any]) -> dict[str, Any]:
    return {name: parsed[name] for name in ("number", "previous", "entry")}


def _parse(raw: bytes) -> dict[str, Any] | None:
    with contextlib.suppress(ValueError, RecursionError):
        parsed = json.loads(raw)
        if isinstance(parsed, dict) and parsed.keys() == {"number", "previous", "entry", "seal"}:
            types = {"number": int, "previous": str, "entry": dict, "seal": str}
            if all(type(parsed[name]) is kind for name, kind in types.items()):
                return parsed
    return None


def _form(entry_read: Mapping[str, Any]) -> int:
    form = entry_read.get("form", 1)
    return form if type(form) is int else 1


def _head_key(key: bytes) -> bytes:
    """Return a key for heads alone, so that no line's seal can pass for a head's."""
    return hmac.new(key, b"head", hashlib.sha256).digest()


def _read_head(path: Path, key: bytes) -> Head | None:
    """Read the head; None if there is none. LedgerError if it was altered."""
    try:
        head = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError) as error:
        raise LedgerError(_changed(path, "it is not JSON")) from error
    types = {"number": int, "seal": str}
    if not isinstance(head, dict) or any(type(head.get(k)) is not t for k, t in types.items()):
        raise LedgerError(_changed(path, "it does not say how many lines there are"))
    body = {name: head[name] for name in types}
    mac = head.get("mac")
    if mac is not None:
        if not isinstance(mac, str) or not _same(_seal(_head_key(key), body), mac):
            raise LedgerError(_changed(path, "it is not sealed under this salt"))
    return Head(head["number"], head["seal"], mac is not None)


def _changed(path: Path, how: str) -> str:
    return (
        f"{path} was changed by something other than this grader ({how}). Nothing more is written "
        "to it: see `python -m grader verify`, restore it from a backup, or move it and "
        f"{HEAD.name} away together to begin a new one"
    )
