"""``verify``: compare the gradebook with the ledger."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "--course-dir",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path("."),
    help="where gradebook.db and ledger.jsonl are (default: here)",
)
@click.option("--salt", "given", help="the salt, if grading was given one")
def command(course_dir: Path, given: str | None) -> None:
    """Check that nobody changed a mark: walk the ledger, and derive the gradebook's marks from it.

    Exit 1 if a line of the ledger was altered or removed, its end was cut off, or a mark differs
    from the ledger's; each is named. So is a mark that a person gave in place of a check's.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from grader.errors import GradebookError
    from grader.judge.salt import PLACE, salt
    from grader.records.ledger import NAME, LedgerError
    from grader.records.verification import verify

    if not (course_dir / NAME).exists() and not (course_dir / "gradebook.db").exists():
        raise click.UsageError(f"{course_dir} holds neither {NAME} nor gradebook.db")
    if given is None and not (course_dir / PLACE).exists():
        raise click.UsageError(f"there is no {course_dir / PLACE}: name the salt with --salt")
    try:
        result = verify(course_dir, salt(course_dir, given))
    except (LedgerError, GradebookError) as error:
        raise click.ClickException(str(error)) from error
    console = Console()
    if result.differences:
        table = Table(title="what does not agree", show_lines=False)
        table.add_column("where", overflow="fold")
        table.add_column("what", overflow="fold")
        for one in result.differences:
            table.add_row(escape(one.where), escape(one.what))
        console.print(table)
    console.print(
        f"{result.lines} lines and {result.marks} marks looked at: "
        f"{len(result.differences) or 'no'} difference{'s'[: len(result.differences) != 1]}"
    )
    if result.differences:
        raise SystemExit(1)
