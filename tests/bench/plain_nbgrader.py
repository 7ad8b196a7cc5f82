"""Run attacks against plain ``nbgrader autograde``, and compare what each gains there and here.

    python -m tests.bench.plain_nbgrader [--only TEXT] [--markdown FILE]

The same exercise is made into a plain nbgrader assignment: a solution cell, a cell of visible
asserts, one of hidden asserts, one with partial credit, each worth a point. Only attacks whose file
says ``PLAIN = True`` are run: they forge marks, or read files that this bench has planted itself in
its own temporary folder. They never signal, start or fill anything, because plain nbgrader runs
them as the present user, without a sandbox. Time, memory and file sizes are bounded all the same.
"""

from __future__ import annotations

import argparse
import resource
import secrets
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import nbformat
import torch
from nbgrader.api import Gradebook

from grader.course.sources import answer_source, stub_source
from tests.attacks.arena import Arena
from tests.attacks.reader import EXERCISE, LESSON, Case, cases

SECONDS = 120
GIBIBYTE = 1 << 30
TASK = "ps1"
POINTS = 3.0
CELLS = {
    "visible": """
matrix = softmax_jacobian(torch.tensor([0.5, 0.3, 0.2]))
wanted = torch.tensor([[0.25, -0.15, -0.10], [-0.15, 0.21, -0.06], [-0.10, -0.06, 0.16]])
assert matrix.shape == (3, 3)
assert torch.allclose(matrix, wanted, atol=1e-6)
np.testing.assert_allclose(matrix.numpy(), wanted.numpy(), atol=1e-6)
""",
    "hidden": """
assert softmax_jacobian(torch.tensor([1.0])).shape == (1, 1)
### BEGIN HIDDEN TESTS
for n in (2, 4, 7):
    weights = torch.softmax(torch.arange(float(n)), 0)
    matrix = softmax_jacobian(weights)
    for i in range(n):
        for j in range(n):
            wanted = float(weights[i]) * ((i == j) - float(weights[j]))
            assert abs(float(matrix[i, j]) - wanted) < 1e-5
### END HIDDEN TESTS
""",
    "partial": """
points = 0.0
for n in (2, 3, 5, 6):
    weights = torch.full((n,), 1 / n)
    matrix = softmax_jacobian(weights)
    points += 0.25 * bool(torch.allclose(matrix, torch.eye(n) / n - 1 / n**2))
points
""",
}


class PlainCourse:
    """A throw-away nbgrader course in a folder of its own below ``parent``."""

    def __init__(self, parent: Path) -> None:
        self.folder = folder = parent / "course"
        self.untouched = parent / "untouched"
        folder.mkdir()
        self.canary = f"CANARY-{secrets.token_hex(8)}"
        for name in ("home", "exchange", "source", "release", "submitted"):
            (folder / name).mkdir()
        self.neighbour = folder / "submitted" / "neighbour.txt"
        self.secret = folder / "solutions.py"
        for path in (self.neighbour, self.secret):
            path.write_text(self.canary)
        (folder / "nbgrader_config.py").write_text(
            "c = get_config()\nc.CourseDirectory.course_id = 'plain'\n"
            f"c.CourseDirectory.root = {str(folder)!r}\n"
            f"c.Exchange.root = {str(folder / 'exchange')!r}\n"
            "c.ExecutePreprocessor.timeout = 30\n"
        )
        self._source()
        self.nbgrader("generate_assignment", TASK)
        shutil.copytree(folder, self.untouched)

    def restore(self) -> None:
        """Restore the course as it was at first, so that no attack harms the next one."""
        shutil.rmtree(self.folder)
        shutil.copytree(self.untouched, self.folder)

    def _source(self) -> None:
        def cell(text: str, name: str, **marks: object) -> nbformat.NotebookNode:
            made = nbformat.v4.new_code_cell(text.strip("\n"), id=name)
            flags = {"grade": False, "solution": False, "locked": False, "task": False}
            made.metadata.nbgrader = {"schema_version": 3, "grade_id": name} | flags | marks
            return made

        code = answer_source(LESSON, EXERCISE)
        solution = "\n".join(["### BEGIN SOLUTION", code, "### END SOLUTION"])
        book = nbformat.v4.new_notebook()
        book.cells = [
            cell("import math\nimport numpy as np\nimport torch", "imports", locked=True),
            cell(solution, EXERCISE, solution=True),
            *(cell(CELLS[name], name, grade=True, locked=True, points=1) for name in CELLS),
        ]
        book.metadata.kernelspec = {"name": "python3", "display_name": "x", "language": "python"}
        path = self.folder / "source" / TASK / f"{TASK}.ipynb"
        path.parent.mkdir()
        nbformat.write(book, path)

    def nbgrader(self, *arguments: str) -> str:
        """Run nbgrader, bounded, in the course's folder; return what it said."""
        environment = {
            "HOME": str(self.folder / "home"),
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "JUPYTER_RUNTIME_DIR": str(self.folder / "home"),
            "IPYTHONDIR": str(self.folder / "home"),
            "OMP_NUM_THREADS": "1",
            "GRADER_SECRET": self.canary,
            "LANG": "C.UTF-8",
        }
        try:
            done = subprocess.run(
                [sys.executable, "-m", "nbgrader", *arguments],
                cwd=self.folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                preexec_fn=_bounded,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return "it took too long"
        return done.stderr

    def grade(self, name: str, text: str) -> tuple[float, str]:
        """Return the points of a submission with this answer, and the executed notebook."""
        released = self.folder / "release" / TASK / f"{TASK}.ipynb"
        book = nbformat.read(released, as_version=4)
        for cell in book.cells:
            if cell.metadata.get("nbgrader", {}).get("grade_id") == EXERCISE:
                cell.source = text
        path = self.folder / "submitted" / name / TASK / f"{TASK}.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(book, path)
        said = self.nbgrader("autograde", TASK, "--student", name)
        graded = self.folder / "autograded" / name / TASK / f"{TASK}.ipynb"
        shown = graded.read_text() if graded.exists() else said
        with Gradebook(f"sqlite:///{self.folder / 'gradebook.db'}") as gradebook:
            return _score(gradebook, name), shown

    def places(self) -> dict[str, str]:
        """Return what ``@NAME@`` in an attack stands for: files of this bench, nothing else."""
        return {
            "COURSE": str(self.folder),
            "FOLDER": str(self.folder),
            "SALT": str(self.secret),
            "SOLUTIONS": str(self.secret),
            "NEIGHBOUR": str(self.neighbour),
            "GRADEBOOK": str(self.folder / "gradebook.db"),
        }


def _score(gradebook: Gradebook, name: str) -> float:
    from nbgrader.api import MissingEntry

    try:
        return float(gradebook.find_submission(TASK, name).score or 0.0)
    except MissingEntry:
        return 0.0


def _bounded() -> None:
    for which, most in (
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_AS, 6 * GIBIBYTE),
        (resource.RLIMIT_FSIZE, GIBIBYTE // 16),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(which)[1]
        soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(which, (soft, hard))


def run_plain(course: PlainCourse, case: Case) -> tuple[float, int]:
    """Return points, and how many secrets were read (0 or 1), under plain nbgrader."""
    text = case.text
    for name, value in course.places().items():
        text = text.replace(f"@{name}@", value)
    course.restore()
    points, shown = course.grade(case.name.replace("/", "-"), text)
    return points, int(course.canary in shown)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", metavar="TEXT", default="", help="attacks whose name holds this")
    parser.add_argument("--markdown", metavar="FILE", type=Path, help="write the table there, too")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    chosen = [case for case in cases() if case.plain and arguments.only in case.name]
    with tempfile.TemporaryDirectory(prefix="plain-") as name, Arena() as arena:
        course = PlainCourse(Path(name))
        right = "import torch\n" + answer_source(LESSON, EXERCISE)
        fair = (
            course.grade("right", right)[0],
            course.grade("stub", stub_source(LESSON, EXERCISE))[0],
        )
        lines = [
            "# Attacks on plain nbgrader",
            "",
            "Made by `python -m tests.bench.plain_nbgrader --markdown FILE`.",
            "",
            f"Plain nbgrader gives a right answer {fair[0]:g} and the stub {fair[1]:g} of "
            f"{POINTS:g} points; the same exercise has {POINTS:g} points here.",
            "",
            "Each attack meets a fresh course. Points are those beyond what its answer earns.",
            "",
            "Keep homework that plain nbgrader grades in a course folder of its own: "
            "[how](instructors/other-homework.md).",
            "",
            "| attack | plain nbgrader: points gained | secrets read | here: points gained | "
            "secrets read |",
            "| --- | ---: | ---: | ---: | ---: |",
        ]
        print("\n".join(lines))
        totals = [0, 0, 0, 0]
        for case in chosen:
            there = run_plain(course, case)
            here = arena.run(replace(case, twice=False))
            numbers = (*there, here.points, len(here.secrets))
            totals = [total + (number > 0) for total, number in zip(totals, numbers, strict=True)]
            lines.append(f"| {case.name} | " + " | ".join(f"{n:g}" for n in numbers) + " |")
            print(lines[-1], flush=True)
        lines.append(
            f"| **successful, of {len(chosen)} attacks** | " + " | ".join(map(str, totals)) + " |"
        )
        print(lines[-1])
    if arguments.markdown:
        arguments.markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return int(fair != (POINTS, 0.0) or bool(totals[2] or totals[3]))


if __name__ == "__main__":
    sys.exit(main())
