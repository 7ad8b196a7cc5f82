"""The engine inside nbgrader's own process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from traitlets.config import Config

from grader.records import nbgrader_plugin
from grader.sandbox.host.forkserver_client import Forkserver
from grader.sandbox.host.limits import Limits

LOADED = "import sys\n'json.tool' in sys.modules"


def test_nbgrader_hands_out_the_folder_that_release_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    course = replace(nbgrader_plugin.COURSE, notebooks="lessons")
    monkeypatch.setattr(nbgrader_plugin, "COURSE", course)
    config = Config()
    nbgrader_plugin.configure(config, tmp_path)
    assert Path(config.CourseDirectory.release_directory) == Path("release", "lessons")


def test_one_warm_process_serves_the_assignments_that_import_the_same(tmp_path: Path) -> None:
    def has_it(forkserver: Forkserver) -> str:
        worker = forkserver.start(Limits())
        (output,), error = worker.run_cell(LOADED, 10)
        worker.close()
        return error or output["data"]["text/plain"]

    try:
        few = nbgrader_plugin._forkserver(tmp_path, tmp_path, ())
        more = nbgrader_plugin._forkserver(tmp_path, tmp_path, ("json.tool",))
        assert (has_it(few), has_it(more)) == ("False", "True")
        assert nbgrader_plugin._forkserver(tmp_path, tmp_path, ()) is few
        assert nbgrader_plugin._forkserver(tmp_path, tmp_path, ("json.tool",)) is more
    finally:
        for place in [place for place in nbgrader_plugin._FORKSERVERS if place[0] == tmp_path]:
            nbgrader_plugin._FORKSERVERS.pop(place).close()
