"""The engine inside nbgrader's own process."""

from __future__ import annotations

from pathlib import Path

from grader.judge import nbgrader_plugin


def test_a_warm_process_that_has_imported_too_little_gives_way_to_one_that_has(
    tmp_path: Path,
) -> None:
    few = nbgrader_plugin._warm(tmp_path, tmp_path, [])
    try:
        assert nbgrader_plugin._warm(tmp_path, tmp_path, []) is few
        more = nbgrader_plugin._warm(tmp_path, tmp_path, ["json"])
        assert not Path(f"/proc/{few.pid}").exists() and Path(f"/proc/{more.pid}").exists()
        assert nbgrader_plugin._warm(tmp_path, tmp_path, []) is more
        assert more.ahead == ("json",)
    finally:
        nbgrader_plugin._HELD.pop((tmp_path, tmp_path)).close()
