"""Whatever a submission draws with becomes its cells' pictures, imported before or only then."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grader.course.layout import ROOT
from grader.sandbox.host import select
from grader.sandbox.host.forkserver_client import HEAVY, READ_ONLY_LEVELS
from grader.sandbox.host.limits import Limits

HIDDEN = [ROOT, Path.home()]

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
    "figure by figure": "figure, axes = plt.subplots()\naxes.plot([1, 2])\nplt.show()",
}


@pytest.mark.parametrize("modules", [(), HEAVY])
def test_every_way_to_draw_draws(modules: tuple[str, ...]) -> None:
    with select.start_sandbox(HIDDEN, 1, modules=modules) as forkserver:
        if forkserver.level in READ_ONLY_LEVELS and not modules:
            pytest.skip(f"behind {forkserver.level} matplotlib is always imported before")
        for way, source in WAYS.items():
            if way == "a part" and not modules:
                continue  # as in Jupyter's kernel: a figure has no picture before pyplot made one
            worker = forkserver.start(Limits())
            outputs, error = worker.run_cell("import matplotlib.pyplot as plt", 10)
            assert error == "" and (outputs == [] or not modules), way
            outputs, error = worker.run_cell(source, 20)
            worker.close()
            assert error == "", (way, outputs)
            kinds = {output["output_type"] for output in outputs}
            assert kinds <= {"display_data", "execute_result"}, (way, outputs)
            assert json.dumps(outputs).count("image/png") == 1, (way, outputs)
