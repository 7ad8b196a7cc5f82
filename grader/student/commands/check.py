"""``check``: a table of one notebook's exercises on the public cases, without JupyterLab."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("notebook", type=click.Path(path_type=Path))
def command(notebook: Path) -> None:
    """Run NOTEBOOK's code cells here and try every exercise on the public cases.

    The notebook's code runs as you. Exit 1 if any exercise fails or is not attempted.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from grader.student import records
    from grader.student.report import explain
    from grader.student.runner import NotANotebook, run_notebook

    try:
        judgements = run_notebook(notebook)
    except NotANotebook as error:
        raise click.ClickException(str(error)) from error
    table = Table(title=notebook.name)
    for name in ("exercise", "checks passed", "what was seen"):
        table.add_column(name)
    verdicts = [judgement.verdict for judgement in judgements]
    for verdict, remark in ((one.verdict, one.remark) for one in judgements):
        passed = sum(check.passed for check in verdict.checks)
        first = next((c for c in verdict.checks if c.tried and not c.passed), None)
        seen = "all checks passed" if verdict.passed else ""
        if not verdict.attempted:
            seen = "not attempted yet"
        elif first is not None:
            lines = [f"{first.name}", *(f"{label}: {text}" for label, text in explain(first))]
            seen = "\n".join(lines)
        seen = "\n".join(filter(None, (remark, seen)))
        table.add_row(verdict.exercise, f"{passed} of {len(verdict.checks)}", escape(seen))
    Console().print(table)
    complaints = [said for one in verdicts if (said := records.note(one, notebook.parent))]
    if complaints:  # one is enough: all name the same folder
        click.echo(complaints[0])
    if not all(verdict.passed for verdict in verdicts):
        raise SystemExit(1)
