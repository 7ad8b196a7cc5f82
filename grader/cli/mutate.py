"""``mutate``: try the checks on generic mutants of every solution."""

from __future__ import annotations

from pathlib import Path

import click

from grader.cli import _options


@click.command()
@_options.lessons
@click.option("--markdown", type=click.Path(path_type=Path), help="write the run as a page")
def command(lessons: tuple[str, ...], markdown: Path | None) -> None:
    """Change one small thing in a solution at a time, and see whether a check notices.

    Exit 1 if a mutant survives that nobody has explained, or an explained one is caught.
    """
    from rich.console import Console
    from rich.progress import track

    from grader.authoring.derived import MUTANTS
    from grader.authoring.mutants import page, run

    if lessons and markdown is not None:
        raise click.UsageError("--markdown writes the page of all lessons: leave out --lesson")
    stamp = MUTANTS.stamp() if markdown is not None else ""
    console = Console(stderr=True)
    found = list(track(run(lessons), "mutants", console=console))
    for one in found:
        if not one.ok:
            said = f"caught by {one.caught_by!r}, though explained" if one.caught_by else "survives"
            click.echo(f"{one.mutant.exercise}: {one.mutant.change}: {said}")
    bad = sum(not one.ok for one in found)
    caught = sum(bool(one.caught_by) for one in found)
    click.echo(
        f"{len(found)} mutants, {caught} caught, {len(found) - caught} survive, {bad} faults"
    )
    if markdown is not None:
        markdown.write_text(f"{page(found)}\n{stamp}", encoding="utf-8")
    if bad:
        raise SystemExit(1)
