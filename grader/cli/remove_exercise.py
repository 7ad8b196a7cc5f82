"""``remove-exercise``: take an exercise out of its lesson."""

from __future__ import annotations

import click


@click.command()
@click.argument("lesson")
@click.argument("name")
def command(lesson: str, name: str) -> None:
    """Take the exercise NAME out of LESSON: answer, checks, known mistakes, card, cells, laws.

    Refused, with a line for each place, if something else needs it. Texts that merely mention it
    stay and are listed. The removal is first tried in a copy of the course, and is written
    completely or not at all.
    """
    from grader.authoring.removal import remove

    removal = remove(lesson, name)
    click.echo(f"{name} was removed from {lesson}. Changed:")
    for path in removal.changes:
        click.echo(f"  {path}")
    if removal.laws:
        click.echo(f"Laws that called it were removed, too: {', '.join(removal.laws)}")
    if removal.mentions:
        click.echo("These places still mention it; reword them, or remove the mention:")
        for mention in removal.mentions:
            click.echo(f"  {mention}")
    click.echo("Then:")
    click.echo(f"  python -m grader tidy {lesson} && python -m grader solve --execute")
    click.echo("  python -m grader release     # it names the cells that no longer run")
