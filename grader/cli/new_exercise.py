"""``new-exercise``: add a small complete exercise, to be replaced piece by piece."""

from __future__ import annotations

import click


@click.command()
@click.argument("lesson")
@click.argument("name")
@click.option(
    "--after", metavar="EXERCISE", default="", help="the exercise before it [default: the last]"
)
@click.option("--points", type=click.IntRange(1, 20), default=2, show_default=True)
@click.option(
    "--kind",
    type=click.Choice(["function", "layer"]),
    help="what students write [default: a layer if NAME begins with a capital]",
)
def command(lesson: str, name: str, after: str, points: int, kind: str | None) -> None:
    """Add an exercise NAME to LESSON: a working example to turn into your own.

    It goes into the lesson's answers, misconceptions, alternatives, checks, notebook and, where the
    course has tests/lessons, laws. The example subtracts each row's mean; what you are to write is
    marked REPLACE. All of it is first tried in a copy of the course, and is written completely or
    not at all.
    """
    from grader.authoring.derived import PAGES
    from grader.authoring.scaffold import MARK, Wanted, scaffold
    from grader.course.layout import ROOT

    layer = kind == "layer" if kind else name[:1].isupper()
    written = scaffold(Wanted(lesson, name, points, layer, after))
    click.echo(f"{name} is in {lesson}, and works. Changed:")
    for path in written:
        click.echo(f"  {path}")
    click.echo(f"Replace what is marked {MARK} there. Then, after each change and at the end:")
    click.echo(f"  python -m grader tidy {lesson} && python -m grader prove --exercise {name}")
    click.echo(f"  python -m grader solve --execute --lesson {lesson}")
    pages = [page for page in PAGES if (ROOT / page.path).exists()]
    for page in pages:
        click.echo(f"  {page.command}")
    if not pages:
        click.echo("  python -m grader mutate")
