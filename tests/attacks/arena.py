"""Where attacks are run: a judge with a forkserver, secrets planted all around, and eyes.

After each attack the arena says what came of it: points gained, secrets found in anything that is
shown or that arrived at one of its sockets, whether an honest submission still gets the same
marks, what is still running, and what in the pages could act on whoever opens them.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import html
import json
import os
import re
import secrets
import socket
import sqlite3
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from types import TracebackType
from typing import Any

import nbformat
from nbconvert.filters import markdown2html

from grader.authoring.sample import replace_answers
from grader.authoring.solve import solved
from grader.course.assignments import assignment, assignment_ids
from grader.course.layout import ROOT, assignment_id, notebook_path
from grader.course.sources import answer_source
from grader.judge.outcome import OUTCOMES, Outcome
from grader.judge.run import Judge, Submission
from grader.lms import moodle_feedback, roster
from grader.lms.roster import Directory
from grader.pages.executed import executed_notebook
from grader.pages.feedback import feedback_page
from grader.records import origin
from grader.records.collect import collect
from grader.records.executor import grade_work, slim
from grader.records.handed_in import Unpacker
from grader.records.submissions import find_submissions, read_timestamp, read_work, to_utc
from grader.sandbox.host.forkserver_client import Forkserver
from grader.sandbox.host.levels import LEVELS
from grader.sandbox.host.limits import Limits
from grader.sandbox.host.select import start_sandbox
from tests.attacks.exports import exported_faults
from tests.attacks.packing import FORGED
from tests.attacks.reader import Case

QUICK = Limits(cell_cpu=3, checks_cpu=5, notebook_cpu=20, idle=3, wall=10)
HONEST = "single_query_attention"
NEIGHBOUR = "neighbour"  # whose honest work lies where archives are collected to
MOST_SAID = 200  # lines about one student's archives: more would hide what is said of the others
# What an attack prints before a list of the things that it got at, which is to be empty.
REACHED = "REACHED"
MOST_PAGE = 12_000_000
MOST_LINE = 2_000


@dataclass(frozen=True)
class Result:
    """What came of one attack; ``faults`` says in words what should not have."""

    case: Case
    outcome: str
    seconds: float
    points: float = 0.0
    secrets: tuple[str, ...] = ()
    others: int = 0
    left: tuple[str, ...] = ()
    unsafe: tuple[str, ...] = ()
    alive: bool = True
    faults: tuple[str, ...] = field(default_factory=tuple)


class Arena:
    """A context manager: secrets, sockets, a forkserver, and one honest student."""

    def __init__(self, limits: Limits = QUICK, level: str = "") -> None:
        self.limits = limits
        self.own: set[int] = set()
        self.baselines: dict[tuple[str, str, str], float] = {}
        self.level = level  # "": the strongest that this machine offers
        self.canaries = {
            name: f"CANARY-{name}-{secrets.token_hex(8)}"
            for name in ("salt", "file", "home", "environment", "neighbour", "memory")
        }

    def __enter__(self) -> Arena:
        with contextlib.ExitStack() as stack:
            self._plant(stack)
            hidden = [ROOT, Path.home(), self.folder]
            forkserver = (
                Forkserver(self.level, hidden, 1) if self.level else start_sandbox(hidden, 1)
            )
            self.forkserver: Forkserver = stack.enter_context(forkserver)
            self.forkserver.wait_until_ready()
            self.own = set(self._workers(nested=False))  # bubblewrap's, with the forkserver in it
            self.judge = Judge(self.forkserver, self.canaries["salt"].encode(), self.limits)
            self.honest = self._honest()
            self._close = stack.pop_all()
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close.close()

    # -- what there is to find -------------------------------------------------------------------

    def _plant(self, stack: contextlib.ExitStack) -> None:
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="instructor-")))
        self.submitted = self.folder / "submitted"
        self.neighbour = self.submitted / "neighbour" / "notes.txt"
        self.salt = self.folder / ".grader" / "salt"
        self.solutions = self.folder / "solutions.py"
        for path, name in (
            (self.salt, "salt"),
            (self.solutions, "file"),
            (self.neighbour, "neighbour"),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{self.canaries[name]}\n")
            with contextlib.suppress(OSError):  # where the file system has none
                os.setxattr(path, "user.note", self.canaries[name].encode())
        sqlite3.connect(self.folder / "gradebook.db").close()
        self.home = self.solutions  # where the home folder cannot be written
        with contextlib.suppress(OSError):
            self.home = Path.home() / f".solutions-{secrets.token_hex(4)}.txt"
            self.home.write_text(self.canaries["home"])
            stack.callback(self.home.unlink, missing_ok=True)
        os.environ["GRADER_SECRET"] = self.canaries["environment"]
        stack.callback(os.environ.pop, "GRADER_SECRET", None)
        self.memory = bytearray(self.canaries["memory"].encode())  # of this process alone
        self.sockets: dict[str, socket.socket] = {}
        for name, kind, address in (
            ("TCP", socket.SOCK_STREAM, ("127.0.0.1", 0)),
            ("UDP", socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            ("UNIX", socket.SOCK_DGRAM, str(self.folder / "socket")),
            ("ABSTRACT", socket.SOCK_DGRAM, f"\0{self.folder.name}"),
        ):
            family = socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX
            one = stack.enter_context(socket.socket(family, kind))
            one.bind(address)
            if kind == socket.SOCK_STREAM:
                one.listen(5)
            one.setblocking(False)
            self.sockets[name] = one
        (self.folder / "socket").chmod(0o777)

    def places(self) -> dict[str, str]:
        """What ``@NAME@`` in an attack stands for: it knows exactly where to look."""
        return {
            "COURSE": str(ROOT),
            "FOLDER": str(self.folder),
            "SALT": str(self.salt),
            "SOLUTIONS": str(self.solutions),
            "NEIGHBOUR": str(self.neighbour),
            "GRADEBOOK": str(self.folder / "gradebook.db"),
            "HOME": str(self.home),
            "TCP": str(self.sockets["TCP"].getsockname()[1]),
            "UDP": str(self.sockets["UDP"].getsockname()[1]),
            "UNIX": str(self.folder / "socket"),
            "ABSTRACT": self.folder.name,
            "JUDGE": str(os.getpid()),
            "WARM": str(self.forkserver.pid),
            "LEVEL": self.forkserver.level,
            "MARKER": self.marker,
        }

    @functools.cached_property
    def marker(self) -> str:
        """A number in the command line of what attacks start: seconds to sleep, and a name."""
        return str(4_000_000 + secrets.randbelow(900_000))

    def _arrived(self) -> Iterator[str]:
        for name, one in self.sockets.items():
            with contextlib.suppress(BlockingIOError):
                while True:
                    if name == "TCP":
                        one.accept()[0].close()
                    else:
                        one.recv(65536)
                    yield f"something arrived at the {name} socket"

    # -- one attack ------------------------------------------------------------------------------

    def run(self, case: Case) -> Result:
        """Hand the attack in, grade it, and look at everything."""
        started, orphans = time.monotonic(), self._orphans()
        graded: list[tuple[Outcome, bytes, bytes]] = []
        faults: list[str] = []
        try:
            for _ in range(2 if case.twice else 1):
                graded += self._handed_in(case, faults)
        except Exception as error:  # the judge is never to raise for what a submission does
            faults.append(f"the judge raised {type(error).__name__}: {str(error)[:200]}")
        left = tuple(self._left(orphans))
        arrived = set(self._arrived())
        shown = [_shown(*one) for one in graded]
        points = max([self._gained(case, one[0]) for one in graded], default=0.0)
        unsafe = [fault for _, executed, page in graded for fault in unsafe_parts(executed, page)]
        honest = self._again(faults)
        result = Result(
            case,
            " ".join(dict.fromkeys(one[0].outcome for one in graded))
            or ("error" if faults else "nothing graded"),
            time.monotonic() - started,
            points,
            tuple(sorted(arrived | {one for text in shown for one in self._found(text, case)})),
            int(honest is not None and honest != self.honest),
            left,
            tuple(dict.fromkeys(unsafe)),
            honest is not None,
        )
        alone = not LEVELS[self.forkserver.level].writes  # and starts no processes
        words = case.outcome + (case.no_processes if alone else ())
        if case.outcome and any(one[0].outcome not in words for one in graded):
            faults.append(f"the outcome is {result.outcome}, not one of {words}")
        faults += [f"not an outcome: {o.outcome}" for o, *_ in graded if o.outcome not in OUTCOMES]
        return replace(result, faults=(*faults, *_faults(result)))

    def text(self, case: Case) -> str:
        """The attack's code, with what it knows about this machine filled in."""
        text = case.text
        for name, value in self.places().items():
            text = text.replace(f"@{name}@", value)
        return text

    def content(self, case: Case) -> bytes:
        """The bytes of the file that is handed in."""
        notebook = nbformat.read(notebook_path(case.lesson), as_version=4)
        if case.kind == "notebook":
            made = case.build(json.loads(nbformat.writes(notebook)))
            return made.encode() if isinstance(made, str) else made
        if case.place == "added":
            spot = next(i for i, cell in enumerate(notebook.cells) if cell.id == case.exercise)
            cell = nbformat.v4.new_code_cell(self.text(case), id="added")
            notebook.cells.insert(spot, cell)
        else:
            replace_answers(notebook, {case.exercise: self.text(case)})
        return nbformat.writes(notebook).encode()

    def _judge(self, case: Case) -> Judge:
        if not case.limits:
            return self.judge
        worker = replace(self.limits.worker, **case.limits.get("worker", {}))
        limits = replace(self.limits, **{**case.limits, "worker": worker})
        return replace(self.judge, limits=limits)

    def _graded(self, case: Case) -> tuple[Outcome, bytes, bytes]:
        release = assignment(assignment_id(case.lesson))
        submission = Submission("attacker", release.id, self.content(case))
        outcome = self._judge(case).grade(submission, release)
        return outcome, executed_notebook(outcome, release), feedback_page(outcome, release)

    def _handed_in(self, case: Case, faults: list[str]) -> list[tuple[Outcome, bytes, bytes]]:
        if case.kind not in ("folder", "archive"):
            return [self._graded(case)]
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            try:
                if case.kind == "archive":
                    return self._archive(case, Path(name), faults)
                person = Path(name) / "attacker"
                person.mkdir()
                case.plant(person, self)
                return self._folder(case, Path(name))
            finally:
                _openable(Path(name))

    def _folder(
        self, case: Case, folder: Path, but: str = ""
    ) -> list[tuple[Outcome, bytes, bytes]]:
        """Grade a folder of submissions; ``but`` one student's."""
        results = []
        for found in find_submissions(folder):
            if found.student == but:
                continue
            graded = grade_work(self._judge(case), read_work(found))
            if isinstance(graded, str):  # refused before there is anything to grade
                release = assignment(assignment_id(case.lesson))
                outcome = Outcome(found.student, found.assignment, "rejected", 0.0, graded)
                results.append((outcome, executed_notebook(outcome, release)))
            else:
                results.append((graded.outcome, graded.notebook))
        return [
            (one, notebook, feedback_page(one, assignment(assignment_id(case.lesson))))
            for one, notebook in results
        ]

    def _archive(
        self, case: Case, folder: Path, faults: list[str]
    ) -> list[tuple[Outcome, bytes, bytes]]:
        """Collect archives, unpack zips, grade, and export, beside a neighbour's honest work."""
        given, target = folder / "given", folder / "submitted"
        given.mkdir()
        (folder / "untouched.txt").write_text("not to be written to")
        name = assignment_id(HONEST)
        own = target / NEIGHBOUR / name / f"{name}.ipynb"
        own.parent.mkdir(parents=True)
        own.write_bytes(nbformat.writes(solved(HONEST, {"softmax"})).encode())
        archives, listed = case.pack(given, self)
        before = _digests(folder)
        directory = Directory(roster.read(listed, "roster.csv")) if listed else None
        done = collect(archives, target, directory)
        unpacker = Unpacker(target)
        unpacker.unpack()
        said = [*done.needing_a_person(), *done.late, *unpacker.remarks, *done.missing]
        faults += _said_faults(said)
        after = _digests(folder)
        places = (
            target,
            target.with_name("submitted-earlier"),
            target.with_name("submitted-origins"),
        )
        allowed = [place / "attacker" for place in places]
        for path in sorted(before.keys() | after.keys()):
            if before.get(path) != after.get(path) and not any(
                path.is_relative_to(one) for one in allowed
            ):
                faults.append(f"{path.relative_to(folder)} was changed")
        faults += _leaked(said, after, self.canaries.values())
        faults += _forged_times(target)
        faults += _forged_participants(target)
        if listed:
            faults += exported_faults(listed)
        return self._folder(case, target, but=NEIGHBOUR)

    def _gained(self, case: Case, outcome: Outcome) -> float:
        """Points that an attack earned beyond what its honest part is worth."""
        if not case.baseline:
            return outcome.score
        return max(0.0, outcome.score - self._baseline(case))

    def _baseline(self, case: Case) -> float:
        key = (case.lesson, case.exercise, case.baseline)
        if key not in self.baselines:  # several attacks may have the same honest part
            notebook = nbformat.read(notebook_path(case.lesson), as_version=4)
            replace_answers(notebook, {case.exercise: case.baseline})
            release = assignment(assignment_id(case.lesson))
            submission = Submission("attacker", release.id, nbformat.writes(notebook).encode())
            self.baselines[key] = self.judge.grade(submission, release).score
        return self.baselines[key]

    # -- what it did to others -------------------------------------------------------------------

    def _honest(self) -> str:
        """The marks of an honest, solved submission, checks and words and all."""
        release = assignment(assignment_id(HONEST))
        exercise = {"softmax", "similarity_scores"}
        content = nbformat.writes(solved(HONEST, exercise)).encode()
        outcome = self.judge.grade(Submission("honest", release.id, content), release)
        full = sum(v.max_score for v in outcome.verdicts if v.exercise in exercise)
        assert outcome.score == full, f"an honest submission gets {outcome.score} of {full}"
        return json.dumps(outcome.as_json() | {"seconds": 0})

    def _again(self, faults: list[str]) -> str | None:
        try:
            return self._honest()
        except Exception as error:
            faults.append(f"afterwards: {type(error).__name__}: {str(error)[:200]}")
            return None

    # -- what it left running --------------------------------------------------------------------

    def _left(self, orphans: set[int]) -> Iterator[str]:
        """What still runs: workers at once, supervisors after the moment that an exit takes."""
        for pid in self._workers(nested=True):
            yield f"worker {pid} ({_command(pid)})"
        deadline = time.monotonic() + 3
        while (late := self._workers(nested=False)) and time.monotonic() < deadline:
            time.sleep(0.02)
        for pid in late:
            yield f"process {pid} ({_command(pid)})"
        while (new := self._orphans() - orphans) and time.monotonic() < deadline:
            time.sleep(0.02)  # another run's, on the same machine, may be just ending
        for pid in new:
            yield f"a world of processes without its supervisor: {pid} ({_command(pid)})"
        for pid in _pids():
            if self.marker in _command(pid):
                yield f"what an attack started: {pid} ({_command(pid)})"

    def _workers(self, nested: bool) -> list[int]:
        """Descendants of the forkserver that are alive; ``nested``: in a world of their own."""
        parents = {pid: parent for pid in _pids() if (parent := _status(pid, "PPid"))}
        found = []
        for pid in parents:
            above, steps = pid, 0
            while above in parents and above != self.forkserver.pid and steps < 100:
                above, steps = int(parents[above]), steps + 1
            if above == self.forkserver.pid and pid != self.forkserver.pid and pid not in self.own:
                deep = len(_status(pid, "NSpid").split()) > 1
                if deep == nested and _status(pid, "State")[:1] not in ("Z", "X", ""):
                    found.append(pid)
        return found

    def _orphans(self) -> set[int]:
        """First processes of a nested world whose parent is the machine's first process."""
        return {
            pid
            for pid in _pids()
            if _status(pid, "PPid") == "1"
            and len(_status(pid, "NSpid").split()) > 1
            and _status(pid, "State")[:1] not in ("Z", "X", "")
        }

    # -- what it found ---------------------------------------------------------------------------

    def _found(self, shown: str, case: Case) -> Iterator[str]:
        for name, canary in self.canaries.items():
            if canary in shown:
                yield f"the secret of the {name}"
        for match in re.findall(rf"{REACHED} ([\[{{][^\n<]{{0,100}})", shown):
            if not match.startswith("[]"):
                yield f"it reached {html.unescape(match)}"
        if case.secret_of:
            line = answer_source(case.lesson, case.secret_of).rstrip().splitlines()[-1].strip()
            if line in shown:
                yield f"the solution of {case.secret_of}"


def _shown(outcome: Outcome, executed: bytes, page: bytes) -> str:
    """All that anyone gets to see, but not the source that the attacker handed in himself."""
    document = json.loads(executed)
    outputs = [cell.get("outputs", []) for cell in document["cells"]]
    told = json.dumps(outcome.as_json() | {"seconds": 0}, ensure_ascii=False)
    text = page.decode("utf-8", "replace")
    without_code = re.sub(r'<div class="code">.*?</div>', "", text, flags=re.S)
    return "\n".join((told, repr(slim(outcome)), json.dumps(outputs), without_code))


def _digests(folder: Path) -> dict[Path, str]:
    """By path, what each file holds and what each link points to."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_symlink():
            found[path] = str(path.readlink())
        elif path.is_file():
            found[path] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _said_faults(said: list[str]) -> Iterator[str]:
    """What is wrong with the lines that collecting prints."""
    if len(said) > MOST_SAID:
        yield f"{len(said)} lines are said of one archive"
    for line in said:
        if not line.isprintable():
            yield f"a line that is not printable: {ascii(line)[:100]}"
        if len(line) > MOST_LINE:
            yield f"a line of {len(line)} characters"


def _leaked(said: list[str], files: Iterable[Path], secrets: Iterable[str]) -> Iterator[str]:
    """Secrets in what was said or in the files that were written."""
    texts = [line.encode() for line in said]
    texts += [path.read_bytes() for path in files if path.is_file() and not path.is_symlink()]
    for secret in secrets:
        if any(secret.encode() in text for text in texts):
            yield f"{secret.rpartition('-')[0]} was read"


def _forged_times(target: Path) -> Iterator[str]:
    """Submissions that were handed in when the student's own files say, and nobody else."""
    for found in find_submissions(target):
        handed_in, _ = read_timestamp(found.path.parent)
        if handed_in is not None and handed_in == to_utc(FORGED):
            yield f"{found.assignment} was handed in when its own file says"
        of = origin.read(found.path.parent)
        if of is not None and of.handed_in == origin.as_text(to_utc(FORGED)):
            yield f"{found.assignment} came when its own file says"


def _forged_participants(target: Path) -> Iterator[str]:
    """Students whose mark and feedback page Moodle would give to the neighbour."""
    for name in assignment_ids():
        for student, number in moodle_feedback.participants(target, name).items():
            if number == "812" and student != NEIGHBOUR:
                yield f"{student}'s page of {name} would go to the neighbour"


def _faults(result: Result) -> Iterator[str]:
    if result.points:
        yield f"{result.points:g} points gained"
    yield from result.secrets
    if result.others:
        yield "the honest submission has other marks than before"
    yield from (f"left running: {one}" for one in result.left)
    yield from result.unsafe
    if not result.alive:
        yield "the grader no longer grades"


# -- what a page may hold ------------------------------------------------------------------------

FORBIDDEN = {
    *("script", "iframe", "object", "embed", "svg", "math", "link", "base", "form", "input"),
    *("video", "audio", "source", "frame", "frameset", "applet", "portal", "template", "button"),
}


class _Page(HTMLParser):
    """Collects what in a page could run, load, or draw over something else."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in FORBIDDEN:
            self.faults.append(f"<{tag}> in a page")
        for name, value in attrs:
            text = "".join((value or "").split()).lower()
            if name.startswith("on"):
                self.faults.append(f"{name}= in a page")
            if name in ("href", "src", "action", "data", "srcset", "poster", "xlink:href"):
                if not re.match(r"data:image/(png|jpeg);base64,", text):
                    self.faults.append(f"{name}={text[:40]} in a page")
            if name == "style" and _STYLE.search(text):
                self.faults.append(f"style={text[:40]} in a page")
            if tag == "meta" and name == "http-equiv" and text != "content-security-policy":
                self.faults.append(f"<meta {text}> in a page")


# What fetches something or draws over others: a distance below zero, a box smaller than its text.
_STYLE = re.compile(
    r"url\(|position:|expression|@import|z-index|-[\d.]|calc|(^|;)height:(?!auto)"
    r"|vertical-align:[\d.]|font-size:(\d{3}|[\d.]+(em|%|v))"
)
_HOSTILE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
_KNOWN_MIME = {"text/plain", "text/html", "image/png", "image/jpeg"}


def unsafe_parts(executed: bytes, page: bytes) -> list[str]:
    """What is wrong with the page, and with outputs and Markdown of the executed notebook."""
    faults = []
    for name, content in (("page", page), ("notebook", executed)):
        if len(content) > MOST_PAGE:
            faults.append(f"the {name} has {len(content) / 1e6:.0f} MB")
        if name == "page" and _HOSTILE.search(content.decode()):
            faults.append("control characters in the page")
    reader = _Page()
    reader.feed(page.decode())
    document = json.loads(executed)
    nbformat.validate(nbformat.from_dict(document))
    for cell in document["cells"]:
        if cell.get("attachments"):
            faults.append("attachments in the executed notebook")
        source = "".join(cell["source"])  # text, or lines
        if cell["cell_type"] == "markdown" and source not in _released():
            faults += _markdown_faults(source)
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            faults += [f"{mime} in the executed notebook" for mime in data.keys() - _KNOWN_MIME]
            reader.feed(data.get("text/html", ""))
            texts = [output.get("text", ""), output.get("evalue", ""), data.get("text/plain", "")]
            if any(_HOSTILE.search(text) for text in texts):
                faults.append("control characters in an output")
    return faults + reader.faults


class _Markdown(HTMLParser):
    """Collects what in a cell of Markdown is more than text and links once somebody opens it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in FORBIDDEN | {"img"}:
            self.faults.append(f"<{tag}> in a cell of Markdown")
        for name, value in attrs:
            if name.startswith("on") or name in ("src", "srcset", "style", "background"):
                self.faults.append(f"{name}= in a cell of Markdown")
            if name == "class" and "mermaid" in (value or "").lower():
                self.faults.append("a diagram in a cell of Markdown")


def _markdown_faults(source: str) -> list[str]:
    reader = _Markdown()
    reader.feed(markdown2html(source))
    return reader.faults


@functools.cache
def _released() -> frozenset[str]:
    """The course's own texts, with its diagrams."""
    documents = [json.loads(assignment(name).path.read_bytes()) for name in assignment_ids()]
    return frozenset("".join(one["source"]) for each in documents for one in each["cells"])


# -- looking at processes ------------------------------------------------------------------------


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _status(pid: int, key: str) -> str:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{key}:"):
                return line.partition(":")[2].strip()
    return ""


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
        return raw.replace(b"\0", b" ").decode(errors="replace")[:120].strip()
    return ""


def _openable(folder: Path) -> None:
    """So that what has no permissions can be removed again."""
    for path in [folder, *folder.rglob("*")]:
        with contextlib.suppress(OSError):
            if stat.S_ISDIR(path.lstat().st_mode):
                path.chmod(0o700)


def summary(results: list[Result]) -> dict[str, Any]:
    """The totals that must all be 0, and how many attacks there were."""
    return {
        "attacks": len(results),
        "points gained": sum(one.points for one in results),
        "secrets read": sum(len(one.secrets) for one in results),
        "others' marks changed": sum(one.others for one in results),
        "processes left": sum(len(one.left) for one in results),
        "unsafe pages": sum(len(one.unsafe) for one in results),
        "grader not alive": sum(not one.alive for one in results),
        "other faults": sum(bool(one.faults) for one in results),
    }
