"""``prove``: try the checks on every wrong and every right answer: the kill matrix."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path

import click


@click.command()
@click.option("--json", "target", type=click.Path(path_type=Path), help="write every trial here")
@click.option("--markdown", type=click.Path(path_type=Path), help="write the matrix as a page")
@click.option("--exercise", "only", metavar="ID", multiple=True, help="only this; may be repeated")
def command(target: Path | None, markdown: Path | None, only: tuple[str, ...]) -> None:
    """Try every exercise against every misconception and every accepted alternative.

    Then try wrong answers composed of several mistakes. Exit 1 if a wrong answer survives or
    is not named as itself, a right one is refused, or a composed one is given a false name.
    """
    from rich.console import Console
    from rich.table import Table

    from grader.authoring.composed import try_composed
    from grader.authoring.derived import KILL_MATRIX
    from grader.authoring.prove import kill_matrix, prove
    from grader.course.exercises import exercises
    from grader.course.layout import LESSONS

    if only and markdown is not None:
        raise click.UsageError("--markdown writes the page of all exercises: leave out --exercise")
    known = {exercise.id for lesson in LESSONS for exercise in exercises(lesson)}
    for name in only:
        if name not in known:
            raise click.UsageError(f"no exercise {name!r} in the course")
    stamp = KILL_MATRIX.stamp() if markdown is not None else ""
    trials = list(prove(only=only))
    composed = try_composed(only)
    table = Table(title="wrong answers caught and named, right answers accepted")
    for name in ("exercise", "misconceptions", "named", "alternatives", "accepted", "draws"):
        table.add_column(name, justify="left" if name == "exercise" else "right")
    by_exercise = defaultdict(list)
    for trial in trials:
        by_exercise[trial.exercise].append(trial)
    for exercise, own in by_exercise.items():
        wrong = [t for t in own if t.kind == "misconception"]
        right = [t for t in own if t.kind == "alternative"]
        draws = len({t.draw for t in own})
        table.add_row(
            exercise,
            str(len(wrong) // draws),
            f"{sum(t.ok for t in wrong)}/{len(wrong)}",
            str(len(right) // draws),
            f"{sum(t.ok for t in right)}/{len(right)}",
            str(draws),
        )
    console = Console()
    console.print(table)
    for trial in trials:
        if not trial.ok:
            console.print(
                f"[red]{trial.exercise}/{trial.version}[/] ({trial.kind}, {trial.draw}): caught by "
                f"{trial.caught_by or 'nothing'}, named {trial.named or 'not'}: {trial.message}"
            )
    bad = sum(not trial.ok for trial in trials)
    wrong_count = len({(t.exercise, t.version) for t in trials if t.kind == "misconception"})
    right_count = len({(t.exercise, t.version) for t in trials if t.kind == "alternative"})
    console.print(f"{wrong_count} misconceptions, {right_count} alternatives, {bad} faults")
    for name in composed.false:
        console.print(f"[red]{name}[/], which is false")
    console.print(str(composed))
    if target is not None:
        target.write_text(json.dumps([asdict(t) | {"ok": t.ok} for t in trials], indent=1))
    if markdown is not None:
        markdown.write_text(f"{kill_matrix(trials, composed)}\n{stamp}", encoding="utf-8")
    if bad or composed.false:
        raise SystemExit(1)
