"""The failing case can be had: its arguments, as values and as code, and what the call said."""

from __future__ import annotations

import contextlib
import io
import re
import signal
import time

import numpy as np
import pytest
import torch

from grader.course.exercises import exercises
from grader.course.layout import LESSONS
from grader.course.versions import misconceptions, solution
from grader.protocol.marshal import from_wire
from grader.protocol.values import Ask, Reply, Tensor
from grader.student import calling, check, frozen
from grader.student.calling import NotebookCalls, RanOn, within
from grader.student.cases import Arguments, Failing

WRONG = "import numpy as np\ndef softmax(scores, axis=-1):\n    return np.exp(scores)"


def test_case_gives_the_arguments_of_the_case_that_fails(shell, capsys) -> None:
    shell.run_cell(WRONG, store_history=True)
    shell.run_cell("from grader import case, check\ncheck('softmax')")
    code = capsys.readouterr().out
    found = shell.run_cell("found = case('softmax')\nfound").result
    assert isinstance(found, Arguments)
    exercise = frozen.load("softmax").suite
    calls = [case.ask for case in exercise.checks[0].cases]
    first = min(calls, key=lambda ask: ask.args[0].size)  # the smallest of those that fail
    assert [one.tolist() for one in found] == [one.tolist() for one in first.args]
    wrong = shell.run_cell("softmax(*found, **found.kwargs)").result
    assert np.array_equal(wrong, np.exp(first.args[0]))
    assert "The case as code" in code and "softmax(scores" in code


def test_an_answer_that_does_not_exist_has_no_call_to_repeat(shell, capsys) -> None:
    shell.run_cell("from grader import check\ncheck('softmax')", store_history=True)
    said = capsys.readouterr().out
    assert "there is no name softmax here" in said.lower() and "The case as code" not in said


@pytest.mark.parametrize("lesson", LESSONS)
def test_the_code_to_paste_is_the_case(lesson: str) -> None:
    """What stands in the fold gives the student's function what the check gives it."""
    spelled = 0
    for exercise in exercises(lesson):
        answers = frozen.load(exercise.id)
        for case in answers.suite.cases:
            got: list[tuple] = []

            def spy(*args, _got=got, **kwargs):
                _got.append((args, kwargs))

            failing = Failing(
                exercise.id, case.name, case.ask, NotebookCalls({case.ask.target: spy})
            )
            takes_nothing = not case.ask.args and not case.ask.kwargs and case.ask.init is None
            assert bool(failing.code) != takes_nothing
            if takes_nothing or "from grader import case" in failing.code:
                continue
            spelled += 1
            code = failing.code
            exec(code, {case.ask.target: spy})
            ((args, kwargs),) = got
            wanted = tuple(map(from_wire, case.ask.args))
            assert equal(args, wanted), (code, wanted)
            assert equal(kwargs, {k: from_wire(v) for k, v in case.ask.kwargs.items()})
    assert spelled > 5


def equal(one: object, other: object) -> bool:
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        same = one.shape == other.shape and one.dtype == other.dtype
        return same and torch.equal(torch.nan_to_num(one * 1), torch.nan_to_num(other * 1))
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        same = one.shape == other.shape and one.dtype == other.dtype
        return same and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    if isinstance(one, (tuple, list)):
        return type(one) is type(other) and all(map(equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    return type(one) is type(other) and (one == other or one != one)


def test_of_a_layer_the_case_is_the_layer_with_its_weights() -> None:
    wrong = misconceptions("multi_head_attention", "MultiHeadAttention")[0]
    failing = check.judge_here("MultiHeadAttention", wrong.namespace, wrong.source).failing
    assert failing is not None
    arguments = failing.arguments()
    weights = failing.ask.weights
    for path, array in weights.items():
        assert np.array_equal(arguments.answer.get_parameter(path).detach().numpy(), array)
    reply = NotebookCalls(wrong.namespace).ask([failing.ask])[0]
    result = arguments.answer(*arguments, **arguments.kwargs)
    first = result[0] if isinstance(result, tuple) else result
    told = reply.value[0] if isinstance(reply.value, tuple) else reply.value
    assert isinstance(told, Tensor)
    assert torch.equal(first.detach(), torch.from_numpy(told.data))


def test_what_the_answer_printed_is_shown_under_its_failed_check(shell, capsys) -> None:
    shell.run_cell(
        WRONG.replace("    return", "    print('the shape is', scores.shape)\n    return")
    )
    shell.run_cell("from grader import check\ncheck('softmax')")
    out = capsys.readouterr().out
    assert "Your code printed" in out and "the shape is (" in out
    assert "all 4 checks" not in out


def test_an_answer_that_prints_without_end_takes_no_memory() -> None:
    printed = calling.Heard().printed
    for _ in range(1000):
        assert printed.write("x" * 1000) == 1000
    assert len(printed.text) == calling.MAX_PRINTED


def test_the_traceback_is_cut_to_the_student_s_lines(shell, capsys) -> None:
    shell.run_cell(
        "import numpy as np\n"
        "def helper(scores):\n"
        "    return np.linalg.inv(scores[:0, :])\n"
        "def softmax(scores, axis=-1):\n"
        "    return helper(np.atleast_2d(scores))"
    )
    shell.run_cell("from grader import check\ncheck('softmax')")
    out = capsys.readouterr().out
    shown = out[out.index("Your lines when it raised") :]
    assert "line 5 of softmax: return helper(np.atleast_2d(scores))" in shown
    assert "line 3 of helper: return np.linalg.inv(scores[:0, :])" in shown
    assert "LinAlgError" in shown and "site-packages" not in shown and "umath_linalg" not in shown


def test_a_recursion_without_end_shows_a_few_lines() -> None:
    space: dict = {}
    code = compile("def f(x):\n    return f(x)", "<ipython-input-1-x>", "exec")
    exec(code, space)
    calls = NotebookCalls(space)
    ask = Ask("f", (1,))
    failure = calls.ask([ask])[0].failure
    assert failure is not None and failure.type == "RecursionError"
    lines = calls.heard[id(ask)].trace.splitlines()
    assert "more calls" in lines[0] and len(lines) == calling.MAX_FRAMES + 2


# --- the time limit -------------------------------------------------------------------------------


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "LIMIT", 0.5)


def test_an_answer_that_runs_on_is_stopped_with_its_own_line(shell, capsys, short) -> None:
    shell.run_cell(
        "import numpy as np\ndef softmax(scores, axis=-1):\n    n = 0\n    while True:\n"
        "        n += 1\n    return scores"
    )
    started = time.monotonic()
    shell.run_cell("from grader import check\ncheck('softmax')")
    out = capsys.readouterr().out
    assert time.monotonic() - started < 60  # once for the whole exercise, not for every case
    assert re.search(r"still running after 0\.5 s in line [45]: `(while True:|n \+= 1)`", out), out
    # The kernel goes on, and no interrupt arrives later.
    time.sleep(1.2)
    assert shell.run_cell("1 + 1").result == 2


def test_an_answer_that_catches_everything_is_stopped_too(short) -> None:
    caught = []

    def stubborn() -> Reply:
        while True:
            try:
                while True:
                    pass
            except BaseException:
                caught.append(1)
                if len(caught) > 1:
                    raise

    with pytest.raises(RanOn, match="still running after 0.5 s"):
        within(0.5, stubborn)
    assert len(caught) == 2


def test_a_quick_answer_leaves_no_thread_and_no_interrupt() -> None:
    import threading

    before = threading.active_count()
    for _ in range(200):
        assert within(20, Reply) == Reply()
    time.sleep(0.1)
    assert threading.active_count() == before


def test_somebody_s_own_interrupt_is_no_time_limit() -> None:
    def interrupted() -> Reply:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        within(20, interrupted)


# --- names that do not exist ----------------------------------------------------------------------


@pytest.mark.parametrize("call", ["check", "hint", "case"])
def test_a_misspelt_name_is_one_line_with_the_nearest(call: str, shell, capsys) -> None:
    error = shell.run_cell(f"from grader import {call}\n{call}('softmaks')").error_in_exec
    assert isinstance(error, frozen.NoSuchExercise)
    assert error._render_traceback_() == [str(error)]
    assert str(error).startswith("no exercise 'softmaks'; similar names: softmax")
    out = capsys.readouterr().out
    assert "softmax" in out and "Traceback" not in out and len(out.strip().splitlines()) == 1


def test_case_says_when_no_case_fails(shell, capsys) -> None:
    shell.run_cell("import numpy as np\n" + solution("single_query_attention", "softmax").source)
    found = shell.run_cell("from grader import case\ncase('softmax')").result
    assert isinstance(found, Arguments) and len(found) >= 1
    assert "fails no case" in capsys.readouterr().out


def test_plain_python_shows_the_case_as_text() -> None:
    failing = Failing("f", "a case", Ask("f", (np.array([1.0]),)), NotebookCalls({"f": abs}))
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        print(failing)
    assert "np.array([1.])" in out.getvalue()


def test_an_interrupt_arrives_where_interrupts_are_ignored() -> None:
    """As in a program that a script has started in the background."""

    def long() -> Reply:
        ends = time.monotonic() + 10
        while time.monotonic() < ends:
            pass
        return Reply()

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(RanOn):
            within(0.2, long)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
