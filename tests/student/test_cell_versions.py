"""``check`` never praises another version of an answer than the one that stands in its cell."""

from __future__ import annotations

import json
import linecache
import os
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel

from grader.course.layout import LESSONS, NOTEBOOKS, ROOT, assignment_id
from grader.course.versions import solution
from grader.source.assembly import GIVEN
from grader.source.cells import normalized
from grader.student import records
from grader.student.cell_versions import Run, _given, helpers, notebook_path, outdated
from grader.student.lab_folder import copy_lessons, start_page
from grader.student.lessons import handed_out

RIGHT = "import numpy as np\n" + solution("single_query_attention", "softmax").source
BROKEN = RIGHT + "\nreturn ("
RENAMED = RIGHT.replace("def softmax", "def soft_max")
CHECK = "check('softmax')"
OWN, OTHER = "the answer's cell", "a cell for trying things"


class Kernel:
    """A real kernel, to which cells are sent as JupyterLab sends them."""

    def __init__(self, lesson: Path, env: dict[str, str]) -> None:
        self.lesson = lesson
        self.manager, self.client = start_new_kernel(cwd=str(lesson.parent), env=env)

    def run(self, code: str, cell: str = "") -> str:
        """Run a cell; what it has shown and raised, as text."""
        content = {"code": code, "silent": False, "store_history": True}
        metadata = {"cellId": cell} if cell else {}
        session = self.client.session
        message = session.msg("execute_request", content, metadata=metadata)
        self.client.shell_channel.send(message)
        said: list[str] = []
        while True:
            got = self.client.get_iopub_msg(timeout=60)
            if got["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            kind, content = got["msg_type"], got["content"]
            if kind == "status" and content["execution_state"] == "idle":
                return "\n".join(said)
            if kind == "stream":
                said.append(content["text"])
            elif kind == "error":
                said.append("\n".join(content["traceback"]))
            elif kind in ("display_data", "execute_result"):
                said.append(content["data"]["text/plain"])

    def save(self, source: str, later: float = 60.0, helper: str = "") -> None:
        """Save the lesson with this text in the answer's cell; the file's time is ``later``.

        A helper gets a cell of its own at the top.
        """
        notebook = nbformat.read(self.lesson, as_version=4)
        notebook.cells = [cell for cell in notebook.cells if "helper" not in cell.metadata]
        if helper:
            notebook.cells.insert(0, nbformat.v4.new_code_cell(helper, metadata={"helper": True}))
        for cell in notebook.cells:
            if cell.metadata.get("nbgrader", {}).get("grade_id") == "softmax":
                cell.source = source
        nbformat.write(notebook, self.lesson)
        os.utime(self.lesson, (time.time() + later,) * 2)

    @property
    def recorded(self) -> bool:
        return "softmax" in records.read(self.lesson.parent.parent)[0]

    def forget(self) -> None:
        for path in (self.lesson.parent.parent / records.FOLDER).glob("*.json"):
            path.unlink()


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    lab = tmp_path_factory.mktemp("lab")
    copy_lessons(NOTEBOOKS, lab)
    start_page(lab)
    name = assignment_id(LESSONS[0])
    lesson = lab / name / f"{name}.ipynb"
    env = os.environ | {"PYTHONPATH": str(ROOT), "JPY_SESSION_NAME": str(lesson)}
    started = Kernel(lesson, env)
    yield started
    started.client.stop_channels()
    started.manager.shutdown_kernel(now=True)


@pytest.fixture
def passed(kernel: Kernel) -> Kernel:
    """A kernel in which the right answer has been run and checked, and whose records are empty."""
    kernel.run("from grader import check", "first")
    kernel.run(RIGHT, OWN)
    kernel.save(RIGHT)
    assert "all 4 checks passed" in kernel.run(CHECK) and kernel.recorded
    kernel.forget()
    return kernel


def refused(kernel: Kernel, *words: str) -> None:
    said = kernel.run(CHECK)
    assert "check of an earlier version of softmax" in said and "all 4 checks passed" not in said
    assert "CheckFailed: softmax: the earlier version passes, but" in said
    assert not kernel.recorded
    for word in words:
        assert word in said, said


def test_a_syntax_error_left_in_the_cell(passed: Kernel) -> None:
    assert "SyntaxError" in passed.run(BROKEN, OWN)
    refused(passed, "the last run of its cell failed (SyntaxError)")
    passed.run(RIGHT, OWN)
    assert "all 4 checks passed" in passed.run(CHECK) and passed.recorded


def test_a_syntax_error_where_the_frontend_names_no_cells(passed: Kernel) -> None:
    passed.run(RIGHT + "\n\n")
    passed.run(BROKEN)
    refused(passed, "the last run of its cell failed (SyntaxError)")


def test_another_name_in_the_cell(passed: Kernel) -> None:
    passed.run(RENAMED, OWN)
    refused(passed, "its cell no longer defines softmax")


def test_a_cell_changed_and_saved_and_not_run(passed: Kernel) -> None:
    passed.save(RIGHT.replace("scores", "numbers"))
    refused(passed, "its cell has been changed since, but not run again")
    passed.save(BROKEN)
    refused(passed, "now has a syntax error")
    passed.save(RENAMED)
    refused(passed, "no cell above its check defines softmax anymore")


HELPER = "def shifted(x, axis):\n    return x - x.max(axis=axis, keepdims=True)"
USES = """import numpy as np
def softmax(scores, axis=-1):
    powers = np.exp(shifted(scores, axis))
    return powers / powers.sum(axis=axis, keepdims=True)"""


@pytest.fixture
def helped(kernel: Kernel) -> Kernel:
    """A kernel in which the right answer calls a helper from a cell of its own."""
    kernel.run("from grader import check", "first")
    kernel.run(HELPER, OTHER)
    kernel.run(USES, OWN)
    kernel.save(USES, helper=HELPER)
    assert "all 4 checks passed" in kernel.run(CHECK) and kernel.recorded
    kernel.forget()
    return kernel


def refused_for_helper(kernel: Kernel, why: str) -> None:
    said = kernel.run(CHECK)
    assert f"softmax with an earlier version of your shifted, which it uses: {why}" in said, said
    assert "all 4 checks passed" not in said and "Run the cell of shifted" in said
    assert not kernel.recorded


def test_a_helper_whose_cell_failed_was_renamed_or_changed(helped: Kernel) -> None:
    helped.run(HELPER + "\nreturn (", OTHER)
    refused_for_helper(helped, "the last run of its cell failed (SyntaxError)")
    helped.run(HELPER.replace("shifted", "shift"), OTHER)
    refused_for_helper(helped, "its cell no longer defines shifted")
    helped.run(HELPER, OTHER)
    assert "all 4 checks passed" in helped.run(CHECK) and helped.recorded
    helped.forget()
    helped.save(USES, helper=HELPER.replace("return x", "return 1 * x"))
    refused_for_helper(helped, "its cell has been changed since, but not run again")
    helped.save(USES)
    refused_for_helper(helped, "no cell above this check defines shifted anymore")


def test_a_helper_that_the_answer_does_not_use_is_none_of_its_own(passed: Kernel) -> None:
    """Neither is a function of a library that has the name of one in the notebook."""
    passed.run("def exp(x):\n    return x", OTHER)
    passed.run("def exp(", OTHER)
    assert "np.exp" in RIGHT and "all 4 checks passed" in passed.run(CHECK) and passed.recorded


def test_what_was_run_and_not_saved_yet_is_as_good_as_any(passed: Kernel) -> None:
    passed.save(RENAMED, later=-60)
    assert "all 4 checks passed" in passed.run(CHECK) and passed.recorded


def test_comments_and_layout_make_no_other_version(passed: Kernel) -> None:
    passed.save(f"# mine\n\n{RIGHT}\n")
    assert "all 4 checks passed" in passed.run(CHECK)


def test_an_error_in_another_cell_is_none_of_the_answer_s(passed: Kernel) -> None:
    passed.run("def softmax(:", OTHER)
    passed.run("1 / 0", OTHER)
    assert "all 4 checks passed" in passed.run(CHECK)


def test_an_answer_that_runs_on_is_stopped_and_the_kernel_goes_on(passed: Kernel) -> None:
    passed.run("import grader.student.calling as calling\ncalling.LIMIT = 1.0")
    passed.run("def softmax(scores, axis=-1):\n    while True:\n        pass", OWN)
    said = passed.run(CHECK)
    assert "still running after 1 s in line" in said and "KeyboardInterrupt" not in said
    time.sleep(1.5)
    assert passed.run("print(6 * 7)").strip() == "42"
    passed.run("calling.LIMIT = 20.0")


# --- the same without a kernel ----------------------------------------------------------------


def ran(cell: str, text: str, error: str = "", at: float = 0.0) -> Run:
    return Run(cell, text, text, error, at)


def test_an_answer_in_a_cell_of_one_s_own_counts_where_it_stands(tmp_path: Path) -> None:
    """Grading runs the cells above the check in their order; what is bound last is judged."""
    answer, blank, later = "double = abs", "double = None", "double = len"

    def saved(*sources: str) -> Path:
        path = tmp_path / "notebook.ipynb"
        cells = [
            {"cell_type": "code", "source": source, "metadata": {"nbgrader": {"grade_id": name}}}
            for source, name in (*((one, "") for one in sources), ("", "check_double"))
        ]
        path.write_text(json.dumps({"cells": cells}))
        return path

    runs = [ran("a", blank), ran("b", answer)]
    assert outdated("double", abs, runs, saved(blank, answer)) == ""
    assert "not run again" in outdated("double", abs, runs, saved(answer, later))
    assert outdated("double", abs, runs, tmp_path / "gone.ipynb") == ""
    assert outdated("double", abs, runs, None) == ""


def test_an_answer_whose_run_was_not_seen_is_not_doubted() -> None:
    assert outdated("double", abs, [ran("a", "1 / 0", "ZeroDivisionError")], None) == ""


def test_a_second_name_for_a_function_is_bound_where_it_is_written(tmp_path: Path) -> None:
    """Its code is in another cell, which neither binds the name nor has to."""
    space: dict = {}
    text = "def twice(x):\n    return 2 * x"
    as_if_typed(text, space)
    runs = [ran("a", text), ran("b", "double = twice"), ran("a", text)]
    path = tmp_path / "notebook.ipynb"
    cells = [
        {"cell_type": "code", "source": source, "metadata": {"nbgrader": {"grade_id": name}}}
        for source, name in ((text, ""), ("double = twice", "double"), ("", "check_double"))
    ]
    path.write_text(json.dumps({"cells": cells}))
    assert outdated("double", space["twice"], runs, path) == ""
    assert "(NameError)" in outdated(
        "double", space["twice"], [*runs, ran("b", "double = twice", "NameError")], path
    )


def test_a_second_name_or_a_partial_holds_what_its_cell_has_replaced(passed: Kernel) -> None:
    helper = "def raised(x):\n    return np.exp(x)"
    answer = RIGHT.replace("np.exp(", "power(")
    assert answer != RIGHT
    for second in ("power = raised", "import functools\npower = functools.partial(raised)"):
        passed.save(answer, later=-60)  # what was run is not saved yet
        passed.run("import numpy as np", OTHER)
        passed.run(helper, "a helper")
        passed.run(second, "its second name")
        passed.run(answer, OWN)
        assert "all 4 checks passed" in passed.run(CHECK)
        passed.run(helper.replace("np.exp(x)", "np.exp(2 * x)"), "a helper")
        said = passed.run(CHECK)
        assert "with an earlier version of your raised" in said
        assert "the version from before is still used" in said and "CheckFailed" in said
        passed.forget()


def test_a_constant_that_was_changed_in_its_cell_is_an_earlier_version(passed: Kernel) -> None:
    constant = "SHARPNESS = 1.0"
    answer = RIGHT.replace("np.exp(", "np.exp(SHARPNESS * ")
    passed.run(constant, "a constant")
    passed.run(answer, OWN)
    passed.save(answer, helper=constant)
    assert "all 4 checks passed" in passed.run(CHECK)
    passed.save(answer, helper="SHARPNESS = 2.0")
    said = passed.run(CHECK)
    assert "with an earlier version of your SHARPNESS" in said and "CheckFailed" in said
    passed.save(answer, helper=constant)
    assert "all 4 checks passed" in passed.run(CHECK)


def test_given_cells_count_as_they_were_given_whatever_became_of_them() -> None:
    """Grading runs the release's; so does a cell of one's own if it has the same text."""
    runs = [ran("given", "show = print"), ran("given", "show = print; 1 / 0", "ZeroDivisionError")]
    assert "failed" in outdated("show", print, runs, None, "softmax")
    assert outdated("show", print, runs, None, "softmax", {"given"}) == ""
    assert outdated("show", print, runs, None, "softmax", {normalized(runs[0].text)}) == ""
    part = next(part for part in handed_out(LESSONS[1]) if part.role == GIVEN)
    assert {part.id.removeprefix("given-"), normalized(part.source)} <= _given(LESSONS[1])


def test_an_earlier_answer_is_no_helper() -> None:
    """Where it is wrong, grading takes the course's version; and so with what it uses itself."""
    space: dict = {}
    as_if_typed("def part(x):\n    return x", space)
    as_if_typed("def earlier(x):\n    return part(x)", space)
    as_if_typed("def own(x):\n    return x", space)
    as_if_typed("def answer(x):\n    return own(earlier(np.part(x)))", space)
    assert helpers(space["answer"], space, ()) == ["earlier", "own", "part"]
    assert helpers(space["answer"], space, ("earlier",)) == ["own"]


def as_if_typed(text: str, space: dict) -> None:
    """Run a text under a name as IPython gives it to a cell."""
    name = f"<ipython-input-{len(linecache.cache)}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    exec(compile(text, name, "exec"), space)


def test_vs_code_names_the_file_in_the_namespace(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "lesson.ipynb"
    path.write_text("{}")
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "gone.ipynb"))
    assert notebook_path({}) is None
    assert notebook_path({"__vsc_ipynb_file__": str(path)}) == path
    monkeypatch.setenv("JPY_SESSION_NAME", str(path))
    assert notebook_path({}) == path
