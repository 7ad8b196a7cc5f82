"""``freeze``: write the answers that students' checks compare with."""

from __future__ import annotations

import os

import click


@click.command()
@click.argument("names", metavar="[LESSON|EXERCISE]...", nargs=-1)
@click.option("--gently", is_flag=True, help="run at low priority, so that other programs go first")
def command(names: tuple[str, ...], gently: bool) -> None:
    """Write the public cases and their answers into grader/student/answers.

    With names, write only the cases of these lessons, or of the lessons that hold these exercises.
    """
    if gently and hasattr(os, "nice"):
        os.nice(10)
    from grader.threads import one_thread

    one_thread()  # before anything imports NumPy: its threads would not survive a fork
    from grader.authoring.freeze import freeze
    from grader.course.exercises import home_of
    from grader.course.layout import LESSONS

    try:
        lessons = [name if name in LESSONS else home_of(name) for name in names]
    except KeyError as error:
        raise click.UsageError(str(error.args[0])) from error
    chosen = [lesson for lesson in LESSONS if lesson in lessons] if names else LESSONS
    click.echo(f"{freeze(lessons=chosen)} exercises frozen")
