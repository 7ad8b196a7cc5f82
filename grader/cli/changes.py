"""``changes``: whose marks the last grading changed, and why."""

from __future__ import annotations

import datetime
from pathlib import Path

import click

from grader.cli._options import course_dir, given_salt, salt_of


@click.command()
@course_dir("where ledger.jsonl is")
@given_salt
@click.option("--since", metavar="DAY", help="changes since this day (UTC), such as 2026-02-01")
def command(course_dir: Path, given: str | None, since: str | None) -> None:
    """Name each mark that the last grading changed: student, exercise, old to new, and why.

    A submission's first marks do not count as changes. What people gave is not listed here; it
    enters the ledger by `verify --accept`.
    """
    from grader.records import ledger
    from grader.records.changes import changes, last_run

    if not (course_dir / ledger.NAME).exists():
        raise click.UsageError(
            f"{course_dir} holds no {ledger.NAME}: grade first, or name the folder with "
            "--course-dir"
        )
    secret = salt_of(course_dir, given)
    if since is not None:
        try:
            since = datetime.date.fromisoformat(since).isoformat()
        except ValueError:
            raise click.UsageError(f"--since {since}: write a day as 2026-02-01") from None
    lines = list(ledger.read(course_dir, secret))
    if any("altered" in line.fault for line in lines):
        click.echo("some lines were altered and are skipped here: run `verify`", err=True)
    if since is None:
        start = last_run(lines)
    else:
        earlier = [line.number for line in lines if line.entry.get("when", "") < since]
        start = max(earlier, default=0)
    found = changes(lines, start)
    for one in found:
        click.echo(one.line)
    click.echo(f"{len(found)} marks changed" if len(found) != 1 else "1 mark changed")
