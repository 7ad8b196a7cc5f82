"""``new-lesson``: a small whole lesson to replace piece by piece."""

from __future__ import annotations

import click


@click.command()
@click.argument("name")
@click.option("--title", default="", help="the notebook's heading [default: NAME in words]")
@click.option(
    "--exercise", default="centered_rows", show_default=True, help="what its example is called"
)
def command(name: str, title: str, exercise: str) -> None:
    """Add a lesson NAME at the end of the course: one that works, to be made into yours.

    It has one exercise, which takes from each row its mean, and one question in writing; what is
    yours to write is marked REPLACE. It is tried in a copy of the course first, and written whole
    or not at all.
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
