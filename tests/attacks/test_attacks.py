"""Every attack gains nothing, reads nothing, changes nothing, leaves nothing, and ends nothing.

The command ``python -m tests.attacks`` runs them all, the slow ones too, and prints a table.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from grader.commandline import main
from grader.course.layout import ROOT
from grader.sandbox.host.select import levels
from tests.attacks.__main__ import RUNS, with_run
from tests.attacks.arena import Arena
from tests.attacks.reader import PAGE, Case, cases, read
from tests.sandbox.test_sandbox import python_is_closed

ALL = cases()
MATRIX = range(1, 30)
NEIGHBOURS_UPLOAD = '''"""TRIES: nothing.

MUST: be seen.
"""
KIND = "archive"


def pack(folder, arena):
    import zipfile

    from grader.course.layout import notebook_path

    with zipfile.ZipFile(folder / "canvas.zip", "w") as archive:
        content = notebook_path("self_attention").read_bytes()
        archive.writestr("neighbournick_812_5_work.ipynb", content)
    return [folder / "canvas.zip"], "Student,ID,SIS Login ID\\nNick,812,neighbour\\n"
'''


@pytest.fixture(scope="module")
def arena() -> Iterator[Arena]:
    with Arena() as ready:
        yield ready


@pytest.mark.parametrize("case", [c for c in ALL if not c.slow], ids=lambda case: case.name)
def test_the_attack_gains_nothing(arena: Arena, case: Case) -> None:
    result = arena.run(case)
    assert not result.faults, f"{case.tries} It must {case.must}"


# One or two of each kind, for the levels of sandbox that are not this machine's strongest. The
# command's option --level runs all of them there.
AT_EVERY_LEVEL = (
    "forge/helper_with_more_memory",
    "forge/patched_check",
    "forge/second_run",
    "harm/fork_bomb",
    "harm/hoards_while_it_answers",
    "harm/memory_in_sockets",
    "leave/daemon",
    "leave/shared_memory",
    "leave/survives_its_parent",
    "reach/anywhere_on_disk",
    "reach/its_supervisor",
    "reach/machines_root",
    "reach/memory_of_the_judge",
    "reach/tcp",
)


@pytest.mark.parametrize("level", levels()[1:])
def test_every_level_stands_the_same_attacks(level: str) -> None:
    if python_is_closed(level):
        pytest.skip("Python lies in a folder that is closed to other users")
    chosen = [case for case in ALL if case.name in AT_EVERY_LEVEL]
    assert len(chosen) == len(AT_EVERY_LEVEL)
    with Arena(level=level) as ready:
        results = [ready.run(case) for case in chosen]
    assert {one.case.name: one.faults for one in results if one.faults} == {}


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_what_an_attack_takes_from_the_engine_is_there(case: Case) -> None:
    """An attack that imports a module that has moved raises ImportError, and attacks nothing."""
    text = (Path(__file__).parent / "cases" / f"{case.name}.py").read_text(encoding="utf-8")
    for module, names in re.findall(
        r"^ *from (grader[\w.]*) import ([\w, ]+?)(?: as \w+)?$", text, re.M
    ):
        found = importlib.import_module(module)
        for name in names.split(", "):
            assert hasattr(found, name) or importlib.util.find_spec(f"{module}.{name}"), name
    for module in re.findall(r"^ *import (grader[\w.]*)", text, re.M):
        importlib.import_module(module)


def test_the_page_of_attacks_is_current() -> None:
    assert PAGE.fault() == ""


def test_each_run_on_the_page_is_of_all_attacks_and_all_zeros() -> None:
    page = (ROOT / "docs" / "attacks.md").read_text(encoding="utf-8")
    runs = page.partition(RUNS)[2].partition("\n\n")[0].splitlines()
    assert runs
    for run in runs:
        _, _, _, count, totals, _ = (cell.strip() for cell in run.split("|"))
        assert int(count) == len(ALL)
        assert set(re.findall(r"[\d.]+", totals)) == {"0"}


def test_a_run_is_added_to_the_page_once() -> None:
    page = f"# Attacks\n\n{RUNS}| root | root | 3 | points gained 0 |\n\n| attack |\n"
    row = "| user | an ordinary user | 3 | points gained 1 |\n"
    more = with_run(page, row)
    assert more == page.replace("gained 0 |\n", "gained 0 |\n" + row)
    assert with_run(more, row.replace("gained 1", "gained 2")) == more.replace(
        "gained 1", "gained 2"
    )


def test_there_are_enough_and_every_row_of_the_threat_matrix_is_tried() -> None:
    assert len(ALL) >= 220
    assert not set(MATRIX) - {row for case in ALL for row in case.rows}


def test_the_arena_can_see_what_gets_out() -> None:
    """Without a sandbox, attacks that read and send do reach something: it is what stops them."""
    chosen = [case for case in ALL if case.reaches]
    assert len(chosen) >= 6
    with Arena(level="none") as open_arena:
        for case in chosen:
            assert open_arena.run(case).secrets, f"{case.name} finds nothing even without walls"


def test_the_arena_can_see_points_and_processes(arena: Arena) -> None:
    """The arena counts a right answer as points, and reports a process that goes on."""
    import os
    import subprocess

    from grader.course.sources import answer_source

    case = next(case for case in ALL if case.name == "forge/fixed_answers")
    text = "import torch\n" + answer_source(case.lesson, case.exercise)
    assert arena.run(Case(**{**vars(case), "text": text})).points > 0
    left = subprocess.Popen(["sleep", arena.marker])
    try:
        assert any(str(left.pid) in one for one in arena._left(arena._orphans()))
    finally:
        left.kill()
        left.wait()
    assert not os.path.exists(f"/proc/{left.pid}")


def test_the_arena_can_see_what_archives_change(arena: Arena, tmp_path: Path) -> None:
    """The neighbour's own upload does change the neighbour's folder, and the arena says so."""
    path = tmp_path / "archive" / "of_the_neighbour.py"
    path.parent.mkdir()
    path.write_text(NEIGHBOURS_UPLOAD)
    faults = arena.run(read(path)).faults
    assert any(re.match("submitted/neighbour/02_.* was changed", one) for one in faults), faults


def test_a_cohort_of_attackers_takes_nobody_down(arena: Arena, tmp_path: Path) -> None:
    """Grade folders full of traps, beside honest neighbours, into marks, pages and a ledger."""
    import nbformat

    from grader.authoring.solve import solved

    submitted, course = tmp_path / "submitted", tmp_path / "course"
    task = "01_single_query_attention"
    honest = nbformat.writes(solved("single_query_attention", {"similarity_scores"}))
    for name in ("ada", "zoe"):
        path = submitted / name / task / f"{task}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(honest)
    for case in ALL:
        if case.kind == "folder" and case.name not in ("folder/no_permission", "folder/many"):
            person = submitted / case.name.replace("/", "-")
            person.mkdir()
            case.plant(person, arena)
    hostile = {"harm/half_a_character", "harm/control_characters", "harm/giant_number"}
    hostile |= {"leave/programs", "show/scripts", "harm/impossible_shape", "notebook/deep_json"}
    for case in ALL:
        if case.name in hostile:
            from grader.course.layout import assignment_id

            name = assignment_id(case.lesson)
            path = submitted / case.name.replace("/", "-") / name / f"{name}.ipynb"
            path.parent.mkdir(parents=True)
            path.write_bytes(arena.content(case))
    report = tmp_path / "report.json"
    arguments = ["grade", str(submitted), "--course-dir", str(course), "--json", str(report)]
    done = CliRunner().invoke(main, [*arguments, "--jobs", "2"])
    assert done.exit_code == 0, done.output
    assert "\x1b" not in done.output and "\u202e" not in done.output
    found = json.loads(report.read_text())["submissions"]
    points = {one["student"]: one["score"] for one in found if one["score"]}
    assert set(points) == {"ada", "zoe"} and points["ada"] == points["zoe"] > 0
    assert {case.name.replace("/", "-") for case in ALL if case.name in hostile} <= {
        one["student"] for one in found
    }
    shown = "".join(path.read_text() for path in course.rglob("*.html")) + report.read_text()
    assert not any(canary in shown for canary in arena.canaries.values())
    done = CliRunner().invoke(main, ["verify", "--course-dir", str(course)])
    assert done.exit_code == 0, done.output
