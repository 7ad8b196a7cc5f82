"""``collect``: turn an LMS's archives and folders into a folder of submissions."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from grader.cli._options import known_assignment, writing
from grader.lms import uploads
from grader.lms.roster import Directory, load

if TYPE_CHECKING:
    from grader.records.collect import Collected

NAMED = 40  # students that are named of those who handed in nothing


@click.command()
@click.argument(
    "sources",
    metavar="ZIP-or-DIR...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, exists=True),
)
@click.option(
    "--roster",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="who the students are: a CSV file from the LMS, or yours with a column student_id",
)
@click.option(
    "--output",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("submitted"),
    help="the folder of submissions [default: submitted]",
)
@click.option("--assignment", "only", metavar="ID", help="the assignment of unrecognized files")
@click.option(
    "--zone",
    metavar="NAME",
    help="zone of the times in file names and in Moodle's worksheet: Europe/Berlin [default: UTC]",
)
def command(
    sources: tuple[Path, ...], roster: Path | None, output: Path, only: str | None, zone: str | None
) -> None:
    """Put what students handed in into OUTPUT/<student>/<assignment>/<assignment>.ipynb.

    Takes the archives of Canvas, Moodle, Blackboard, Brightspace and Gradescope, zips of `pack`,
    and folders named for students. The latest attempt counts; earlier ones go to OUTPUT-earlier.
    It may be repeated, with the same archives or later ones. Exit 2 on bad usage.
    """
    from grader.records.collect import collect

    for source in sources:
        if source.resolve() == output.resolve():
            raise click.UsageError(f"{source} is where the submissions go: name another --output")
    known_assignment(only)
    try:
        own_zone: datetime.tzinfo = datetime.UTC if zone is None else uploads.zone_called(zone)
    except ValueError:
        raise click.UsageError(
            f"--zone: there is no zone {zone!r}; write one such as Europe/Berlin"
        ) from None
    directory = None if roster is None else Directory(load(roster))
    with writing(output):
        done = collect(sources, output, directory, own_zone, only)
    _show(done, output, directory, zone)


def _show(done: Collected, output: Path, directory: Directory | None, zone: str | None) -> None:
    if done.used_zone and zone is None:
        click.echo("times in file names are read as UTC; give another zone with --zone")
    if done.earlier:
        attempts = (
            "1 earlier attempt is" if done.earlier == 1 else f"{done.earlier} earlier attempts are"
        )
        click.echo(f"{attempts} kept in {output}-earlier")
    if done.misplaced:
        click.echo(
            f"{done.misplaced} had an origin.json beside the work, where students can write: it is "
            "ignored; where an attempt counts that should not, collect all archives again"
        )
    if done.late:
        click.echo(
            "late according to the LMS, which does not say by how much; where it matters, write "
            "the time into timestamp.txt (docs/instructors/late-work.md):"
        )
        for line in done.late:
            click.echo(f"  {line}")
    if done.untimed:
        click.echo(
            f"{done.untimed} without a time of handing in count as on time, whenever they were due "
            "(docs/instructors/collect.md)"
        )
    bad = done.bad
    for line in done.needing_a_person():
        click.echo(f"needs you: {line}")
    for name in done.missing[:NAMED]:
        click.echo(f"handed in nothing: {name}")
    if len(done.missing) > NAMED:
        click.echo(f"… and {len(done.missing) - NAMED} more handed in nothing")
    count = len(bad) + len(done.lost)
    end = f"{len(done.good)} collected, {count} need{'s'[: count == 1]} you"
    if directory is not None:
        end += f", {len(done.missing)} on the roster handed in nothing"
    click.echo(end)
