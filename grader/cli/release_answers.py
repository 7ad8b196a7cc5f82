"""``release-answers``: after the deadline, the course's answers for students to compare with."""

from __future__ import annotations

import datetime
from pathlib import Path

import click

from grader.cli._options import course_dir, writing
from grader.course.layout import COURSE, lesson_of


@click.command()
@click.argument("names", metavar="LESSON...", nargs=-1, required=True)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("model_answers"),
    show_default=True,
)
@course_dir("where gradebook.db with the due dates is")
@click.option("--early", is_flag=True, help="write them even if somebody still has time")
def command(names: tuple[str, ...], output: Path, course_dir: Path, early: bool) -> None:
    """Write the answers to LESSON's exercises into a file to give to students.

    A lesson is given by its name or number. Until you give students its file, they have no answer
    in any form. A lesson that is not due yet, or for which somebody has more time, is
    refused.
    """
    from grader import files
    from grader.course.exercises import exercises
    from grader.course.sources import answer_source, stub_source
    from grader.student.lessons import named
    from grader.student.model_answers import SUFFIX, written

    assignments = [named(name) for name in names]
    for assignment in assignments:
        until = None if early else _last_due(course_dir, assignment)
        if until is not None and until > _now():
            raise click.ClickException(
                f"{assignment} can be handed in until {until:%Y-%m-%d %H:%M} UTC: nothing was "
                "written; --early writes the answers anyway"
            )
    with writing(output):
        output.mkdir(parents=True, exist_ok=True)
        for assignment in assignments:
            lesson = lesson_of(assignment)
            answers = {
                one.id: (stub_source(lesson, one.id), answer_source(lesson, one.id))
                for one in exercises(lesson)
            }
            path = output / f"{assignment}{SUFFIX}"
            files.write(path, written(assignment, answers))
            click.echo(f"{path}: {len(answers)} answers")
    click.echo(
        f"Give out each file once its lesson of {COURSE.title} can no longer be handed in; "
        "students put it beside the lesson, or beside their start page"
    )


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)


def _last_due(course_dir: Path, assignment: str) -> datetime.datetime | None:
    """Return when the last student has to hand in (UTC); None if no gradebook here says it."""
    from grader.records import nbgrader_tables as tables

    with tables.read_gradebook(course_dir / "gradebook.db") as book:
        due = tables.due_dates(book).get(assignment) if book is not None else None
        if book is None or due is None:
            return None
        standings = tables.standings(book, assignment).values()
        return max((due + one.extension for one in standings), default=due)
