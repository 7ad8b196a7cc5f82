"""`reset` gives a cell back as it was handed out, and loses nothing of what stood in it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from jupyter_client.manager import start_new_kernel

from grader.course.exercises import exercises
from grader.course.layout import LESSONS, NOTEBOOKS, ROOT, assignment_id
from grader.course.sources import stub_source
from grader.source.cells import normalized
from grader.student import resetting
from grader.student.frozen import NoSuchExercise
from grader.student.lab_folder import copy_lessons
from grader.student.lessons import stub

LESSON = LESSONS[0]
FIRST = exercises(LESSON)[0].id
MINE = f"def {FIRST}(a, b):\n    # a thought\n    return a\n"


@pytest.mark.parametrize("lesson", LESSONS)
def test_what_was_handed_out_is_the_stub(lesson: str) -> None:
    for exercise in exercises(lesson):
        assert stub(lesson, exercise.id) == stub_source(lesson, exercise.id)


def test_the_old_text_is_kept_whole_and_counts_as_nothing() -> None:
    given = stub(LESSON, FIRST)
    both = resetting.with_comment(given, MINE)
    kept = both.partition("# --- before reset ---\n")[2]
    assert "\n".join(line.removeprefix("# ") for line in kept.splitlines()) == MINE.rstrip()
    assert normalized(both) == normalized(given)  # a comment: not attempted
    assert resetting.with_comment(given, "") == resetting.with_comment(given, given) == given


def test_an_exercise_that_is_none() -> None:
    with pytest.raises(NoSuchExercise, match=FIRST):
        resetting.reset(FIRST[:-1])


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple]:
    lab = tmp_path_factory.mktemp("reset") / "lab"
    copy_lessons(NOTEBOOKS, lab)
    name = assignment_id(LESSON)
    path = lab / name / f"{name}.ipynb"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "JPY_SESSION_NAME": str(path)}
    manager, client = start_new_kernel(cwd=str(path.parent), env=environment)
    yield client, path
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def run(client, code: str, cell: str) -> tuple[list[dict], str]:
    """Run a cell as JupyterLab does: what the kernel asks the front end to do, and what is said."""
    content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
    message = client.session.msg("execute_request", content, metadata={"cellId": cell})
    client.shell_channel.send(message)
    said = []
    while True:
        got = client.get_iopub_msg(timeout=60)
        if got["parent_header"].get("msg_id") != message["header"]["msg_id"]:
            continue
        if got["msg_type"] == "stream":
            said.append(got["content"]["text"])
        if got["msg_type"] == "error":
            said.append(got["content"]["evalue"])
        if got["content"].get("execution_state") == "idle":
            break
    while True:  # a kernel that started slowly was asked more than once whether it is there
        reply = client.get_shell_msg(timeout=60)
        if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
            break
    return reply["content"].get("payload", []), "".join(said)


@pytest.mark.parametrize("call", [f'reset("{FIRST}")', f"reset('{FIRST}')  # anew"])
def test_in_its_own_cell_it_replaces_the_text(call: str, kernel: tuple) -> None:
    client, path = kernel
    before = path.read_bytes()
    run(client, f"from grader import reset\n{MINE}", FIRST)
    given = stub(LESSON, FIRST)
    for text in (f"{call}\n{MINE}", call):  # above the answer, or in its place
        [payload], _ = run(client, text, FIRST)
        assert payload["source"] == "set_next_input" and payload["replace"] is True
        assert payload["text"].startswith(given)
        assert "#     return a" in payload["text"] and "reset(" not in payload["text"][len(given) :]
    assert path.read_bytes() == before


def test_elsewhere_it_changes_nothing_and_says_how(kernel: tuple) -> None:
    client, _ = kernel
    payload, said = run(client, f'from grader import reset\nreset("{FIRST}")', "another")
    assert payload == [] and "first line of its own cell" in said
    assert stub(LESSON, FIRST) in said
