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
    """Add an exercise NAME to LESSON, in a checkout: a working example to change into yours.

    The example goes into the lesson's solutions, misconceptions, alternatives, checks, notebook and
    tests. It subtracts from each row its mean; what you have to change is marked REPLACE. It is
    tried in a copy of the course first, and written as a whole or not at all.
    """
    from grader.authoring.scaffold import MARK, ScaffoldError, Wanted, scaffold

    layer = kind == "layer" if kind else name[:1].isupper()
    try:
        written = scaffold(Wanted(lesson, name, points, layer, after))
    except ScaffoldError as error:
        raise click.UsageError(str(error)) from error
    click.echo(f"{name} is in {lesson}, and works. Written into")
    for path in written:
        click.echo(f"  {path}")
    click.echo(f"Replace what is marked {MARK} there. Then, after each change and at the end:")
    click.echo(f"  python -m grader tidy {lesson} && python -m grader prove --exercise {name}")
    click.echo(f"  python -m grader solve --execute --lesson {lesson}")
    click.echo(
        "  python -m grader prove --markdown docs/kill_matrix.md && "
        "python -m grader mutate --markdown docs/mutants.md"
    )
