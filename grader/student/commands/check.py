"""``check``: a table of one notebook's exercises on the public cases, without JupyterLab."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("notebook", type=click.Path(path_type=Path))
def command(notebook: Path) -> None:
    """Run NOTEBOOK's code cells here and try every exercise on the public cases.

    The file is read as the grader reads it, whatever tool wrote it. The notebook's code runs as
    you. Exit 1 if any exercise fails or is not attempted.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from grader.student import frozen, records
    from grader.student.report import the_rest, what_is_wrong
    from grader.student.runner import run_notebook
    from grader.student.summary import summary

    checked = run_notebook(notebook)
    table = Table(title=notebook.name)
    for name in ("exercise", "checks passed", "points so far", "what was found"):
        table.add_column(name)
    verdicts = checked.verdicts
    for verdict, remark in ((one.verdict, one.remark) for one in checked.judgements):
        passed = sum(check.passed for check in verdict.checks)
        found = ["not attempted yet"]
        if verdict.attempted:
            whole = summary(verdict, following=frozen.load(verdict.exercise).next)
            found = [*what_is_wrong(whole), *the_rest(whole)]
        points = f"{verdict.score:g} of {verdict.max_score:g}"
        right = f"{passed} of {len(verdict.checks)}"
        said = "\n".join(filter(None, (remark, *found)))
        table.add_row(verdict.exercise, right, points, escape(said))
    Console().print(table)
    for remark in checked.remarks:
        click.echo(f"note: {remark}")
    complaints = [
        said
        for one in verdicts
        if (said := records.note(one, notebook.parent, checked.answers[one.exercise][0]))
    ]
    if complaints:  # one is enough: all name the same folder
        click.echo(complaints[0])
    if not all(verdict.passed for verdict in verdicts):
        raise SystemExit(1)
