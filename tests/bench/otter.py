"""Grade the same submissions with otter-grader, without containers, and with this grader.

    python -m tests.bench.otter --otter FOLDER [--lesson single_query_attention] [--rounds 3]

FOLDER is a virtual environment of its own with otter-grader, torch and matplotlib in it. For each
exercise otter is given one test that asks for the verdict on the public cases, which are the cases
of ``check`` in a notebook: without secret cases, without a sandbox, without a second run if an
earlier answer was wrong. Gradebook and feedback are part of ``grade`` alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path

from grader.course.exercises import exercises
from grader.course.layout import assignment_id
from tests.bench.cohort import WHO, Cost, environment_in, grade, hand_in, machine, measured

CASE = """>>> from grader.student.check import verdict_here
>>> assert verdict_here({name!r}, globals()).passed
"""


def write_tests(folder: Path, lesson: str) -> None:
    """Write a test file in otter's form for each exercise."""
    folder.mkdir()
    for exercise in exercises(lesson):
        case = {"code": CASE.format(name=exercise.id), "hidden": False, "locked": False}
        suite = {
            "cases": [case], "scored": True, "setup": "", "teardown": "", "type": "doctest",
        }  # fmt: skip
        test = {"name": exercise.id, "points": float(exercise.points), "suites": [suite]}
        text = f"OK_FORMAT = True\n\ntest = {test!r}\n"
        (folder / f"{exercise.id}.py").write_text(text, encoding="utf-8")


def scores(results: Path) -> dict[str, float]:
    """Return what otter gave for each exercise."""
    tests = json.loads(results.read_text())["tests"]
    return {test["name"]: test["score"] for test in tests if "score" in test}


class Otter:
    """Otter's way with one lesson's submissions."""

    def __init__(self, otter: Path, lesson: str, folder: Path) -> None:
        self.program = str(otter / "bin" / "otter")
        self.folder = folder
        self.environment = environment_in(folder) | {"PATH": f"{otter}/bin:/usr/bin:/bin"}
        write_tests(folder / "tests", lesson)
        self._run("generate", "-t", "tests", "-o", "autograder.zip")
        (folder / "out").mkdir()

    def _run(self, *words: str) -> Cost:
        return measured([self.program, *words], self.folder, self.environment)[0]

    def grade(self, notebook: Path) -> Cost:
        """Grade one submission."""
        return self._run("run", "-a", "autograder.zip", "-o", "out", str(notebook))


def main() -> None:
    """Grade with each in turns; print a table."""
    parser = argparse.ArgumentParser(description="otter-grader on the same submissions.")
    parser.add_argument("--otter", type=Path, required=True, help="its virtual environment")
    parser.add_argument("--lesson", default="single_query_attention")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    name = assignment_id(options.lesson)
    theirs, ours = [], []
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        folder = Path(place)
        hand_in(folder / "submitted", options.lesson, len(WHO))
        otter = Otter(options.otter.resolve(), options.lesson, folder)
        for _ in range(options.rounds):
            paths = sorted((folder / "submitted").rglob("*.ipynb"))
            costs = [otter.grade(path) for path in paths]
            theirs.append(Cost(sum(c.wall for c in costs), sum(c.cpu for c in costs)))
            environment = environment_in(folder)
            ours.append(grade(folder / "submitted", folder / "course", environment))
        solved = next(path for path in paths if path.parts[-3].startswith("ada"))
        otter.grade(solved)
        earned = scores(folder / "out" / "results.json")
        short = [e.id for e in exercises(options.lesson) if earned.get(e.id) != e.points]
        if short:
            raise RuntimeError(f"otter does not give full points for {', '.join(short)}: no match")
    wall = [statistics.median(cost.wall for cost in costs) for costs in (theirs, ours)]
    cpu = [statistics.median(cost.cpu for cost in costs) for costs in (theirs, ours)]
    print(f"{len(WHO)} submissions of {name}, medians of {options.rounds}, in turns: {machine()}.")
    print("\n| | otter run | grade --jobs 2 | ratio |\n| --- | ---: | ---: | ---: |")
    print(f"| wall, s | {wall[0]:.1f} | {wall[1]:.1f} | {wall[0] / wall[1]:.1f} |")
    print(f"| CPU, s | {cpu[0]:.1f} | {cpu[1]:.1f} | {cpu[0] / cpu[1]:.1f} |")


if __name__ == "__main__":
    main()
