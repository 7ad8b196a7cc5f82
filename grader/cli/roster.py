"""``roster``: enter who the students are into the gradebook."""

from __future__ import annotations

from pathlib import Path

import click

from grader.cli._options import course_dir, writing
from grader.judge.salt import salt
from grader.lms.roster import Directory, load
from grader.records.nbgrader_tables import at_once, open_gradebook, put_student, students


@click.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@course_dir("where gradebook.db is, or will be", exists=False)
@click.option("--salt", "given", metavar="S", help="the secret that you give to `grade`")
def command(file: Path, course_dir: Path, given: str | None) -> None:
    """Enter the students of FILE, with names and e-mail addresses, into the gradebook.

    FILE is a CSV file as `collect --roster` takes it, and the students get the same ids. From then
    on tables, feedback pages, reports and Formgrader show names. It may be repeated: a changed line
    updates its student, and nobody is removed. Exit 2 on bad usage.
    """
    from grader.records.course_lock import course_lock
    from grader.records.verification import accept

    directory = Directory(load(file))
    with writing(course_dir):
        course_dir.mkdir(parents=True, exist_ok=True)
        with course_lock(course_dir), open_gradebook(course_dir / "gradebook.db") as book:
            before = students(book)
            with at_once(book):
                for one in directory.students:
                    put_student(book, one.id, *one.names, one.line["Email address"])
            accept(course_dir, salt(course_dir, given), {one.id for one in directory.students})
    for line in directory.unusable:
        click.echo(f"left out: {line}", err=True)
    listed = {one.id for one in directory.students}
    students_of = "1 student" if len(listed) == 1 else f"{len(listed)} students"
    click.echo(f"{students_of}, {len(listed - before)} of them new")
    others = sorted(before - listed)
    if others:
        more = f" and {len(others) - 10} more" if len(others) > 10 else ""
        click.echo(f"in the gradebook, but not on {file.name}: {', '.join(others[:10])}{more}")
