"""One submission from bytes to outcome: run, ask, judge; again where an earlier name was wrong."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from grader.course.assignments import Assignment
from grader.course.exercises import limits
from grader.course.specification import Exercise
from grader.judge import intake, outcome, prior_answers
from grader.judge.assemble import (
    ANSWER,
    CHECK,
    HUMAN,
    Assembly,
    Part,
    assemble,
)
from grader.judge.callbacks import answering
from grader.judge.carry_forward import Second
from grader.judge.known_replies import known_replies
from grader.judge.outcome import Outcome, Shown
from grader.judge.sanitize import MAX_SHOWN, clean_outputs, within
from grader.protocol.values import (
    Ask,
    Battery,
    CheckResult,
    Failure,
    Misconception,
    Reply,
    Verdict,
)
from grader.rules.asking import put_questions
from grader.rules.evaluate import Seen, explained, look, not_attempted, verdict_on
from grader.sandbox.host.forkserver_client import WarmProcess
from grader.sandbox.host.limits import Limits
from grader.sandbox.host.workers import Died, Worker
from grader.source.slicing import needed

CARRIED = "with the course's version of the earlier exercise"


@dataclass(frozen=True)
class Submission:
    """What is graded: whose it is, for which assignment, and its bytes.

    ``earlier`` holds the same student's notebooks of the lessons that this one draws on.
    """

    student: str
    assignment: str
    content: bytes
    earlier: tuple[tuple[str, bytes], ...] = ()

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class Judge:
    """All that grading one submission needs; ``secret`` is what makes its cases unguessable."""

    warm: WarmProcess
    secret: bytes
    limits: Limits
    all_cells: bool = False

    def grade(self, submission: Submission, release: Assignment) -> Outcome:
        """Never raises for anything that a submission holds or does."""
        started = time.monotonic()
        try:
            notebook = intake.parse(submission.content)
        except intake.Rejected as error:
            return replace(rejected(submission, release, str(error)), sandbox=self.warm.level)
        assembly = assemble(list(release.parts), notebook)
        result = _Run(self, submission, release, assembly).outcome()
        return replace(result, seconds=time.monotonic() - started, sandbox=self.warm.level)

    def seed(self, submission: Submission, exercise: str) -> bytes:
        """HMAC(secret; assignment, exercise, submission): the same again for a re-grade."""
        text = "\0".join((submission.assignment, exercise, submission.student, submission.digest))
        return hmac.new(self.secret, text.encode(), hashlib.sha256).digest()


def rejected(submission: Submission, release: Assignment, reason: str) -> Outcome:
    """The outcome of what could not be graded: nothing earned, and why."""
    verdicts = tuple(_blank(exercise) for exercise in release.exercises)
    return Outcome(
        submission.student,
        submission.assignment,
        outcome.REJECTED,
        release.max_score,
        reason,
        verdicts,
        humans={human.id: (human.points, False) for human in release.humans},
        digest=submission.digest,
    )


def _blank(exercise: Exercise) -> Verdict:
    return Verdict(exercise.id, 0.0, float(exercise.points), False, ())


class _Run:
    """The grading of one submission."""

    def __init__(self, judge: Judge, sub: Submission, release: Assignment, assembly: Assembly):
        self.judge = judge
        self.limits = judge.limits.at_least(limits(release.lesson))
        self.submission = sub
        self.release = release
        self.assembly = assembly
        self.exercises = {exercise.id: exercise for exercise in release.exercises}
        self.attempted = {name for name in self.exercises if assembly.attempted(name)}
        self.batteries: dict[str, Battery] = {}
        self.mistakes: dict[str, Mapping[Misconception, Sequence[Reply]]] = {}
        self.outputs: dict[str, list] = {}
        self.deaths: list[Died] = []
        self.starved = False
        self.room = MAX_SHOWN

    def outcome(self) -> Outcome:
        verdicts = {
            name: not_attempted(self._battery(name))
            if name in self.attempted
            else _blank(self.exercises[name])
            for name in self.exercises
        }
        seen: dict[str, Seen] = {}
        if self.attempted:
            texts = prior_answers.of_student(self.release, dict(self.submission.earlier))
            replies = self._pass(self.assembly.parts, self.attempted, texts, record=True)
            seen = {name: self._look(name, replies[name]) for name in self.attempted}
        verdicts |= {name: verdict_on(one) for name, one in seen.items()}
        carried = self._carry_forward(verdicts, seen)
        for name in seen.keys() - carried:
            verdicts[name] = self._named(seen[name])
        humans = {
            part.id: part.source.strip() != part.released.strip()
            for part in self.assembly.parts
            if part.role == HUMAN
        }
        word, reason = self._word(verdicts, any(humans.values()))
        return Outcome(
            self.submission.student,
            self.submission.assignment,
            word,
            self.release.max_score,
            reason,
            tuple(verdicts.values()),
            frozenset(carried),
            tuple(self._shown(part) for part in self.assembly.parts),
            self.assembly.repairs,
            {human.id: (human.points, humans[human.id]) for human in self.release.humans},
            self.submission.digest,
        )

    def _word(self, verdicts: Mapping[str, Verdict], answered: bool) -> tuple[str, str]:
        if self.deaths:
            first = self.deaths[0]
            kinds = (outcome.TIMED_OUT, outcome.OUT_OF_MEMORY)
            word = first.reason if first.reason in kinds else outcome.CRASHED
            return word, first.detail
        if self.starved or any(_ran_out(verdict) for verdict in verdicts.values()):
            return outcome.OUT_OF_MEMORY, "an answer needed more memory than it may use"
        if not answered and not any(verdict.attempted for verdict in verdicts.values()):
            return outcome.NOT_ATTEMPTED, ""
        return outcome.GRADED, ""

    # -- running ---------------------------------------------------------------------------------

    def _pass(
        self, parts: Sequence[Part], wanted: set[str], texts: Mapping[str, str], record: bool
    ) -> dict[str, list[Reply]]:
        """Run the notebook once; at each wanted exercise's check, put its questions.

        ``texts`` are the answers of earlier lessons, for ``mine``.

        A cell or a check that kills the worker is left out, and the notebook is run again up to
        there without it: what comes after is not taken down. Where the worker was killed by
        something else, it is left out only after ``chances`` more.
        """
        replies: dict[str, list[Reply]] = {}
        poisoned: set[str] = set()
        killed: Counter[str] = Counter()
        run = to_run(parts, everything=record and self.judge.all_cells)
        spent = idled = 0.0
        for _ in range(self.limits.restarts):
            left = self.limits.notebook_cpu - spent
            if left <= 0 or idled > self.limits.notebook_idle:
                break
            worker = self.judge.warm.start(self.limits, texts)
            try:
                self._walk(worker, parts, run, wanted, poisoned, replies, record, left)
                break
            except _Poison as death:
                killed[death.place] += death.died.killed
                if death.died.killed and killed[death.place] <= self.limits.chances:
                    continue
                poisoned.add(death.place)
                self.deaths.append(death.died)
                name = death.place.removeprefix("check_")
                if name in wanted and name not in replies:
                    replies[name] = self._failed(name, death.died)
                if record and not death.place.startswith("check_"):
                    self.outputs[death.place] = [_death_note(death.died)]
            finally:
                spent += worker.close().cpu
                idled += worker.idled
        for name in wanted - replies.keys():
            died = Died("timed_out", "the notebook used all the time that it may use")
            self.deaths.append(died)
            replies[name] = self._failed(name, died)
        return replies

    def _walk(
        self,
        worker: Worker,
        parts: Sequence[Part],
        run: set[str],
        wanted: set[str],
        poisoned: set[str],
        replies: dict[str, list[Reply]],
        record: bool,
        budget: float,
    ) -> None:
        deadline = worker.cpu_seconds + budget
        for part in parts:
            if part.kind != "code" or part.id in poisoned:
                continue
            if part.role == CHECK:
                name = part.exercise
                if name in wanted and name not in replies and name not in poisoned:
                    replies[name] = self._ask(worker, name, deadline - worker.cpu_seconds)
                if not record and wanted <= replies.keys():
                    return  # nobody sees what comes after
            elif part.id in run:
                left = deadline - worker.cpu_seconds
                cpu = max(min(self.limits.cell_cpu, left), 0.1)
                try:
                    raw, error = worker.run_cell(part.source, cpu)
                except Died as died:
                    raise _Poison(part.id, died) from died
                if record:
                    self.starved |= part.role == ANSWER and _out_of_memory(error, raw)
                    self.outputs[part.id], self.room = within(clean_outputs(raw), self.room)

    def _ask(self, worker: Worker, name: str, left: float) -> list[Reply]:
        battery, functions = self._battery(name), self.exercises[name].remotes
        cpu = max(min(self.limits.checks_cpu, left), 0.1)
        deadline = worker.cpu_seconds + cpu

        def put(asks: list[Ask]) -> list[Reply]:
            remotes = answering(functions(battery)) if functions else None
            return worker.ask(asks, max(deadline - worker.cpu_seconds, 0.1), remotes)

        try:
            return put_questions(battery, put)
        except Died as died:
            raise _Poison(f"check_{name}", died) from died

    def _failed(self, name: str, died: Died) -> list[Reply]:
        failure = Failure(died.reason, message=died.detail)
        return [Reply(failure=failure) for _ in self._battery(name).probes]

    # -- judging ---------------------------------------------------------------------------------

    def _battery(self, name: str) -> Battery:
        if name not in self.batteries:
            seed = self.judge.seed(self.submission, name)
            self.batteries[name] = self.exercises[name].battery(seed)
        return self.batteries[name]

    def _look(self, name: str, replies: Sequence[Reply]) -> Seen:
        return look(self._battery(name), replies)

    def _named(self, seen: Seen) -> Verdict:
        """The verdict with the names of mistakes: most of the judge's work."""
        return verdict_on(seen, lambda: self._known(seen.battery.exercise))

    def _known(self, name: str) -> Mapping[Misconception, Sequence[Reply]]:
        """What each known mistake answers: asked for once, however often it is compared."""
        if name not in self.mistakes:
            self.mistakes[name] = known_replies(self.release.lesson, name, self._battery(name))
        return self.mistakes[name]

    def _tells_more(self, first: Seen, second: Seen) -> Verdict | None:
        """The second run's verdict if it has more points, or a name where the first is a riddle.

        The name of a mistake that the missing earlier answer had covered up is worth a second run.
        It is looked for before a mistake that explains only a part of what the first run gave.
        """
        before, after = verdict_on(first), verdict_on(second)
        if after.score < before.score:
            return None
        if after.score == before.score:
            if explained(first, lambda: self._known(first.battery.exercise)):
                return None
            after = self._named(second)
            return after if _names_a_mistake(after) else None
        return self._named(second)

    def _carry_forward(self, verdicts: dict[str, Verdict], seen: Mapping[str, Seen]) -> set[str]:
        """Judge again, with the course's version of what failed, the exercises that lean on it.

        What such a run shows or says is thrown away: it holds a solution. Only pass or fail of
        each check is kept.
        """
        failed = {name for name, verdict in verdicts.items() if not verdict.passed}
        batteries = {name: self._battery(name) for name in failed & self.attempted}
        carried = set()
        for second in Second(self.release, self.assembly, failed).runs(batteries):
            deaths = list(self.deaths)
            texts = prior_answers.of_course(self.release)
            wanted = set(second.judged)
            replies = self._pass(second.parts, wanted, texts, record=False)
            self.deaths = deaths
            for name in second.judged:
                again = self._tells_more(seen[name], self._look(name, replies[name]))
                if again is not None:
                    verdicts[name] = _redacted(again)
                    carried.add(name)
        return carried

    def _shown(self, part: Part) -> Shown:
        outputs = tuple(self.outputs.get(part.id, ()))
        return Shown(part.role, part.kind, part.id, part.source, part.exercise, outputs)


class _Poison(Exception):
    """The cell or check at ``place`` ended the worker."""

    def __init__(self, place: str, died: Died) -> None:
        super().__init__(place)
        self.place = place
        self.died = died


def to_run(parts: Sequence[Part], everything: bool = False) -> set[str]:
    """Ids of the cells that run: the student's, and of the release's own those that have to.

    An untouched scratch cell is one of the release's.
    """
    code = [part for part in parts if part.kind == "code" and part.role != CHECK]
    given = [part for part in code if part.role != ANSWER and part.source == part.released]
    if everything:
        return {part.id for part in code}
    written = [part for part in code if part not in given]
    before = [(part.id, part.source) for part in given]
    has_to = needed(before, [part.source for part in written])
    return has_to | {part.id for part in written}


def _ran_out(verdict: Verdict) -> bool:
    return any("more memory than it may" in check.message for check in verdict.checks)


def _out_of_memory(error: str, outputs: list) -> bool:
    """Did the cell end for want of memory, in Python's words or in torch's?"""
    said = [str(o.get("evalue", "")) for o in outputs if isinstance(o, dict)]
    return error == "MemoryError" or any("can't allocate memory" in text for text in said)


def _death_note(died: Died) -> dict:
    words = {
        "timed_out": "This cell took longer than a cell may and was stopped.",
        "out_of_memory": "This cell needed more memory than a submission may use.",
    }
    text = words.get(died.reason, f"This cell ended its process ({died.detail or died.reason}).")
    return {"output_type": "stream", "name": "stderr", "text": text + "\n"}


def _names_a_mistake(verdict: Verdict) -> bool:
    return any(check.misconception for check in verdict.checks)


def _redacted(verdict: Verdict) -> Verdict:
    """Pass, fail and a mistake's name, in our words alone: the run held a solution."""
    checks = tuple(
        check
        if check.passed or not check.tried
        else CheckResult(
            check.name, False, f"not passed, {CARRIED}", check.look, check.misconception
        )
        for check in verdict.checks
    )
    return replace(verdict, checks=checks)
