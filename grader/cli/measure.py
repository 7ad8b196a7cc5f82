"""``measure``: the time and memory that the solved notebooks take."""

from __future__ import annotations

import click

from grader.cli import _options


@click.command()
@_options.lessons
@click.option("--keep/--no-keep", default=True, help="write docs/lessons.json (then run tidy)")
def command(lessons: tuple[str, ...], keep: bool) -> None:
    """Run each solved notebook in a fresh kernel; print its processor seconds and peak memory."""
    from rich.console import Console
    from rich.table import Table

    from grader.authoring import header
    from grader.authoring.measure import budget, measure
    from grader.course.layout import LESSONS, assignment_id

    results = {}
    table = Table(title="one run of each solved notebook")
    for name in ("lesson", "processor seconds", "budget", "peak memory, MB"):
        table.add_column(name, justify="left" if name == "lesson" else "right")
    for lesson in lessons or LESSONS:
        one = results[lesson] = measure(lesson)
        table.add_row(
            assignment_id(lesson),
            f"{one.cpu_seconds:.0f}",
            f"{budget(lesson):g}",
            "not measurable here" if one.peak_megabytes is None else f"{one.peak_megabytes:.0f}",
        )
    Console().print(table)
    if keep:
        header.keep(results)
    over = [n for n, r in results.items() if r.cpu_seconds > budget(n)]
    if over:
        click.echo(f"over the budget: {', '.join(over)}")
        raise SystemExit(1)
