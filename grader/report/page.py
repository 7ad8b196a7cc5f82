"""Make the report: one self-contained page of tables and SVG figures, without scripts."""

from __future__ import annotations

import datetime
import unicodedata
from dataclasses import dataclass

import jinja2

from grader.judge.outcome import GRADED
from grader.judge.sanitize import plain
from grader.pages.feedback import OUTCOMES
from grader.report import figures
from grader.report.read import Mark, Records, Submission
from grader.report.similar import NEAR, NEAR_TEXT, Similar, identical_files, pairs
from grader.report.statistics import BINS, Summary, tomorrow
from grader.sandbox.host.levels import title

DASH = "–"
NARROW = "\u202f"  # a narrow no-break space
MINUS = "\u2212"
ISOLATE, END_ISOLATE = "\u2068", "\u2069"  # like <bdi>, where no element is allowed
MOST_PAIRS = 30
WIDTH, HEIGHT, GAP = 46, 120, 4  # of the bars in a histogram


@dataclass(frozen=True)
class Cell:
    """One cell in the table of marks."""

    points: str
    of: float | None = None
    word: str = ""
    mark: Mark | None = None


@dataclass(frozen=True)
class Bar:
    """One bar of a histogram, in the picture's units."""

    x: float
    y: float
    height: float
    count: int
    label: str


def report_page(
    records: Records, found: list[Summary], similar: Similar, when: datetime.date
) -> bytes:
    """Make the whole page, whose content security policy lets nothing run or load."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("grader.pages", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def who(student: str) -> str:
        name = text(records.names.get(student, ""))
        return f"{apart(name)} ({apart(text(student))})" if name else apart(text(student))

    environment.filters |= {
        "who": who,
        "text": text,
        "number": number,
        "percent": percent,
        "signed": signed,
    }
    page = environment.get_template("report.html.j2").render(
        records=records,
        summaries=found,
        tomorrow=tomorrow(found),
        similar=similar,
        near=NEAR,
        near_text=NEAR_TEXT,
        pairs=pairs(similar),
        most_pairs=MOST_PAIRS,
        rows=_rows(records),
        most=_most(records),
        figures={one.assignment: bars(one.histogram) for one in found},
        maps={one.assignment: figures.heat_map(records.of(one.assignment)) for one in found},
        progress=figures.progress(records),
        levels=figures.WORDS,
        most_named=figures.MOST_NAMED,
        identical=identical_files(records),
        spoken={one.assignment: spoken(one) for one in found},
        words=OUTCOMES | {GRADED: "everything ran"},
        sandbox=sandbox(records),
        when=when.isoformat(),
    )
    return page.encode()


def apart(name: str) -> str:
    """Isolate a name with right-to-left letters, so that it does not reorder the text after it."""
    turns = any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in name)
    return f"{ISOLATE}{name}{END_ISOLATE}" if turns else name


def text(value: str) -> str:
    """Return text without control characters; the template escapes it."""
    return plain(value, 20_000).replace("\x1b", "\ufffd")


def number(value: float | None) -> str:
    """Format a number with at most two decimals, or None as a dash."""
    return DASH if value is None else f"{round(value, 2):g}"


def percent(share: float | None) -> str:
    """Format a share in percent, or None as a dash."""
    return DASH if share is None else f"{100 * share:.0f}{NARROW}%"


def signed(value: float | None) -> str:
    """Format a correlation with two decimals, or None as a dash."""
    return DASH if value is None else f"{value:.2f}".replace("-", MINUS)


def sandbox(records: Records) -> str:
    """Return the levels of sandbox in which these submissions were graded, in words."""
    levels = sorted({one.sandbox for one in records.submissions} - {""})
    return ", ".join(text(title(level)) for level in levels) or "not needed"


def bars(counts: tuple[int, ...]) -> list[Bar]:
    """Return a histogram's bars; the tallest has the full height."""
    most = max(counts, default=0) or 1
    made = []
    for place, count in enumerate(counts):
        height = round(HEIGHT * count / most, 1)
        label = f"{100 * place // BINS}"
        made.append(Bar(place * (WIDTH + GAP), HEIGHT - height, height, count, label))
    return made


def spoken(one: Summary) -> str:
    """Describe the histogram in words, for a screen reader."""
    parts = [
        f"{100 * place // BINS} to {100 * (place + 1) // BINS} %: {count}"
        for place, count in enumerate(one.histogram)
        if count
    ]
    counts = "; ".join(parts) or "no submission that could be read"
    return f"Histogram of the share of points {_source(one)}. Submissions by share: {counts}."


def _source(one: Summary) -> str:
    """Say where the points in the histogram come from."""
    if not one.marked:
        return "that the checks gave"
    return "in the gradebook" if one.marked == one.counted else "in the gradebook, or of the checks"


def _rows(records: Records) -> list[tuple[str, list[Cell], str]]:
    """Return (student, a cell for each assignment, the sum) for the table of marks."""
    handed_in = {(one.student, one.assignment): one for one in records.submissions}
    rows = []
    for student in records.students:
        own = [(handed_in.get((student, name)), name) for name in records.assignments]
        cells = [_cell(one, records.marks.get((student, name))) for one, name in own]
        total = sum(records.result(one).score for one, _ in own if one is not None)
        rows.append((student, cells, number(total)))
    return rows


def _most(records: Records) -> dict[str, float]:
    """Return each assignment's maximum, including the points that a person gives."""
    most = dict.fromkeys(records.assignments, 0.0)
    for one in records.submissions:
        most[one.assignment] = max(most[one.assignment], records.result(one).max_score)
    return most


def _cell(one: Submission | None, mark: Mark | None) -> Cell:
    if one is None:
        return Cell(DASH)
    word = "" if one.outcome == GRADED else one.outcome.replace("_", " ")
    if mark is None:
        return Cell(number(one.score), one.max_score, word)
    return Cell(number(mark.score), mark.max_score, word, mark)
