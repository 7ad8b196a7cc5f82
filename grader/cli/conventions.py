"""``conventions``: the table exercise × convention, and its gaps."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("--markdown", type=click.Path(path_type=Path), help="write the table as a page")
def command(markdown: Path | None) -> None:
    """Show which conventions of the contract each exercise's checks hold it to.

    Exit 1 if a convention that holds for an exercise is not checked, on a path of its options.
    """
    from grader.authoring.derived import CONVENTIONS
    from grader.course.conventions import cells, page, table_of_course

    stamp = CONVENTIONS.stamp() if markdown is not None else ""
    table = table_of_course()
    found = list(cells(table))
    text = page(table, found)
    gaps = [cell for cell in found if cell.gaps]
    if markdown is not None:
        markdown.write_text(f"{text}\n{stamp}", encoding="utf-8")
    else:
        click.echo(text)
    for cell in gaps:
        paths = ", ".join(path or "no option" for path in cell.gaps)
        click.echo(f"{cell.exercise}: {cell.convention} is not checked ({paths})")
    if gaps:
        raise SystemExit(1)
