"""``remove-exercise``: take an exercise out of its lesson."""

from __future__ import annotations

import click


@click.command()
@click.argument("lesson")
@click.argument("name")
def command(lesson: str, name: str) -> None:
    """Take the exercise NAME out of LESSON: answer, checks, known mistakes, card, cells, laws.

    Refused, with a line for each place, if something else needs it. What merely mentions it stays
    and is listed. It is tried in a copy of the course first, and written whole or not at all.
    """
    from grader.authoring.removal import remove

    removal = remove(lesson, name)
    click.echo(f"{name} is gone from {lesson}. Changed:")
    for path in removal.changes:
        click.echo(f"  {path}")
    if removal.laws:
        click.echo(f"Laws that called it are gone, too: {', '.join(removal.laws)}")
    if removal.mentions:
        click.echo("It still stands here; write something else, or take it out:")
        for mention in removal.mentions:
            click.echo(f"  {mention}")
    click.echo("Then:")
    click.echo(f"  python -m grader tidy {lesson} && python -m grader solve --execute")
    click.echo("  python -m grader release     # it names the cells that no longer run")
