"""On a system that cannot grade, one line says so at once; students' commands are untouched."""

from __future__ import annotations

import sys

import pytest
from click.testing import CliRunner

from grader.cli import doctor
from grader.commandline import main, needs_linux


@pytest.mark.parametrize(
    ("platform", "command", "said"),
    [
        ("win32", "grade", "this is Windows: run it in WSL"),
        ("win32", "collect", "this is Windows: run it in WSL"),
        ("darwin", "grade", "this is macOS: run it in a Linux container"),
    ],
)
@pytest.mark.parametrize("more", [[], ["submitted", "--no-sandbox", "--jobs", "2"]])
def test_grading_says_at_once_that_it_wants_linux(
    monkeypatch: pytest.MonkeyPatch, platform: str, command: str, said: str, more: list[str]
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    done = CliRunner().invoke(main, [command, *more])
    monkeypatch.undo()
    assert done.exit_code == 1 and isinstance(done.exception, SystemExit)
    (line,) = done.output.splitlines()
    assert said in line and "needs Linux" in line


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_students_commands_run_anywhere(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert needs_linux("check", "grader.student.commands.check") is None


@pytest.mark.parametrize(("gigabytes", "enough"), [(4.1, True), (3.9, False)])
def test_memory_is_counted_in_the_unit_that_is_shown(
    gigabytes: float, enough: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In GB of 1 000 000 000 bytes: a page of memory has a thousand here."""
    sizes = {"SC_PAGE_SIZE": 1000, "SC_PHYS_PAGES": int(gigabytes * 1_000_000)}
    monkeypatch.setattr(doctor.os, "sysconf", sizes.__getitem__)
    (memory,) = (one for one in doctor.machine() if one.what == "memory")
    assert (memory.found, memory.good) == (f"{gigabytes} GB", enough)
    assert ("below 4 GB" in memory.fix) != enough


def test_on_linux_nothing_is_in_the_way() -> None:
    assert needs_linux("grade", "grader.cli.grade") is None
