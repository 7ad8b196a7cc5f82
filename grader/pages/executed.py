"""Make the executed notebook for ``autograded/``.

It has the structure and metadata of the release, the submission's answers, and outputs that are
safe to open.
"""

from __future__ import annotations

import json
from typing import Any

from grader.course.assignments import Assignment
from grader.judge.outcome import Outcome, Shown
from grader.judge.room import MOST_KEPT, code_room, markdown_room
from grader.judge.sanitize import as_written, plain, quiet_markdown
from grader.pages.coloring import UNCOLORED
from grader.pages.verdicts import graded
from grader.protocol.values import Verdict
from grader.records.markdown import literal
from grader.source.assembly import ANSWER, CHECK, HUMAN, OWN
from grader.student.report import as_html, as_text
from grader.student.words import points


def executed_notebook(outcome: Outcome, release: Assignment) -> bytes:
    """Return the executed notebook as JSON, in valid nbformat 4.5."""
    document = json.loads(release.path.read_bytes())
    originals = {_name(cell): cell for cell in document["cells"]}
    found = {verdict.exercise: _verdict_output(verdict, outcome) for verdict in outcome.verdicts}
    if outcome.cells:
        texts = _Texts()
        document["cells"] = [
            _cell(shown, originals.get(shown.id), found, texts) for shown in outcome.cells
        ]
    else:
        # The reason may quote the file, such as its language or its name.
        told = quiet_markdown(literal(plain(outcome.reason, 500)))
        reason = f"**Not graded:** {told}"
        note = {"cell_type": "markdown", "id": "not-graded", "metadata": {}, "source": reason}
        document["cells"].insert(0, note)
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def _name(cell: dict[str, Any]) -> str:
    return cell["metadata"].get("nbgrader", {}).get("grade_id", cell["id"])


class _Texts:
    """A submission's texts, of which only so many are formatted: see :mod:`grader.judge.room`.

    Whoever opens the notebook pays for all of its cells, so the room is the notebook's.
    """

    def __init__(self) -> None:
        self.kept, self.markdown, self.code = MOST_KEPT, markdown_room(), code_room()

    def fill(self, cell: dict[str, Any], text: str) -> None:
        """Put a text into its cell, marked as plain text if there is no room to format it."""
        lost = max(0, len(text) - self.kept)
        text = plain(text, self.kept)
        self.kept -= len(text)
        note = f"({lost:,} characters are left out here: see the submitted notebook)"
        if cell["cell_type"] == "markdown":
            text = quiet_markdown(f"{text}\n\n{note}" if lost else text)
            cell["source"] = text if self.markdown.takes(text) else as_written(text)
            return
        cell["source"] = f"{text}\n# {note}" if lost else text
        if not self.code.takes(cell["source"]):
            cell["metadata"] = cell["metadata"] | UNCOLORED


def _cell(
    shown: Shown, original: dict | None, found: dict[str, dict[str, Any]], texts: _Texts
) -> dict[str, Any]:
    if original is None:
        original = {"cell_type": shown.kind, "id": shown.id, "metadata": {}}
    # Metadata comes from the release, never from the submission, which could claim points in it.
    cell = {key: original[key] for key in ("cell_type", "id", "metadata")}
    cell["source"] = shown.source
    if shown.role in (ANSWER, HUMAN, OWN):
        texts.fill(cell, shown.source)
    if shown.kind == "code":
        outputs = list(shown.outputs)
        # A check cell shows the judge's verdict, not what the student's process printed.
        if shown.role == CHECK and shown.exercise in found:
            outputs = [found[shown.exercise]]
        cell |= {"execution_count": None, "outputs": outputs}
    return cell


def _verdict_output(verdict: Verdict, outcome: Outcome) -> dict[str, Any]:
    if not verdict.attempted:
        text = f"{verdict.exercise}: not attempted (0 of {points(verdict.max_score)})\n"
        return {"output_type": "stream", "name": "stdout", "text": text}
    said = graded(verdict, outcome)
    data = {"text/plain": as_text(said), "text/html": as_html(said)}
    return {"output_type": "display_data", "data": data, "metadata": {}}
