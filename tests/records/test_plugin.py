"""The engine inside nbgrader's own process."""

from __future__ import annotations

from pathlib import Path

from grader.records import nbgrader_plugin
from grader.sandbox.host.limits import Limits

LOADED = "import sys\n'json.tool' in sys.modules"


def test_one_warm_process_imports_what_each_assignment_needs(tmp_path: Path) -> None:
    def has_it() -> str:
        worker = nbgrader_plugin._HELD[tmp_path, tmp_path].start(Limits())
        (output,), error = worker.run_cell(LOADED, 10)
        worker.close()
        return error or output["data"]["text/plain"]

    few = nbgrader_plugin._warm(tmp_path, tmp_path, [])
    try:
        assert has_it() == "False"
        assert nbgrader_plugin._warm(tmp_path, tmp_path, ["json.tool"]) is few
        assert has_it() == "True"
        assert nbgrader_plugin._warm(tmp_path, tmp_path, []) is few
    finally:
        nbgrader_plugin._HELD.pop((tmp_path, tmp_path)).close()
