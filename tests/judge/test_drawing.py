"""matplotlib is there for whoever draws, and nobody else waits for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from grader.authoring.solve import solved
from grader.course.assignments import assignment
from grader.course.layout import LESSONS, ROOT, assignment_id
from grader.judge import intake
from grader.judge.assemble import assemble
from grader.judge.run import Judge, Submission, to_run
from grader.sandbox.host import select
from grader.sandbox.host.forkserver_client import PYPLOT, WRITES_NOTHING, WarmProcess
from grader.sandbox.host.limits import Limits
from grader.source.slicing import draws

HIDDEN = [ROOT, Path.home()]
LESSON = "single_query_attention"
SHOWN = "import sys\nprint(type(sys.modules['matplot' 'lib.pyplot']).__name__)"


@pytest.fixture
def light() -> Iterator[WarmProcess]:
    """A warm process that has imported nothing that can wait."""
    with select.raise_walls(HIDDEN, 1, ahead=()) as warm:
        if warm.level in WRITES_NOTHING:
            pytest.skip(f"behind {warm.level} everything is imported at once")
        yield warm


def shown_by(warm: WarmProcess, *own: str) -> str:
    """What the last of these cells prints at the end of a solved lesson."""
    notebook = solved(LESSON)
    notebook.cells += [nbformat.v4.new_code_cell(source) for source in own]
    name = assignment_id(LESSON)
    submission = Submission("someone", name, nbformat.writes(notebook).encode())
    outcome = Judge(warm, b"s", Limits()).grade(submission, assignment(name))
    assert outcome.outcome == "graded" and all(verdict.passed for verdict in outcome.verdicts)
    return [cell for cell in outcome.cells if cell.kind == "code"][-1].outputs[0]["text"]


WAYS = {
    "by the lesson's name": "plt.plot([1, 2])",
    "by another": "import matplotlib.pyplot as p\np.plot([1, 2])",
    "from the package": "from matplotlib import pyplot\npyplot.plot([1, 2])",
    "by the package": "import matplotlib\nmatplotlib.pyplot.plot([1, 2])",
    "everything": "from matplotlib.pyplot import *\nplot([1, 2])",
    "pylab": "from pylab import *\nplot([1, 2])",
    "a part": "from matplotlib.figure import Figure\nf = Figure()\nf.subplots()\ndisplay(f)",
    "a part that is loaded": "import matplotlib.axes\nmatplotlib.pyplot.plot([1, 2])",
    "an axes of its kind": "from matplotlib.axes import Axes\n"
    "figure, axes = plt.subplots()\nassert isinstance(axes, Axes)",
    "settings": "plt.rcParams['lines.linewidth'] = 3\nplt.plot([1, 2])",
    "magic": "%matplotlib inline\nplt.plot([1, 2])",
    "the course's own": "from grader import heatmap\nheatmap([[1, 2]], alt='a')",
    "a stand-in changed": "plt.mine = 1\nimport matplotlib.pyplot as p\n"
    "assert p.mine == 1\nplt.plot([1, 2])",
    "figure by figure": "figure, axes = plt.subplots()\naxes.plot([1, 2])\nplt.show()",
}


@pytest.mark.parametrize("fetched", [False, True])
def test_every_way_to_draw_draws(light: WarmProcess, fetched: bool) -> None:
    for way, source in WAYS.items():
        worker = light.start(Limits(), ahead=(PYPLOT,) if fetched else ())
        assert worker.run_cell("import matplotlib.pyplot as plt", 10) == ([], ""), way
        outputs, error = worker.run_cell(source, 20)
        worker.close()
        assert error == "", (way, outputs)
        kinds = {output["output_type"] for output in outputs}
        assert kinds <= {"display_data", "execute_result"}, (way, outputs)
        assert json.dumps(outputs).count("image/png") == 1, (way, outputs)


def test_only_who_draws_waits_for_it(light: WarmProcess) -> None:
    assert shown_by(light, SHOWN) == "StandIn\n"
    assert PYPLOT not in light.ahead
    assert shown_by(light, "plt.plot([1, 2])", SHOWN) == "module\n"
    assert PYPLOT in light.ahead
    assert shown_by(light, SHOWN) == "module\n"


@pytest.mark.parametrize("lesson", LESSONS)
def test_no_lesson_draws_for_its_marks(lesson: str) -> None:
    release = assignment(assignment_id(lesson))
    handed_in = intake.parse(nbformat.writes(solved(lesson)).encode())
    parts = assemble(list(release.parts), handed_in).parts
    running = to_run(parts)
    assert running < to_run(parts, everything=True)
    assert not [part.id for part in parts if part.id in running and draws(part.source)]
    assert any(draws(part.source) for part in parts)
