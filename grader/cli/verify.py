"""``verify``: compare the gradebook, the records and the pages with the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from grader.cli._options import course_dir, given_salt, salt_of

if TYPE_CHECKING:
    from grader.records.verification import Verified


@click.command()
@course_dir("where gradebook.db and ledger.jsonl are")
@given_salt
@click.option(
    "--anchor", "wants_anchor", is_flag=True, help="print a line to keep elsewhere for --since"
)
@click.option("--since", metavar="ANCHOR", default="", help="check the ledger against such a line")
@click.option(
    "--accept", is_flag=True, help="enter what people gave into the ledger; check it first"
)
def command(
    course_dir: Path, given: str | None, wants_anchor: bool, since: str, accept: bool
) -> None:
    """Check that nobody changed a mark: walk the ledger, and derive the gradebook's marks from it.

    Exit 1 if a line of the ledger was altered or removed, its end was cut off, or a mark, a record,
    a page or an executed notebook differs from the ledger; each is named. So is what people gave
    (points, comments, penalties, LMS ids) until it is accepted.
    """
    from grader.records import verification
    from grader.records.ledger import NAME, is_anchor

    if not (course_dir / NAME).exists() and not (course_dir / "gradebook.db").exists():
        raise click.UsageError(
            f"{course_dir} holds neither {NAME} nor gradebook.db: use --course-dir"
        )
    secret = salt_of(course_dir, given)
    if since and not is_anchor(since):
        raise click.UsageError("--since: give a line that `verify --anchor` has printed")
    accepted = verification.accept(course_dir, secret) if accept else 0
    result = verification.verify(course_dir, secret, since)
    if wants_anchor and not result.differences:
        if not result.anchor:
            raise click.ClickException("the ledger has no lines yet: there is nothing to anchor")
        click.echo(result.anchor)
        return
    console = Console()
    if accept:
        console.print(f"new lines in the ledger about what people gave: {accepted}")
    _print(console, result)
    if result.differences:
        raise SystemExit(1)


def _print(console: Console, result: Verified) -> None:
    if result.differences:
        table = Table(title="what does not agree", show_lines=False)
        table.add_column("where", overflow="fold")
        table.add_column("what", overflow="fold")
        for one in result.differences:
            table.add_row(escape(one.where), escape(one.what))
        console.print(table)
    for remark in result.remarks:
        console.print(escape(remark))
    if any(one.by_person for one in result.differences):
        console.print(
            "The gradebook keeps no name or time for what people gave. Once you have "
            "checked it, `python -m grader verify --accept` enters it into the ledger."
        )
    console.print(
        f"{result.lines} lines and {result.marks} marks looked at: "
        f"{len(result.differences) or 'no'} difference{'s'[: len(result.differences) != 1]}"
    )
