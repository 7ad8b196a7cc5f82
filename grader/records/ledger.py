"""The ledger: one line for every score ever given, in order, chained so that a change shows.

A line holds its number, what was found, the seal of the line before it, and its own seal: an HMAC
under a key that is derived from the course's salt. A second, small file, the head, says how many
lines there are, so that lines missing at the end are noticed. Lines are only ever added; the newest
line for a student and an assignment is the one that counts.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader import files
from grader.errors import LedgerError
from grader.judge.outcome import Outcome

NAME = "ledger.jsonl"
HEAD = Path(".grader") / "ledger.head"
FIRST_SEAL = "0" * 64  # stands for the seal of the line before the first


@dataclass(frozen=True)
class Line:
    """One line as read: its place in the file, its content, and its fault, if it has one."""

    place: int
    number: int
    entry: dict[str, Any]
    seal: str
    fault: str = ""


def entry(outcome: Outcome, facts: dict[str, Any]) -> dict[str, Any]:
    """What a line says about one score. ``facts``: the course's hash, engine, versions, salt id."""
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
    }


class Ledger:
    """The ledger of one course folder, open for adding."""

    def __init__(self, course_dir: Path, secret: bytes) -> None:
        self.path = course_dir / NAME
        self.head = course_dir / HEAD
        self._key = _key(secret)

    def append(self, new: dict[str, Any]) -> None:
        """Add one line, on disk before this returns. LedgerError if the file was changed."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # Formgrader may be grading at the same time
            number, seal = self._tail(file)
            body = {"number": number + 1, "previous": seal, "entry": new}
            sealed = _seal(self._key, body)
            file.write(json.dumps(body | {"seal": sealed}, sort_keys=True).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
            files.write(self.head, json.dumps({"number": number + 1, "seal": sealed}).encode())

    def _tail(self, file: Any) -> tuple[int, str]:
        """Number and seal of the last line, after removing half a line that a kill left there.

        LedgerError unless the last line is sealed and has the number that the head has: to add to
        a ledger that was changed would hide the change behind a good seal.
        """
        size = file.seek(0, os.SEEK_END)
        start = max(0, size - (1 << 20))  # no line is as long as that
        file.seek(start)
        block = file.read()
        whole = block.rfind(b"\n") + 1
        if whole < len(block):
            file.truncate(start + whole)
            file.seek(0, os.SEEK_END)
        head = _read_head(self.head)
        lines = block[:whole].splitlines()
        if not lines:
            if head is not None:
                raise LedgerError(_changed(self.path, "its lines are gone"))
            return 0, FIRST_SEAL
        last = _parse(lines[-1])
        # compare_digest: its time does not tell how much of a forged seal is right.
        if last is None or not hmac.compare_digest(_seal(self._key, _body(last)), last["seal"]):
            raise LedgerError(_changed(self.path, "its last line does not bear this salt's seal"))
        if head is not None and last["number"] < head["number"]:
            raise LedgerError(_changed(self.path, "its last lines are missing"))
        return last["number"], last["seal"]


def read(course_dir: Path, secret: bytes) -> Iterator[Line]:
    """Every line in order, each with its fault, if it has one."""
    path, key = course_dir / NAME, _key(secret)
    number, seal, place = 0, FIRST_SEAL, 0
    if path.exists():
        for raw in path.read_bytes().splitlines(keepends=True):
            place += 1
            parsed = _parse(raw)
            if parsed is None:
                half = "half a line, as a kill leaves it" if raw[-1:] != b"\n" else "not a line"
                yield Line(place, number, {}, "", f"{half} of a ledger")
                continue
            fault = ""
            if not hmac.compare_digest(_seal(key, _body(parsed)), parsed["seal"]):
                fault = "was altered, or sealed under another salt"
            elif parsed["number"] > number + 1:
                fault = f"follows a gap: {_lines(number + 1, parsed['number'] - 1)} removed"
            elif parsed["number"] <= number:
                fault = f"repeats number {parsed['number']}"
            elif parsed["previous"] != seal:
                fault = "does not follow the line before it"
            number, seal = parsed["number"], parsed["seal"]
            yield Line(place, number, parsed["entry"], seal, fault)
    head = _read_head(course_dir / HEAD)
    if head is not None and head["number"] > number:
        text = f"the tail is cut off: {_lines(number + 1, head['number'])} missing"
        yield Line(place + 1, head["number"], {}, "", text)


def _lines(first: int, last: int) -> str:
    return f"line {first} is" if first == last else f"lines {first} to {last} are"


def _key(secret: bytes) -> bytes:
    return hmac.new(secret, b"ledger", hashlib.sha256).digest()


def _seal(key: bytes, body: dict[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True).encode()
    return hmac.new(key, text, hashlib.sha256).hexdigest()


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


def _read_head(path: Path) -> dict[str, Any] | None:
    try:
        head = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise LedgerError(_changed(path, "it is not JSON")) from error
    if not isinstance(head, dict) or type(head.get("number")) is not int:
        raise LedgerError(_changed(path, "it does not say how many lines there are"))
    return head


def _changed(path: Path, how: str) -> str:
    return (
        f"{path} was changed by something else than this grader ({how}). Nothing more is written "
        "to it: see `python -m grader verify`, restore it from a backup, or move it and "
        f"{HEAD.name} away together to begin a new one"
    )
