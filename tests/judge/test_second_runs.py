"""Which exercises get a second run, with what, and which of them share one."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from grader.authoring.sample import answer_text
from grader.course.assignments import assignment
from grader.course.exercises import exercises, find
from grader.course.layout import LESSONS, assignment_id
from grader.course.versions import misconceptions
from grader.course.wild import VIEWS
from grader.judge import intake
from grader.judge.judging import Judging
from grader.judge.notebook_run import NotebookRun
from grader.judge.second_runs import SecondRuns
from grader.protocol.values import Ask, Failure, Reply
from grader.sandbox.host.limits import Limits
from grader.sandbox.host.workers import Ended
from grader.source.assembly import ANSWER, Assembly, assemble
from tests.conftest import Grade, with_answers

FIRST = "single_query_attention"
KEEP = {
    "attention": "def attention(query, keys, values):\n    return softmax(keys @ query) @ values",
    "batched_attention": (
        "def batched_attention(queries, keys, values):\n"
        "    return np.stack([attention(q, keys, values) for q in queries])"
    ),
    "cosine_similarity": "def cosine_similarity(a, b):\n    return a @ b",
}


def second(
    lesson: str,
    texts: dict[str, str],
    failed: set[str],
    cell: str = "",
    judged: set[str] | None = None,
) -> list:
    """The runs, each as what is judged in it and which answers are the course's in it.

    ``judged`` are the exercises that are to be judged again: all that failed, if it is None.
    """
    release = assignment(assignment_id(lesson))
    text = with_answers(lesson, texts, solve=True)
    if cell:
        document = json.loads(text)
        own = {"cell_type": "code", "id": "own", "metadata": {}, "source": cell,
               "outputs": [], "execution_count": None}  # fmt: skip
        document["cells"].insert(1, own)
        text = json.dumps(document)
    assembly: Assembly = assemble(list(release.parts), intake.parse(text.encode()))
    given = {part.id: part.source for part in assembly.parts}
    again = failed if judged is None else judged
    suites = {e.id: e.suite(b"x") for e in exercises(lesson) if e.id in again}
    return [
        (
            run.judged,
            {p.exercise for p in run.parts if p.role == ANSWER and p.source != given[p.id]},
        )
        for run in SecondRuns(release, assembly, failed).runs(suites)
    ]


def below(lesson: str, name: str) -> set[str]:
    """What an exercise builds on in its own lesson, directly or not, as the lesson declares."""
    uses = {e.id: e.uses for e in exercises(lesson)}
    own = {other for other in uses[name] if other in uses}
    return own.union(*(below(lesson, other) for other in own))


def spoiled(*names: str) -> dict[str, str]:
    return {name: f"def {name}(*args, **kwargs):\n    return 0" for name in names}


def test_what_does_not_lean_on_a_failed_answer_runs_once() -> None:
    texts = KEEP | spoiled("softmax", "similarity_scores")
    failed = {"softmax", "similarity_scores", "cosine_similarity", "attention"}
    assert second(FIRST, texts, failed) == [(("attention",), {"softmax"})]


def test_a_test_that_the_student_wrote_is_examined_once() -> None:
    """A second examination could use what a first one showed of its candidates."""
    failed = {"masked_attention", "examine_attention"}
    test = "def examine_attention(candidate):\n    assert candidate(1) == masked_attention(1)"
    runs = second("masking", {"examine_attention": test}, failed)
    assert not any("examine_attention" in judged for judged, _ in runs)


def test_what_is_to_be_fixed_first_is_what_fails_at_the_bottom() -> None:
    """Not what an answer does without, nor what only fails with another one."""
    release = assignment(assignment_id(FIRST))
    suites = {e.id: e.suite(b"x") for e in exercises(FIRST)}

    def first(texts: dict[str, str], failed: set[str]) -> dict[str, tuple[str, ...]]:
        text = with_answers(FIRST, texts, solve=True)
        assembly = assemble(list(release.parts), intake.parse(text.encode()))
        planned = SecondRuns(release, assembly, failed)
        return planned.to_fix_first({name: suites[name] for name in failed})

    assert first(KEEP, {"attention"}) == {}
    both = {"softmax", "attention", "batched_attention"}
    assert first(KEEP, both) == {"attention": ("softmax",), "batched_attention": ("softmax",)}
    alone = KEEP["attention"].replace("softmax", "scipy.special.softmax")
    assert "attention" not in first(KEEP | {"attention": alone}, {"softmax", "attention"})


def test_what_leans_on_one_through_another_gets_both() -> None:
    texts = KEEP | spoiled("softmax")
    failed = {"softmax", "attention", "batched_attention"}
    runs = second(FIRST, texts, failed)
    assert runs == [
        (("attention",), {"softmax"}),
        (("batched_attention",), {"softmax", "attention"}),
    ]


def test_a_text_that_hides_what_it_reads_may_read_all_that_it_builds_on() -> None:
    hidden = "def attention(query, keys, values):\n    return globals()['soft' + 'max'](keys)"
    runs = second(FIRST, {"attention": hidden} | spoiled("softmax"), {"softmax", "attention"})
    assert runs == [(("attention",), {"softmax"})]


def test_a_helper_of_the_students_is_followed() -> None:
    cell = "def weigh(scores):\n    return softmax(scores)"
    own = "def attention(query, keys, values):\n    return weigh(keys @ query) @ values"
    runs = second(FIRST, {"attention": own} | spoiled("softmax"), {"softmax", "attention"}, cell)
    assert runs == [(("attention",), {"softmax"})]


def test_a_helper_in_another_answers_cell_is_followed() -> None:
    beside = (
        "def similarity_scores(query, keys):\n    return np.asarray(keys) @ query\n"
        "def weigh(scores):\n    return softmax(scores)"
    )
    own = "def attention(query, keys, values):\n    return weigh(keys @ query) @ values"
    texts = {"similarity_scores": beside, "attention": own} | spoiled("softmax")
    runs = second(FIRST, texts, {"softmax", "attention"})
    assert runs == [(("attention",), {"softmax"})]


def test_an_import_beside_another_answer_leads_nowhere() -> None:
    beside = (
        "import math\n"
        "def similarity_scores(query, keys):\n    return np.asarray(keys) @ query\n"
        "def weigh(scores):\n    return softmax(scores)"
    )
    own = (
        "import math\n"
        "def attention(query, keys, values):\n    return math.sqrt(2) * (keys @ query) @ values"
    )
    texts = {"similarity_scores": beside, "attention": own} | spoiled("softmax")
    assert second(FIRST, texts, {"softmax", "attention"}) == []


def test_answers_of_earlier_lessons_alone_take_one_run_for_all() -> None:
    """Without the earlier notebooks nothing that leans on them can have worked."""
    lesson = "transformer_language_model"
    failed = {"TransformerLM", "train_step", "sample_next"}
    runs = second(lesson, {}, failed)
    assert runs == [(("TransformerLM", "train_step"), set())]


def test_what_is_supplied_further_down_does_not_keep_an_exercise_from_sharing_a_run() -> None:
    lesson = "transformer_language_model"
    texts = spoiled("sample_next") | {
        "generate": "def generate(*args, **kwargs):\n    return sample_next(args[1], **kwargs)"
    }
    runs = second(lesson, texts, {"TransformerLM", "sample_next", "generate"})
    assert runs == [(("TransformerLM", "generate"), {"sample_next"})]


VIEW = {  # the course's get_batch cuts y out of longer rows: right, and right, but not together
    "train_step": (
        "def train_step(model, optimizer, x, y):\n"
        "    logits = model(x).flatten(0, 1)\n"
        "    loss = negative_log_likelihood(logits, y.view(-1))\n"
        "    optimizer.zero_grad()\n"
        "    loss.backward()\n"
        "    optimizer.step()\n"
        "    return loss.item()"
    )
}


def test_where_all_parts_passed_the_courses_parts_decide() -> None:
    lesson = "transformer_language_model"
    parts = ["get_batch", "TransformerLM", "train_step"]
    texts = VIEW | spoiled("get_batch", "TransformerLM")
    runs = second(lesson, texts, {"train_language_model"})
    assert runs == [(("train_language_model",), set(parts))]


def test_parts_that_do_not_fit_together_cost_the_whole_nothing(grade: Grade) -> None:
    lesson = "transformer_language_model"
    outcome = grade(lesson, with_answers(lesson, VIEW, solve=True), earlier=True)
    verdicts = {verdict.exercise: verdict for verdict in outcome.verdicts}
    assert [c.name for c in verdicts["train_step"].checks if not c.passed] == [VIEWS]
    assert verdicts["train_language_model"].passed


@pytest.mark.parametrize("lesson", LESSONS)
@pytest.mark.parametrize("number", [0, 3])
def test_nothing_is_there_when_an_exercise_is_judged_that_it_does_not_build_on(
    lesson: str, number: int
) -> None:
    own = [e for e in exercises(lesson) if len(misconceptions(lesson, e.id)) > number]
    texts = {e.id: answer_text(misconceptions(lesson, e.id)[number]) for e in own}
    order = [e.id for e in exercises(lesson)]  # as in the notebook: each answer, then its check
    for judged, supplied in second(lesson, texts, set(order)):
        for name in judged:
            there = {other for other in supplied if order.index(other) <= order.index(name)}
            assert there <= below(lesson, name)


@pytest.mark.parametrize("lesson", LESSONS)
def test_an_answer_that_calls_all_others_is_given_those_alone_that_it_builds_on(
    lesson: str,
) -> None:
    """Whatever it reads: with any other exercise's solution it could earn points of its own."""
    order = [e.id for e in exercises(lesson)]
    for name in order:
        others = [other for other in order if other != name]
        called = "".join(f"    {other}(*args, **kwargs)\n" for other in others)
        greedy = {name: f"def {name}(*args, **kwargs):\n{called}    return 0"}
        runs = second(lesson, spoiled(*others) | greedy, set(order), judged={name})
        # A student's test is run once: it could remember candidates from one run to the next.
        due = set() if find(name).callbacks is not None else below(lesson, name)
        assert runs == [((name,), due)] or (not runs and not due), name


def parsed_cells(count: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """How often Python's parser runs for ``count`` long helpers, each of which calls the next."""
    release = assignment(assignment_id("transformer_block"))
    body = "\n".join(f"    x{n} = {count} + {n}" for n in range(700))
    document = json.loads(with_answers("transformer_block", {}))
    for number in range(count):
        after = (number + 1) % count
        source = f"def helper{number}(*args):\n{body}\n    return helper{after}(*args)"
        assert len(source) > 10_000
        own = {"cell_type": "code", "id": f"own{number}", "metadata": {}, "source": source}
        document["cells"].insert(1, own | {"outputs": [], "execution_count": None})
    for cell in document["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if name in {exercise.id for exercise in release.exercises}:
            cell["source"] = f"def {name}(*args, **options):\n    return helper0(*args)"
    assembly = assemble(list(release.parts), intake.parse(json.dumps(document).encode()))
    suites = {e.id: e.suite(b"x") for e in release.exercises}
    calls = []
    real = ast.parse

    def counting(source: str, *more: object, **options: object) -> ast.AST:
        calls.append(len(source) > 10_000)
        return real(source, *more, **options)

    with monkeypatch.context() as patch:
        patch.setattr(ast, "parse", counting)
        assembly.attempted(release.exercises[0].id)
        SecondRuns(release, assembly, {e.id for e in release.exercises}).runs(suites)
    return sum(calls)


def test_the_work_of_planning_grows_with_the_length_of_a_notebook(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Four times as many helpers take four times as long, not sixteen times."""
    few, many = parsed_cells(10, monkeypatch), parsed_cells(40, monkeypatch)
    assert few >= 10
    assert many <= 4 * few


@dataclass
class _Sleeper:
    """A worker each of whose cells idles for a while, and whose answers are all wrong."""

    nap: float
    idled: float = 0.0
    cpu_seconds: float = 0.0

    def run_cell(self, source: str, cpu: float) -> tuple[list[Any], str]:
        self.idled += self.nap
        return [], ""

    def ask(self, asks: list[Ask], cpu: float, callbacks: Any = None) -> list[Reply]:
        return [Reply(failure=Failure("exception", "ValueError")) for _ in asks]

    def close(self) -> Ended:
        return Ended()


@dataclass
class _Sleepers:
    """A forkserver of such workers."""

    nap: float
    started: list[_Sleeper] = field(default_factory=list)

    def start(self, limits: Limits, texts: Any) -> Any:
        self.started.append(_Sleeper(self.nap))
        return self.started[-1]


@pytest.mark.parametrize(("nap", "runs"), [(0.0, 5), (1.0, 1)])
def test_a_submission_that_has_idled_as_long_as_it_may_has_no_further_runs(
    nap: float, runs: int
) -> None:
    """What a second run costs in time is not the submission's to choose."""
    release = assignment(assignment_id(FIRST))
    notebook = with_answers(FIRST, {"softmax": "def softmax(scores):\n    return scores"})
    parts = assemble(list(release.parts), intake.parse(notebook.encode())).parts
    asleep = _Sleepers(nap)
    judging = Judging(release, lambda name: name.encode())
    limits = Limits(idle=0.5, naps=1.0)
    own = NotebookRun(asleep, limits, judging)  # type: ignore[arg-type]
    for _ in range(5):
        replies = own.run(parts, {"softmax"}, {}, record=False)["softmax"]
        assert replies and all(reply.failure for reply in replies)
    assert len(asleep.started) == runs
