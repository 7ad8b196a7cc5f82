"""Outputs that nbval does not compare: a plugin for its runs, ``-p tests.authoring.outputs``.

The last bits of arithmetic differ between processors, and with them the bytes of pictures, the
numbers that a training ends in, and every time that is measured. So:

- In cells that nbval compares, text is equal character by character, and a picture shows the same:
  no pixel differs by more than rounding can make it differ. Of those in ``TRAINED_PICTURES``
  nbval compares printed and alternative text, and pixels are free.
- In cells tagged ``nbval-ignore-output``, which train or measure, outputs say the same: printed
  text and the alternative text of pictures have the same words, and numbers that are near. A
  number of seconds may be any.
- In those of them in ``FREE_NUMBERS``, whose numbers are times or tell which head does what, any
  number may be any other.
- In those of them in ``FREE_TEXT``, which quote a text or a trained model, only what the cell's
  own source says is held: the same of its words, as often, with numbers beside them that are near.

Cells are named by their ids here, and not by tags of their own: a change of a lesson's notebook
would change what students hand in, and with it the cases that are drawn for them.
"""

from __future__ import annotations

import ast
import base64
import html
import io
import math
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nbval.plugin import IPyNbCell
from PIL import Image

from grader.course.layout import ROOT, SOLVED, assignment_id

IGNORED = "nbval-ignore-output"
TRAINED_PICTURES = {"ed97abcc"}  # masking: a loss over 250 steps
FREE_NUMBERS = {
    "68cfe72a",  # transformer_language_model: tokens a second, with and without a cache
    "a85d1f3c",  # where its heads look: on another Python's text another head looks back by one
    "f5497b8f",  # sequence_to_sequence: a GRU's time beside attention's
}
FREE_TEXT = {
    "30dd6a1e",  # mle_language_modeling: a piece of Python's help,
    "87b9c012",  # the likeliest letters in it,
    "735ea09a",  # and letters drawn from a table
    "2469157d",  # transformer_language_model: tokens drawn from a trained model,
    "bf71b395",  # a piece of Python's help,
    "bac5050a",  # lines that a model writes while it is trained,
    "44bf6c15",  # text that a model goes on with,
    "a85d1f3c",  # where its heads look in it,
    "an_hour",  # and what a model trained for an hour writes
    "2eb5f6e3",  # attention_today: what a loaded model writes
}
LEVELS = 4  # of 255: a neighboring color of the map, a line's edge moved by a 256th of a pixel
SHARE = 0.3  # numbers are near within this share of the larger one,
UNITS, MOST = 50, 0.1  # or within so many units of the last printed place, at most 0.1
NUMBER = r"(?:(?<![\w.])[-+]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?%?|\binf\b|\bnan\b)"
SECONDS = re.compile(rf"{NUMBER}(?= ?(?:s|ms|µs|seconds?)\b)")
PICTURE = re.compile(r'<img alt="([^"]*)"[^>]*src="data:image/png;base64,([^"]*)"')


def rerun(
    lesson: str, settings: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a lesson's solved notebook again under nbval and this plugin."""
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "PYTEST_ADDOPTS": "",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    options = ["-p", "no:cacheprovider", "-p", "tests.authoring.outputs", "-q", "--nbval"]
    options += ["--nbval-sanitize-with", str(Path(__file__).with_name("nbval.cfg"))]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(SOLVED / f"{assignment_id(lesson)}.ipynb")],
        check=False,
        capture_output=True,
        text=True,
        cwd=SOLVED,
        env=environment | (settings or {}),
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Any:
    """After nbval has run a cell and compared what it compares."""
    result = yield
    if isinstance(item, IPyNbCell):
        found = differences(item.cell, item.test_outputs)
        if found:
            item.raise_cell_error("Cell outputs differ", "\n".join(found))
    return result


def differences(cell: Mapping, fresh: Sequence) -> list[str]:
    """In what a cell's fresh outputs differ from those that it keeps, in a line each."""
    kept = cell["outputs"]
    if "clear_output(" in cell["source"]:
        fresh = last_state(kept, fresh)
    if IGNORED not in cell["metadata"].get("tags", []):
        return [] if cell["id"] in TRAINED_PICTURES else pictures_differ(kept, fresh)
    before, after = said(kept), said(fresh)
    if (count := len(pictures(fresh))) != len(pictures(kept)):
        return [f"{count} pictures, there were {len(pictures(kept))}"]
    if before and not after:
        return ["nothing is said"]
    if cell["id"] in FREE_TEXT:
        words = own_words(cell["source"])
        before, after = own_part(before, words), own_part(after, words)
    return texts_differ(before, after, numbers=cell["id"] not in FREE_NUMBERS)


def last_state(kept: Sequence, fresh: Sequence) -> list:
    """What a cell that clears its output shows at its end: as much as it keeps.

    nbval holds all that the cell has ever shown, with its printed text in one piece.
    """
    text = "".join(one["text"] for one in fresh if one["output_type"] == "stream")
    lines = sum(one["text"].count("\n") for one in kept if one["output_type"] == "stream")
    shown = [one for one in fresh if one["output_type"] != "stream"]
    count = sum(one["output_type"] != "stream" for one in kept)
    printed = text.splitlines(keepends=True)[-lines:] if lines else []
    stream = {"output_type": "stream", "name": "stdout", "text": "".join(printed)}
    return [stream, *shown[len(shown) - min(count, len(shown)) :]]


def pictures(outputs: Sequence) -> list[tuple[str, str]]:
    """Alternative text and PNG, in base64, of each picture."""
    pages = [output.get("data", {}).get("text/html", "") for output in outputs]
    return [(html.unescape(alt), png) for page in pages for alt, png in PICTURE.findall(page)]


def said(outputs: Sequence) -> str:
    """Printed text, then what pictures say, whatever the order in which they came."""
    printed = [output["text"] for output in outputs if output["output_type"] == "stream"]
    return "\n".join([*printed, *(alt for alt, _ in pictures(outputs))])


def pictures_differ(kept: Sequence, fresh: Sequence) -> list[str]:
    """Pictures of one cell that show something else."""
    before, after = pictures(kept), pictures(fresh)
    if len(before) != len(after):
        return [f"{len(after)} pictures, there were {len(before)}"]
    found = []
    for (alt, old), (_, new) in zip(before, after, strict=True):
        if old != new and (apart := levels_apart(old, new)) > LEVELS:
            found.append(f"the picture differs by {apart:g} of 255 levels: {alt}")
    return found


def levels_apart(old: str, new: str) -> float:
    """The largest difference of a pixel's channel; infinite for another size."""
    one, other = (
        np.asarray(Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB"), dtype=int)
        for png in (old, new)
    )
    return float(np.abs(one - other).max()) if one.shape == other.shape else math.inf


def texts_differ(before: str, after: str, *, numbers: bool = True) -> list[str]:
    """Words that are not the same, and, with ``numbers``, numbers that are not near."""
    before, after = (SECONDS.sub("some", text) for text in (before, after))
    old, new = (" ".join(re.sub(NUMBER, " # ", text).split()) for text in (before, after))
    if old != new:
        return [f"said {new!r}, was {old!r}"]
    if not numbers:
        return []
    pairs = zip(re.findall(NUMBER, before), re.findall(NUMBER, after), strict=True)
    return [f"{new} was {old}" for old, new in pairs if not near(old, new)]


def near(old: str, new: str) -> bool:
    """Whether two printed numbers would have a reader draw the same conclusion.

    Those with an exponent are errors of rounding: they are of the same order, or next to nothing.
    """
    one, other = _value(old), _value(new)
    if not (math.isfinite(one) and math.isfinite(other)):
        return str(one) == str(other)
    if "e" in old or "e" in new:
        low, high = sorted((abs(one), abs(other)))
        return high <= 1e-6 or high <= 10 * low
    places = len(old.rstrip("%").partition(".")[2]) + 2 * old.endswith("%")
    return math.isclose(one, other, rel_tol=SHARE, abs_tol=min(UNITS * 10**-places, MOST))


def _value(text: str) -> float:
    number = float(text.rstrip("%").replace(",", ""))
    return number / 100 if text.endswith("%") else number


def own_words(source: str) -> list[str]:
    """The texts in a cell's source, the fixed parts of f-strings among them."""
    texts = {
        " ".join(node.value.split())
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return sorted(text for text in texts if len(text) > 3)


def own_part(text: str, words: Sequence[str]) -> str:
    """What is said in these words, each time with the numbers right beside it."""
    text = " ".join(text.split())
    return "\n".join(
        found
        for word in words
        for found in re.findall(rf"(?:{NUMBER} ?)?{re.escape(word)}(?: ?{NUMBER})?", text)
    )
