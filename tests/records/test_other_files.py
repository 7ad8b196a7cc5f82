"""What lies in a folder of submissions is graded, or named: the work in another file, too (T13)."""

from __future__ import annotations

import json
import os
import tempfile
import unicodedata
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from grader.authoring.solve import solved
from grader.course.assignments import assignment
from grader.course.layout import assignment_id, notebook_path
from grader.judge.outcome import Outcome
from grader.judge.run import Judge
from grader.records.executor import Graded, grade_work
from grader.records.submissions import find_submissions, passed_over, read_work

LESSON = "masking"
NAME = assignment_id(LESSON)
GIVEN = notebook_path(LESSON).read_bytes()
SOLVED = nbformat.writes(solved(LESSON)).encode()
HALF = nbformat.writes(solved(LESSON, {"causal_mask"})).encode()
FULL = assignment(NAME).max_score


def hand_in(folder: Path, files: dict[str, bytes]) -> Path:
    """Files of one student, their names relative to the student's folder."""
    person = folder / "submitted" / "ada"
    for name, content in files.items():
        path = person / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder / "submitted"


def graded(judge: Judge, folder: Path, files: dict[str, bytes]) -> Outcome:
    (found,) = find_submissions(hand_in(folder, files))
    result = grade_work(judge, read_work(found))
    assert isinstance(result, Graded), result
    return result.outcome


def bare(content: bytes) -> bytes:
    tree = json.loads(content)
    for cell in tree["cells"]:
        cell.pop("id")
        cell["metadata"] = {}
    return json.dumps(tree).encode()


OTHER_NAMES = [
    f"{NAME}/{NAME}-Copy1.ipynb",
    f"{NAME}/{NAME} (1).ipynb",
    f"{NAME}/Copy of {NAME}.ipynb",
    f"{NAME}/Copie de {NAME}.ipynb",
    f"{NAME}/{NAME}.IPYNB",
    f"{NAME}/{NAME}.json",
    f"{NAME}/{NAME}.ipynb.json",
    f"{NAME}/homework_final_v2.ipynb",
    f"{NAME}/Untitled",
    f"{NAME}/{NAME}/{NAME}.ipynb",
    f"{NAME}/work/my homework.ipynb",
    f"{NAME}.ipynb",
    f"{NAME}(2).ipynb",
]


@pytest.mark.parametrize("untouched", [False, True], ids=["alone", "beside the released copy"])
@pytest.mark.parametrize("name", OTHER_NAMES)
def test_the_work_is_found_under_another_name(
    judge: Judge, tmp_path: Path, name: str, untouched: bool
) -> None:
    files = {name: SOLVED} | ({f"{NAME}/{NAME}.ipynb": GIVEN} if untouched else {})
    outcome = graded(judge, tmp_path, files)
    assert (outcome.outcome, outcome.score) == ("graded", FULL)
    assert Path(name).name in outcome.repairs[0]


def test_the_work_is_found_by_the_names_that_it_defines(judge: Judge, tmp_path: Path) -> None:
    files = {f"{NAME}/{NAME}.ipynb": GIVEN, f"{NAME}/mine.ipynb": bare(SOLVED)}
    assert graded(judge, tmp_path, files).score == FULL


UNPLACED: dict[str, dict[str, bytes]] = {
    "two that hold answers": {"a.ipynb": SOLVED, "b.ipynb": HALF},
    "an archive": {f"{NAME}.zip": b"PK\x03\x04"},
    "another lesson's": {"x.ipynb": notebook_path("self_attention").read_bytes()},
    "a script": {f"{NAME}.py": b"def causal_mask(n):\n    return n\n"},
    "a text": {"answer.docx": b"PK"},
    "a deep folder": {"a/b/c.ipynb": SOLVED},
}


@pytest.mark.parametrize("untouched", [False, True], ids=["alone", "beside the released copy"])
@pytest.mark.parametrize("what", UNPLACED)
def test_what_cannot_be_placed_is_named_and_waits_for_a_person(
    judge: Judge, tmp_path: Path, what: str, untouched: bool
) -> None:
    files = {f"{NAME}/{name}": content for name, content in UNPLACED[what].items()}
    files |= {f"{NAME}/{NAME}.ipynb": GIVEN} if untouched else {}
    outcome = graded(judge, tmp_path, files)
    assert outcome.outcome == "rejected" and outcome.notices == (outcome.reason,)
    assert outcome.unsure >= {verdict.exercise for verdict in outcome.verdicts}
    for name in UNPLACED[what]:
        assert name.removesuffix("/c.ipynb") in outcome.reason


@pytest.mark.parametrize(
    "beside",
    [{}, {"x-Copy1.ipynb": GIVEN}, {"timestamp.txt": b"2026-01-01 00:00:00 UTC"},
     {".ipynb_checkpoints/x.ipynb": SOLVED}, {"__pycache__/a.pyc": b"x"}],
)  # fmt: skip
def test_not_attempted_means_as_it_was_given_out(
    judge: Judge, tmp_path: Path, beside: dict[str, bytes]
) -> None:
    files = {f"{NAME}/{name}": content for name, content in beside.items()}
    outcome = graded(judge, tmp_path, files | {f"{NAME}/{NAME}.ipynb": GIVEN})
    assert outcome.outcome == "not_attempted" and not outcome.notices


def test_the_right_name_counts_if_it_holds_answers(judge: Judge, tmp_path: Path) -> None:
    files = {f"{NAME}/{NAME}.ipynb": HALF, f"{NAME}/{NAME}-Copy1.ipynb": SOLVED}
    outcome = graded(judge, tmp_path, files)
    assert 0 < outcome.score < FULL and f"{NAME}-Copy1.ipynb" in outcome.repairs[0]


def test_no_other_file_is_read_through_a_link(judge: Judge, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.ipynb").write_bytes(SOLVED)
    folder = hand_in(tmp_path, {f"{NAME}/{NAME}.ipynb": GIVEN})
    (folder / "ada" / NAME / "mine.ipynb").symlink_to(tmp_path / "elsewhere.ipynb")
    (folder / "ada" / NAME / "more").symlink_to(tmp_path)
    (found,) = find_submissions(folder)
    result = grade_work(judge, read_work(found))
    assert isinstance(result, Graded)
    assert result.outcome.outcome == "rejected" and "mine.ipynb, more" in result.outcome.reason


# -- the folder of submissions -------------------------------------------------------------------


def test_each_thing_in_the_folder_is_accounted_for(tmp_path: Path) -> None:
    folder = hand_in(tmp_path, {f"{NAME}/{NAME}.ipynb": GIVEN, "notes.txt": b"x"})
    (folder / "stray.pdf").write_bytes(b"x")
    (folder / ".hidden" / NAME).mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / "empty").mkdir()
    (folder / "linked").symlink_to("/etc")
    (folder / "ada" / ".ipynb_checkpoints").mkdir()
    (folder / "ada" / "99_unknown").mkdir()
    found = {(one.student, one.assignment): one.refused for one in find_submissions(folder)}
    assert found.keys() == {
        ("ada", NAME), ("ada", "99_unknown"), (".hidden", ""), ("linked", ""),
    }  # fmt: skip
    assert [key for key, refused in found.items() if not refused] == [("ada", NAME)]
    said = [line.partition(":")[0] for line in passed_over(folder)]
    assert said == [".git", "ada/.ipynb_checkpoints", "ada/notes.txt", "empty", "stray.pdf"]


@pytest.mark.parametrize("name", ["José", "O'Brien, Seán", "प्रिया शर्मा", "สมชาย ใจดี"])
def test_a_name_has_one_spelling_whatever_the_system_that_packed_it(
    tmp_path: Path, name: str
) -> None:
    for form in ("NFC", "NFD"):
        folder = tmp_path / form
        path = folder / unicodedata.normalize(form, name) / NAME / f"{NAME}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_bytes(GIVEN)
        for wanted in (None, unicodedata.normalize("NFC", name)):
            (found,) = find_submissions(folder, student=wanted)
            assert (found.student, found.refused) == (unicodedata.normalize("NFC", name), "")
            assert found.path.read_bytes() == GIVEN


def test_neither_of_two_folders_of_one_name_is_taken_for_the_other(tmp_path: Path) -> None:
    for form in ("NFC", "NFD"):
        (tmp_path / unicodedata.normalize(form, "José") / NAME).mkdir(parents=True)
    refused = [one.refused for one in find_submissions(tmp_path)]
    assert len(refused) == 2 and all(refused)


Fault = Callable[[Path], None]


def test_an_error_of_ours_is_the_outcome_of_that_submission_alone(
    judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = hand_in(tmp_path, {f"{NAME}/{NAME}.ipynb": SOLVED})
    (found,) = find_submissions(folder)
    broken = "grader.records.executor.judging_failed"

    def fail(*_: object) -> Outcome:
        raise ZeroDivisionError(broken)

    monkeypatch.setattr(Judge, "grade", fail)
    result = grade_work(judge, read_work(found))
    assert isinstance(result, Graded) and result.outcome.outcome == "crashed"
    assert broken in result.outcome.reason and "test_other_files.py" in result.outcome.reason
    assert result.outcome.unsure and os.fspath(tmp_path) not in result.outcome.reason


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_folder_whose_entries_cannot_be_looked_at_is_named_and_ends_nothing() -> None:
    """An ordinary user may list such a folder, and is refused each file in it. Root never is."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are closed to other users
        found = _found_by_another_user(Path(folder))
    said = "the folder cannot be read: Permission denied"
    assert [NAME, said] in found and [f"{NAME}.ipynb", said] in found, found


def _found_by_another_user(folder: Path) -> list | str:
    """What is found in a folder in which one student's has no right to enter."""
    folder.chmod(0o755)
    closed = folder / "ana"
    (closed / NAME).mkdir(parents=True)
    (closed / f"{NAME}.ipynb").write_text("{}")
    list(find_submissions(folder))  # reads what it needs of the course, which may be root's alone
    closed.chmod(0o444)
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setuid(65534)
            found = [(one.assignment, one.refused) for one in find_submissions(folder)]
            os.write(write, json.dumps(found).encode())
        except BaseException as error:
            os.write(write, json.dumps(repr(error)).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        found = json.load(answer)
    os.waitpid(child, 0)
    return found
