"""``python -m tests.campaigns.fairness``: honest but ugly submissions must get fair marks.

Each submission is a lesson with answers of known worth (right, wrong, left as given out). It is
graded twice: clean, and with a few uglinesses of the kind that honest students hand in. The
exercises' cases are the same both times, so every check must give the same result; and right
answers must earn full points, wrong ones less, untouched ones nothing. ``--loaded`` grades the ugly
ones once more, while twice as many processes as there are processors burn time.

``--front-ends`` sends solved lessons, with their written answers, through what Colab, Kaggle,
Deepnote and others make of a notebook: each gets full marks, and a person gets the answer to read.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import hashlib
import hmac
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import torch

from grader.authoring.sample import answer_text
from grader.authoring.solve import solved
from grader.course.assignments import assignment
from grader.course.exercises import exercises
from grader.course.layout import LESSONS, ROOT, assignment_id, lesson_of
from grader.course.sources import answer_source
from grader.course.versions import Version, alternatives, misconceptions, solution
from grader.judge.outcome import Outcome
from grader.judge.prior_answers import names_used
from grader.judge.run import Judge, Submission
from grader.sandbox.host.limits import Limits
from grader.sandbox.host.select import start_sandbox
from grader.source.slicing import read_names
from tests.campaigns.front_ends import FRONT_ENDS, through
from tests.campaigns.ugly import CLASHES, UGLINESSES, Draft

LIGHT = LESSONS[:7]
HEAVY = LESSONS[7:]  # they train models: seconds and not tenths of seconds each
BURN = 3600  # no busy process outlives this, whatever becomes of the campaign
Marks = dict[str, tuple[float, tuple[tuple[str, bool, str], ...]]]


@dataclass(frozen=True)
class Plan:
    """One submission before it is written: its answers by exercise, and its uglinesses."""

    name: str
    lesson: str
    answers: dict[str, tuple[str, Version | None]]  # right | wrong | stub, and which version
    uglinesses: tuple[str, ...]
    earlier: bool  # whether it comes with the notebooks of earlier lessons

    def __str__(self) -> str:
        words = [f"{name}: {kind} ({v.name})" for name, (kind, v) in self.answers.items() if v]
        return f"{self.name} {self.lesson} [{', '.join(words)}] + {', '.join(self.uglinesses)}"


@dataclass
class Tally:
    """What the campaign saw."""

    count: int = 0
    used: collections.Counter = field(default_factory=collections.Counter)
    kinds: collections.Counter = field(default_factory=collections.Counter)
    faults: list[str] = field(default_factory=list)


class SameCases(Judge):
    """A judge whose cases depend on the student, not the file: clean and ugly get the same."""

    def seed(self, submission: Submission, exercise: str) -> bytes:
        text = "\0".join((submission.assignment, exercise, submission.student))
        return hmac.new(self.secret, text.encode(), hashlib.sha256).digest()


# --- plans --------------------------------------------------------------------------------------


def plans(count: int, seed: int, lessons: Sequence[str] = ()) -> list[Plan]:
    """Plan ``count`` submissions, the same for the same seed, with few of the heavy lessons."""
    rng = random.Random(seed)
    pool = list(lessons) or [*LIGHT * 8, *HEAVY]
    return [_plan(rng, f"{seed}-{number}", rng.choice(pool)) for number in range(count)]


def _plan(rng: random.Random, name: str, lesson: str) -> Plan:
    # In heavy lessons a wrong answer is compared with every named mistake, which trains a model.
    weights = (8, 1, 1) if lesson in HEAVY else (6, 3, 2)
    answers: dict[str, tuple[str, Version | None]] = {}
    for exercise in exercises(lesson):
        kind = rng.choices(("right", "wrong", "stub"), weights)[0]
        right = [solution(lesson, exercise.id), *alternatives(lesson, exercise.id)]
        wrong = [v for v in misconceptions(lesson, exercise.id) if v.name != exercise.broken]
        pool = {"right": right, "wrong": wrong, "stub": [None]}[kind]
        answers[exercise.id] = (kind, rng.choice(pool))
    chosen: list[str] = []
    for ugliness in rng.sample(list(UGLINESSES), rng.randint(1, 5)):
        if not any({ugliness, other} in CLASHES for other in chosen):
            chosen.append(ugliness)
    order = list(UGLINESSES)
    return Plan(name, lesson, answers, tuple(sorted(chosen, key=order.index)), rng.random() < 0.5)


def written(plan: Plan, uglinesses: Iterable[str] = ()) -> Submission:
    """Write the plan as files with these uglinesses, each with random numbers of its own."""
    texts = {name: text_of(plan.lesson, v) for name, (_, v) in plan.answers.items() if v}
    release = assignment(assignment_id(plan.lesson))
    earlier = []
    if plan.earlier:
        for other in sorted(names_used(release)):
            home = lesson_of(other)
            right = {e.id: answer_source(home, e.id) for e in exercises(home)}
            earlier.append((other, _file(plan, home, right, uglinesses)))
    content = _file(plan, plan.lesson, texts, uglinesses)
    return Submission(f"student-{plan.name}", release.id, content, tuple(earlier))


def text_of(lesson: str, version: Version) -> str:
    """Return an answer as a student would type it; a solution, as in solved notebooks."""
    own = version.name == "solution"
    return answer_source(lesson, version.exercise) if own else answer_text(version)


def _file(plan: Plan, lesson: str, texts: dict[str, str], uglinesses: Iterable[str]) -> bytes:
    draft = Draft.of(lesson, texts)
    for name in uglinesses:
        UGLINESSES[name](random.Random(f"{plan.name}/{lesson}/{name}"), draft)
    return draft.as_bytes()


# --- judging ------------------------------------------------------------------------------------


def marks(outcome: Outcome) -> Marks:
    """Return points and each check's result, by exercise."""
    return {
        verdict.exercise: (
            verdict.score,
            tuple(
                (check.name, check.passed, check.misconception.id if check.misconception else "")
                for check in verdict.checks
            ),
        )
        for verdict in outcome.verdicts
    }


def grade(judge: Judge, submission: Submission) -> Outcome:
    return judge.grade(submission, assignment(submission.assignment))


def differences(found: Marks, expected: Marks, said: str) -> list[str]:
    """Say what differs between two gradings."""
    out = []
    for exercise, (score, checks) in expected.items():
        score_found, checks_found = found[exercise]
        if score_found != score:
            out.append(f"{exercise}: {score_found:g} points, {said} {score:g}")
        # An exercise that counts as not attempted has the checks of its blank verdict, or none.
        now = {name: (passed, known) for name, passed, known in checks_found}
        for name, passed, known in checks:
            if name in now and now[name] != (passed, known):
                out.append(f"{exercise}, “{name}”: {now[name]}, {said} {(passed, known)}")
    return out


def worth(plan: Plan, found: Marks) -> list[str]:
    """Find where the clean marks are not those that the answers are known to earn."""
    points = {exercise.id: float(exercise.points) for exercise in exercises(plan.lesson)}
    out = []
    for exercise, (kind, version) in plan.answers.items():
        score = found[exercise][0]
        fair = {"right": score == points[exercise], "wrong": score < points[exercise]}
        if kind == "right" and version is not None and _on_sand(plan, exercise, version):
            continue
        if not fair.get(kind, score == 0):
            out.append(f"{exercise}: {kind}, and earns {score:g} of {points[exercise]:g}")
    return out


def _on_sand(plan: Plan, exercise: str, version: Version) -> bool:
    """Tell whether it builds on an answer that is not right and that the judge never supplies."""
    uses = {one.id: set(one.uses) for one in exercises(plan.lesson)}
    supplied, pending = set(), [exercise]
    while pending:
        new = uses.get(pending.pop(), set()) - supplied
        supplied |= new
        pending += new
    others = (read_names(text_of(plan.lesson, version)) or set()) & uses.keys() - {
        exercise
    } - supplied
    return any(plan.answers[other][0] != "right" for other in others)


def campaign(judge: Judge, planned: Sequence[Plan]) -> tuple[Tally, dict[str, Marks]]:
    """Grade each clean and ugly; return what was seen, and the ugly ones' marks by name."""
    one = SameCases(judge.forkserver, judge.secret, judge.limits)
    tally, graded = Tally(), {}
    for plan in planned:
        expected = marks(grade(one, written(plan)))
        tally.faults += [f"clean, {fault}\n    {plan}" for fault in worth(plan, expected)]
        outcome = grade(one, written(plan, plan.uglinesses))
        graded[plan.name] = found = marks(outcome)
        tally.count += 1
        _progress(tally.count, len(planned), "graded")
        tally.used.update(plan.uglinesses)
        tally.kinds.update(kind for kind, _ in plan.answers.values())
        differ = differences(found, expected, "clean")
        if differ:
            why = [v.exercise + ": " + c.message for v in outcome.verdicts for c in v.checks
                   if not c.passed and any(d.startswith(v.exercise) for d in differ)]  # fmt: skip
            tally.faults.append(
                f"{'; '.join(differ)}\n    {plan}\n    {outcome.outcome} {outcome.reason}; by "
                f"itself: {_alone(one, plan, expected) or 'none of them'}\n    said: {why[:3]}"
            )
    return tally, graded


def _progress(done: int, count: int, word: str) -> None:
    if done % 20 == 0:
        print(f"{done} of {count} {word}", file=sys.stderr, flush=True)


def _alone(judge: Judge, plan: Plan, expected: Marks) -> list[str]:
    """Find the uglinesses that change the marks by themselves: there look for the cause."""
    return [
        name
        for name in plan.uglinesses
        if differences(marks(grade(judge, written(plan, [name]))), expected, "clean")
    ]


WORDS = (
    "Ein weicher Vergleich: jeder Schlüssel trägt bei, $\\alpha_i > 0$.\n\n"
    "Second, the gradient reaches every key, and not only the largest one.\n\n\n"
    "* a hard choice would have none"
)


def answered(lesson: str) -> dict[str, Any]:
    """Return the solved lesson as JSON, with its questions answered in words."""
    document = json.loads(nbformat.writes(solved(lesson)))
    for cell in document["cells"]:
        marks = cell["metadata"].get("nbgrader", {})
        if cell["cell_type"] == "markdown" and marks.get("solution"):
            cell["source"] = WORDS
    return document


def front_ends(judge: Judge, lessons: Sequence[str]) -> list[str]:
    """Put every solved lesson through every tool; say where marks or answers are lost."""
    faults = []
    for lesson in lessons:
        document = answered(lesson)
        for name in FRONT_ENDS:
            student = f"{lesson}-{name}"
            release = assignment(assignment_id(lesson))
            outcome = grade(judge, Submission(student, release.id, through(name, document)))
            faults += [f"{student}: {fault}" for fault in _lost(outcome)]
    return faults


def _lost(outcome: Outcome) -> Iterator[str]:
    if outcome.score != outcome.max_score:
        failed = [(v.exercise, c.message) for v in outcome.verdicts for c in v.checks
                  if not c.passed]  # fmt: skip
        yield f"{outcome.outcome} {outcome.reason}, {outcome.score:g} points: {failed[:2]}"
    read = {cell.id: " ".join(cell.source.split()) for cell in outcome.cells}
    for human, (_, wait) in outcome.humans.items():
        if not wait or read.get(human) != " ".join(WORDS.split()):
            yield f"the written answer {human} is lost: {read.get(human, '')[:60]!r}"
    if outcome.notices:
        yield f"a person has to look: {outcome.notices}"


@contextlib.contextmanager
def busy(processes: int, seconds: int = BURN) -> Iterator[None]:
    """Run so many processes that do nothing but burn processor time, for so long at most."""
    burn = f"import time\nend = time.monotonic() + {seconds}\nwhile time.monotonic() < end: pass"
    running = [subprocess.Popen([sys.executable, "-I", "-c", burn]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def again_under_load(judge: Judge, planned: Sequence[Plan], calm: dict[str, Marks]) -> list[str]:
    """Grade the ugly ones again on a busy machine; return each check that comes out otherwise."""
    one = SameCases(judge.forkserver, judge.secret, judge.limits)
    faults = []
    with busy(2 * (os.cpu_count() or 1)):
        for number, plan in enumerate(planned, start=1):
            outcome = grade(one, written(plan, plan.uglinesses))
            _progress(number, len(planned), "graded under load")
            differ = differences(marks(outcome), calm[plan.name], "on a calm machine")
            if differ:
                said = f"{outcome.outcome} {outcome.reason}".strip()
                faults.append(f"loaded ({said}), {'; '.join(differ)}\n    {plan}")
    return faults


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--front-ends", action="store_true", help="what tools make of files")
    parser.add_argument("--loaded", action="store_true", help="once more on a busy machine")
    options = parser.parse_args()
    torch.set_num_threads(1)
    started = time.monotonic()
    if options.front_ends:
        with start_sandbox([ROOT, Path.home()], 1) as forkserver:
            faults = front_ends(Judge(forkserver, b"fairness", Limits()), LESSONS)
        print(f"{len(LESSONS)} lessons, each through {len(FRONT_ENDS)} tools:")
        print(", ".join(FRONT_ENDS))
        print(f"{len(faults)} faults, {time.monotonic() - started:.0f} s", *faults, sep="\n")
        sys.exit(bool(faults))
    planned = plans(options.count, options.seed)
    with start_sandbox([ROOT, Path.home()], 1) as forkserver:
        judge = Judge(forkserver, b"fairness", Limits())
        tally, graded = campaign(judge, planned)
        seconds = time.monotonic() - started
        faults, loaded = list(tally.faults), ""
        if options.loaded:
            faults += again_under_load(judge, planned, graded)
            loaded = f" and {time.monotonic() - started - seconds:.0f} s on a busy machine"
    answers = ", ".join(f"{count} {kind}" for kind, count in tally.kinds.most_common())
    print(f"{tally.count} submissions, their answers: {answers}")
    print("uglinesses, and how often:")
    for name in UGLINESSES:
        print(f"  {tally.used[name]:4} {name}")
    print(f"{len(faults)} faults, {seconds:.0f} s{loaded}")
    for fault in faults:
        print(fault)
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
