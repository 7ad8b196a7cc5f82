"""``new-lesson``: a small whole lesson to replace piece by piece."""

from __future__ import annotations

import click


@click.command()
@click.argument("name")
@click.option("--title", default="", help="the notebook's heading [default: NAME in words]")
@click.option(
    "--exercise", default="centered_rows", show_default=True, help="the name of its example"
)
def command(name: str, title: str, exercise: str) -> None:
    """Add a lesson NAME at the end of the course: a working example to turn into your own.

    It has one exercise, which subtracts each row's mean, and one question in writing; what you are
    to write is marked REPLACE. All of it is first tried in a copy of the course, and is written
    completely or not at all.
    """
    from grader.authoring.scaffold import MARK
    from grader.authoring.scaffold_lesson import WantedLesson, scaffold_lesson
    from grader.course.layout import LESSONS, ROOT

    title = title or name.replace("_", " ").capitalize()
    written = scaffold_lesson(WantedLesson(name, title, exercise))
    click.echo(f"{name} is lesson {len(LESSONS) + 1} of the course in {ROOT}, and works. Written:")
    for path in written:
        click.echo(f"  {path}")
    click.echo(f"Replace what is marked {MARK} there. Then, after each change:")
    click.echo(f"  python -m grader tidy {name} && python -m grader prove --exercise {exercise}")
    click.echo(f"A further exercise: python -m grader new-exercise {name} NAME")
