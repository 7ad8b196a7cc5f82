"""What students handed in through an LMS gets to its place: theirs, and nobody else's."""

from __future__ import annotations

import io
import json
import os
import stat
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path
from typing import Any

import nbformat
import pytest
from click.testing import Result

from grader.authoring.solve import solved
from grader.course.layout import assignment_id, notebook_path
from grader.judge import intake
from grader.lms import uploads
from grader.records import archives, collect, origin
from grader.records.submissions import find_submissions, read_timestamp
from tests.records.test_cohort import run

MASKING, ATTENTION = assignment_id("masking"), assignment_id("self_attention")
STUB = notebook_path("masking").read_bytes()
OTHER = notebook_path("self_attention").read_bytes()
CANVAS = """Student,ID,SIS User ID,SIS Login ID,Section
    Points Possible,,,,
"Lovelace, Ada",811,u1,ada,A
"Öberg, Åsa",812,u2,åsa,A
"李, 小龙",813,u3,li,A
"O'Brien, Pat",814,u4,pat,A
"Student, Test",999,,testlogin,A
"""


def work(text: str) -> bytes:
    """A notebook of the lesson that only this text tells from others."""
    document = json.loads(STUB)
    cell = {"id": "mine", "cell_type": "markdown", "metadata": {}, "source": text}
    document["cells"].append(cell)
    return json.dumps(document).encode()


def archive(path: Path, contents: dict[str, bytes | str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in contents.items():
            file.writestr(name, content)
    return path


def zipped(contents: dict[str, bytes | str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in contents.items():
            file.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "canvas.csv").write_text(CANVAS, encoding="utf-8")
    return tmp_path


def collected(here: Path, *sources: Path, roster: str | None = "canvas.csv", **more: str) -> Result:
    who = [] if roster is None else ["--roster", here / roster]
    options = [text for name, value in more.items() for text in (f"--{name}", value)]
    done = run("collect", *sources, *who, "--output", here / "submitted", *options)
    assert done.exit_code == 0, done.output
    return done


def placed(here: Path) -> dict[str, bytes]:
    """The notebooks in their places, by student/assignment."""
    found = (here / "submitted").glob("*/*/*.ipynb")
    return {
        f"{path.parent.parent.name}/{path.parent.name}": path.read_bytes()
        for path in found
        if path.stem == path.parent.name
    }


def end(done: Result) -> str:
    return done.output.strip().splitlines()[-1]


def test_an_archive_of_canvas(here: Path) -> None:
    """The lesson by the cells, the student by the number, the rest named; nobody stops anybody."""
    source = archive(here / "submissions.zip", {
        "lovelaceada_LATE_811_98765_my work.ipynb": work("ada"),
        "obergasa_812_98766_Copy of 03_masking-1.ipynb": work("åsa"),
        "lixiaolong_813_98767_答案.ipynb.txt": work("li"),
        "eve_4711_98768_03_masking.ipynb": work("eve"),
    })  # fmt: skip
    done = collected(here, source)
    assert placed(here) == {
        f"ada/{MASKING}": work("ada"),
        f"åsa/{MASKING}": work("åsa"),
        f"li/{MASKING}": work("li"),
    }
    assert "needs you: 4711: submissions.zip: '4711' is not on canvas.csv" in done.output
    assert "handed in nothing: pat (O'Brien, Pat)" in done.output
    assert "late according to the LMS" in done.output
    assert f"ada (Lovelace, Ada): {MASKING}" in done.output
    assert end(done) == "3 collected, 1 needs you, 1 on the roster handed in nothing"
    own = origin.read(here / "submitted" / "ada" / MASKING)
    assert own is not None and own.late and own.path == "lovelaceada_LATE_811_98765_my work.ipynb"
    when, fault = read_timestamp(here / "submitted" / "ada" / MASKING)
    assert when is None and fault.startswith("late according to Canvas")


MOODLE = """Identifier,Full name,Email address,Status,Grade,Last modified (submission)
Participant 4711,Ada Lovelace,ada@example.edu,Submitted,,"Sunday, 1 February 2026, 11:59 AM"
Participant 4712,Åsa Öberg,asa@example.edu,Submitted,,"Sunday, 1 February 2026, 13:05"
Participant 4713,Bo Li,bo@example.edu,No submission,,-
"""


def test_an_archive_of_moodle_with_its_worksheet(here: Path) -> None:
    (here / "moodle.csv").write_text(MOODLE, encoding="utf-8")
    source = archive(here / "moodle.zip", {
        "Ada Lovelace_4711_assignsubmission_file/essay/work.ipynb": work("ada"),
        "Ada Lovelace_4711_assignsubmission_onlinetext/onlinetext.html": "<p>hello</p>",
        "Åsa Öberg_4712_assignsubmission_file_03_masking.ipynb": work("åsa"),
    })  # fmt: skip
    done = collected(here, source, roster="moodle.csv", zone="Europe/Berlin")
    assert placed(here) == {
        f"ada@example.edu/{MASKING}": work("ada"),
        f"asa@example.edu/{MASKING}": work("åsa"),
    }
    stamps = {
        student: (here / "submitted" / student / MASKING / "timestamp.txt").read_text()
        for student in ("ada@example.edu", "asa@example.edu")
    }
    assert stamps == {
        "ada@example.edu": "2026-02-01 10:59:00 UTC\n",
        "asa@example.edu": "2026-02-01 12:05:00 UTC\n",
    }
    assert end(done) == "2 collected, 0 need you, 1 on the roster handed in nothing"


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("Pat O'Brien", "Pat OBrien"),
        ("O'Brien, Pat", "OBrien, Pat"),
        ("Pat_7 <x>", "Pat 7 x"),
        ("Pat O'Brien", "Lab 2-Pat OBrien"),  # of a group
    ],
)
def test_a_name_as_moodle_writes_it_into_a_path_is_the_same_name(
    here: Path, name: str, folder: str
) -> None:
    """Its clean_filename leaves out quotes and what no file's name may have; _ becomes a space."""
    (here / "m.csv").write_text(f'Identifier,Full name,student_id\nParticipant 1,"{name}",pat\n')
    source = archive(here / "m.zip", {f"{folder}_1_assignsubmission_file/x.ipynb": work("pat")})
    done = collected(here, source, roster="m.csv")
    assert placed(here) == {f"pat/{MASKING}": work("pat")}
    assert "by hand" not in done.output


@pytest.mark.parametrize("text", ["Sonntag, 1. Februar 2026, 11:59", "2/9/26, 11:59"])
def test_a_time_that_cannot_be_read_needs_a_person(here: Path, text: str) -> None:
    """What may be late never counts as on time without a word; it is collected all the same."""
    sheet = MOODLE.replace("Sunday, 1 February 2026, 13:05", text)
    (here / "moodle.csv").write_text(sheet, encoding="utf-8")
    source = archive(here / "moodle.zip", {
        "Ada Lovelace_4711_assignsubmission_file/work.ipynb": work("ada"),
        "Åsa Öberg_4712_assignsubmission_file/work.ipynb": work("åsa"),
        "Åsa Öberg_4712_assignsubmission_file/notes.pdf": "in the same attempt",
    })  # fmt: skip
    done = collected(here, source, roster="moodle.csv")
    (line,) = [one for one in done.output.splitlines() if one.startswith("needs you: ")]
    assert "Åsa Öberg" in line and repr(text) in line and "timestamp.txt" in line
    assert end(done) == "1 collected, 1 needs you, 1 on the roster handed in nothing"
    assert f"asa@example.edu/{MASKING}" in placed(here)
    assert "without a time" not in done.output


def test_a_time_of_gradescope_that_cannot_be_read_needs_a_person(here: Path) -> None:
    source = archive(here / "assignment_5_export.zip", {
        "assignment_5_export/submission_metadata.yml": METADATA.replace(
            "2026-02-01 13:59:59.123456789 +0200", "1 février 2026"
        ),
        "assignment_5_export/submission_98765/work.ipynb": work("ada"),
        "assignment_5_export/submission_98767/work.ipynb": work("åsa"),
    })  # fmt: skip
    done = collected(here, source)
    assert "needs you: ada (Lovelace, Ada)" in done.output and "'1 février 2026'" in done.output
    assert end(done) == "1 collected, 1 needs you, 2 on the roster handed in nothing"


def test_work_without_a_time_is_counted(here: Path) -> None:
    """Moodle's archive says no times; a roster that is not its worksheet does not, either."""
    (here / "list.csv").write_text("student_id,Full name\nada,Ada Lovelace\nasa,Åsa Öberg\n")
    source = archive(here / "moodle.zip", {
        "Ada Lovelace_4711_assignsubmission_file/work.ipynb": work("ada"),
        "Åsa Öberg_4712_assignsubmission_file/work.ipynb": work("åsa"),
    })  # fmt: skip
    assert "2 without a time of handing in" in collected(here, source, roster="list.csv").output
    stamp = here / "submitted" / "ada" / MASKING / "timestamp.txt"
    stamp.write_text("2026-02-01 11:59:59 UTC")  # by hand: not missing the next time
    assert "1 without a time of handing in" in collected(here, source, roster="list.csv").output


def test_an_archive_of_blackboard(here: Path) -> None:
    """The attempts have times; a username and the assignment's name may hold a _."""
    (here / "bb.csv").write_text(
        '"Last Name","First Name","Username"\nLovelace,Ada,ada_l\nLi,Bo,l\nÖberg,Åsa,asa\n'
    )
    source = archive(here / "gradebook_ML_Lab_3.zip", {
        "Lab_3_ada_l_attempt_2026-02-01-11-59-59.txt": "Name: Ada Lovelace (ada_l)",
        "Lab_3_ada_l_attempt_2026-02-01-11-59-59_03_masking.ipynb": work("second"),
        "Lab_3_ada_l_attempt_2026-01-31-10-00-00_03_masking.ipynb": work("first"),
        "Lab_3_l_attempt_2026-02-01-12-00-00_x_asa_attempt_2026-02-02-00-00-00_y.ipynb": work("bo"),
    })  # fmt: skip
    done = collected(here, source, roster="bb.csv")
    assert placed(here) == {f"ada_l/{MASKING}": work("second"), f"l/{MASKING}": work("bo")}
    folder = here / "submitted" / "ada_l" / MASKING
    assert (folder / "timestamp.txt").read_text() == "2026-02-01 11:59:59 UTC\n"
    aside = here / "submitted-earlier" / "ada_l" / MASKING / "1"
    assert (aside / f"{MASKING}.ipynb").read_bytes() == work("first")
    assert (aside / "timestamp.txt").read_text() == "2026-01-31 10:00:00 UTC\n"
    assert "read as UTC; give another zone with --zone" in done.output
    assert end(done) == "2 collected, 0 need you, 1 on the roster handed in nothing"


def test_an_archive_of_brightspace(here: Path) -> None:
    (here / "d2l.csv").write_text("OrgDefinedId,Username,Last Name,First Name\n"
                                  "17,ada,Lovelace,Ada\n18,asa,Öberg,Åsa\n")  # fmt: skip
    source = archive(here / "Lab 3 Download.zip", {
        "index.html": "<html>",
        "811-4711 - Ada Lovelace - Feb 1, 2026 1159 AM/work.ipynb": work("first"),
        "811-4711 - Ada Lovelace - Feb 1, 2026 0301 PM/work.ipynb": work("second"),
        "812-4711 - Åsa Öberg- 31 January, 2026 9:05 AM/work.ipynb": work("åsa"),
    })  # fmt: skip
    done = collected(here, source, roster="d2l.csv")
    assert placed(here) == {f"ada/{MASKING}": work("second"), f"asa/{MASKING}": work("åsa")}
    read = {
        who: (here / "submitted" / who / MASKING / "timestamp.txt").read_text()
        for who in ("ada", "asa")
    }
    assert read == {"ada": "2026-02-01 15:01:00 UTC\n", "asa": "2026-01-31 09:05:00 UTC\n"}
    assert end(done) == "2 collected, 0 need you, 0 on the roster handed in nothing"


def test_a_time_of_brightspace_that_cannot_be_read_needs_a_person(here: Path) -> None:
    (here / "d2l.csv").write_text(
        "OrgDefinedId,Username,Last Name,First Name\n17,ada,Lovelace,Ada\n"
    )
    source = archive(here / "Lab 3.zip", {
        "811-4711 - Ada Lovelace - févr. 1, 2026 1159/work.ipynb": work("ada"),
    })  # fmt: skip
    done = collected(here, source, roster="d2l.csv")
    assert placed(here) == {f"ada/{MASKING}": work("ada")}
    assert "needs you: ada (Lovelace, Ada): Lab 3.zip: its time 'févr. 1, 2026 1159'" in done.output
    assert "cannot be read, so it counts as on time: download the archive in English" in done.output
    assert end(done) == "0 collected, 1 needs you, 0 on the roster handed in nothing"


METADATA = """---
submission_98765:
  :submitters:
  - :name: Ada Lovelace
    :sid: u1
    :email: ada@example.edu
  :created_at: 2026-02-01 13:59:59.123456789 +0200
  :score: 3.0
  :results:
    tests:
    - name: evil
      output: |
        submission_98766:
          :email: mallory@example.edu
submission_98766:
  :submitters:
  - :name: "Eve
    :email: ada@example.edu
    :sid: u1
  :created_at: 2026-02-01 12:00:00 Z
submission_98767:
  :submitters:
  - :name: Åsa Öberg
    :sid: u2
    :email: asa@example.edu
  :created_at: 2026-02-01 12:00:00 Z
"""


def test_an_export_of_gradescope(here: Path) -> None:
    """A name that looks like more lines of the metadata makes nobody somebody else."""
    source = archive(here / "assignment_5_export.zip", {
        "assignment_5_export/submission_metadata.yml": METADATA.replace(
            '"Eve\n    :email: ada@example.edu\n    :sid: u1',
            '"Eve\n    :email: ada@example.edu"\n    :sid: u9\n    :email: eve@example.edu',
        ),
        "assignment_5_export/submission_98765/work.ipynb": work("ada"),
        "assignment_5_export/submission_98766/work.ipynb": work("eve"),
        "assignment_5_export/submission_98767/work.ipynb": work("åsa"),
    })  # fmt: skip
    done = collected(here, source)
    assert placed(here) == {f"ada/{MASKING}": work("ada"), f"åsa/{MASKING}": work("åsa")}
    folder = here / "submitted" / "ada" / MASKING
    assert (folder / "timestamp.txt").read_text() == "2026-02-01 11:59:59 UTC\n"
    assert "names a group, or is unclear" in done.output
    assert end(done) == "2 collected, 1 needs you, 2 on the roster handed in nothing"


def test_a_folder_of_folders_and_zips_of_pack(here: Path) -> None:
    """Named by login, name, number or e-mail address; the zips are laid out as `pack` does."""
    packed = zipped({
        f"{MASKING}/{MASKING}.ipynb": work("packed"),
        f"{ATTENTION}/{ATTENTION}.ipynb": OTHER,
        "receipt.json": "{}",
    })  # fmt: skip
    top = here / "from students"
    for name, content in {
        "group A/ada/answers.ipynb": work("ada"),
        "group A/Åsa Öberg/hand in.zip": packed,
        "group B/813.zip": packed,
    }.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    done = collected(here, top)
    assert placed(here) == {
        f"ada/{MASKING}": work("ada"),
        f"åsa/{MASKING}": work("packed"),
        f"åsa/{ATTENTION}": OTHER,
        f"li/{MASKING}": work("packed"),
        f"li/{ATTENTION}": OTHER,
    }
    assert end(done) == "3 collected, 0 need you, 1 on the roster handed in nothing"
    # The same zip alone, called after its student.
    (here / "pat.zip").write_bytes(packed)
    assert end(collected(here, here / "pat.zip")).startswith("1 collected, 0 need you")
    assert placed(here)[f"pat/{MASKING}"] == work("packed")


def test_without_a_roster_the_archives_ids_are_the_students(here: Path) -> None:
    source = archive(here / "s.zip", {"lovelaceada_811_98765_x.ipynb": work("ada")})
    done = collected(here, source, roster=None)
    assert placed(here) == {f"811/{MASKING}": work("ada")}
    assert end(done) == "1 collected, 0 need you"
    folders = here / "submissions" / "ada" / MASKING
    folders.mkdir(parents=True)
    (folders / f"{MASKING}.ipynb").write_bytes(work("ada"))
    (folders / "timestamp.txt").write_text("2026-02-01 13:00:00 +0100")
    collected(here, here / "submissions", roster=None)
    kept = here / "submitted" / "ada" / MASKING
    assert (kept / "timestamp.txt").read_text() == "2026-02-01 12:00:00 UTC\n"
    assert {path.name for path in kept.iterdir()} == {f"{MASKING}.ipynb", "timestamp.txt"}


def test_one_students_fault_stops_nobody(here: Path) -> None:
    broken = zipped({f"{MASKING}.ipynb": work("x")})[:-30]
    source = archive(here / "s.zip", {
        "lovelaceada_811_1_two.ipynb": work("one"),
        "lovelaceada_811_2_files.ipynb": work("another"),
        "obergasa_812_3_answers.zip": broken,
        "lixiaolong_813_4_03_masking.ipynb": b"{ this is no JSON",
        "obrienpat_814_5_report.docx": b"PK my report",
    })  # fmt: skip
    done = collected(here, source)
    said = done.output
    assert f"2 notebooks of {MASKING} in one attempt (files.ipynb, two.ipynb)" in said
    for fault in (
        "åsa (Öberg, Åsa): obergasa_812_3_answers.zip: it is not a zip, or it is cut off",
        "li (李, 小龙): lixiaolong_813_4_03_masking.ipynb: the file is not a notebook",
        "pat (O'Brien, Pat): s.zip: no notebook of this course among report.docx",
    ):
        assert f"needs you: {fault}" in said
    assert end(done) == "0 collected, 4 need you, 0 on the roster handed in nothing"
    folder = here / "submitted" / "ada" / MASKING
    assert {path.read_bytes() for path in folder.glob("*.ipynb")} == {work("one"), work("another")}
    # What is no notebook gets a place if it is said what it is for: grading names it, too.
    done = collected(here, source, assignment=MASKING)
    assert (here / "submitted" / "pat" / MASKING / "report.docx").read_bytes() == b"PK my report"


def test_the_latest_attempt_counts_and_earlier_ones_are_kept(here: Path) -> None:
    """Over several archives, in any order; to collect again changes nothing."""
    first = archive(here / "a.zip", {"lovelaceada_811_100_x.ipynb": work("first")})
    second = archive(here / "b.zip", {"lovelaceada_811_200_x-1.ipynb": work("second")})
    for sources in ((second,), (first,), (first, second), (second, first)):
        collected(here, *sources)
        assert placed(here) == {f"ada/{MASKING}": work("second")}
        aside = here / "submitted-earlier" / "ada" / MASKING
        kept = [path.read_bytes() for path in sorted(aside.glob("*/*.ipynb"))]
        assert kept == [] if sources == (second,) else [work("first")]
    assert [one.path.name for one in find_submissions(here / "submitted")] == [f"{MASKING}.ipynb"]


def test_who_was_collected_before_has_handed_in(here: Path) -> None:
    """A later archive may be of one student; of another lesson all have handed in nothing."""
    all_of_them = {"ada_811_1_x.ipynb": work("ada"), "asa_812_2_x.ipynb": work("åsa")}
    done = collected(here, archive(here / "all.zip", all_of_them))
    assert end(done) == "2 collected, 0 need you, 2 on the roster handed in nothing"
    done = collected(here, archive(here / "one.zip", {"ada_811_3_x.ipynb": work("ada again")}))
    assert end(done) == "1 collected, 0 need you, 2 on the roster handed in nothing"
    assert "handed in nothing: li" in done.output and "nothing: åsa" not in done.output
    done = collected(here, archive(here / "other.zip", {"li_813_4_x.ipynb": OTHER}))
    assert end(done) == "1 collected, 0 need you, 3 on the roster handed in nothing"


def test_what_lay_there_by_other_hands_is_not_lost(here: Path) -> None:
    folder = here / "submitted" / "ada" / MASKING
    folder.mkdir(parents=True)
    (folder / f"{MASKING}.ipynb").write_bytes(work("by hand"))
    collected(here, archive(here / "a.zip", {"lovelaceada_811_100_x.ipynb": work("new")}))
    assert placed(here) == {f"ada/{MASKING}": work("new")}
    aside = here / "submitted-earlier" / "ada" / MASKING / "1" / f"{MASKING}.ipynb"
    assert aside.read_bytes() == work("by hand")


def test_the_same_work_again_after_the_due_date_keeps_its_first_time(here: Path) -> None:
    (here / "bb.csv").write_text("Username\nada\n")
    source = archive(here / "s.zip", {
        "Lab_ada_attempt_2026-02-01-11-00-00_x.ipynb": work("ada"),
        "Lab_ada_attempt_2026-02-05-11-00-00_x.ipynb": work("ada"),
    })  # fmt: skip
    collected(here, source, roster="bb.csv")
    folder = here / "submitted" / "ada" / MASKING
    assert (folder / "timestamp.txt").read_text() == "2026-02-01 11:00:00 UTC\n"


# -- hostile archives ------------------------------------------------------------------------------


def with_entries(path: Path, entries: list[tuple[zipfile.ZipInfo, bytes]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for entry, content in entries:
            entry.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(entry, content)
    return path


def link(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.create_system = 3
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


def snapshot(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize("is_inner", [False, True])
def test_names_that_lead_out_and_links_are_refused_by_name(here: Path, is_inner: bool) -> None:
    prefix = "" if is_inner else "Ada Lovelace_811_assignsubmission_file/"
    (here / "canvas.csv").write_text("Identifier,Full name,student_id\n811,Ada Lovelace,ada\n")
    hostile = with_entries(here / "hostile.zip", [
        (zipfile.ZipInfo(f"{prefix}../../../out.ipynb"), work("out")),
        (zipfile.ZipInfo("/etc/cron.d/x.ipynb"), work("absolute")),
        (zipfile.ZipInfo(f"{prefix}..\\..\\out.ipynb"), work("windows")),
        (zipfile.ZipInfo("C:\\Windows\\x.ipynb"), work("drive")),
        (link(f"{prefix}linked.ipynb"), b"/etc/passwd"),
        (zipfile.ZipInfo(f"{prefix}good.ipynb"), work("good")),
    ])  # fmt: skip
    source = hostile
    if is_inner:
        name = "Ada Lovelace_811_assignsubmission_file/all.zip"
        source = archive(here / "moodle.zip", {name: hostile.read_bytes()})
    before = snapshot(here) | {"submitted"}
    said = collected(here, source).output
    assert placed(here) == {f"ada/{MASKING}": work("good")}
    for name, why in (
        ("out.ipynb", "its name leads out of the archive"),
        ("x.ipynb", "its name is an absolute path"),
        ("linked.ipynb", "it is a link; links are not followed"),
    ):
        assert any(name in line and why in line for line in said.splitlines()), (name, said)
    own = ("submitted/ada", "submitted-origins")
    new = {path for path in snapshot(here) - before if not path.startswith(own)}
    assert new == set()


def test_a_bomb_costs_its_student_alone(here: Path) -> None:
    """Forty files of 31 MB in 40 kB each: no more is unpacked than one student may have."""
    bomb = zipped({f"{number}.ipynb": b"0" * (31 << 20) for number in range(8)})
    assert len(bomb) < 1 << 20
    source = archive(here / "s.zip", {
        "lovelaceada_811_1_work.zip": bomb,
        "obergasa_812_2_huge.ipynb": b" " * (intake.MAX_BYTES + 1),
        "lixiaolong_813_3_x.ipynb": work("li"),
    })  # fmt: skip
    read: list[int] = []
    plain = zipfile.ZipExtFile.read

    def counted(self: Any, n: int = -1) -> bytes:
        content = plain(self, n)
        read.append(len(content))
        return content

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zipfile.ZipExtFile, "read", counted)
        done = collected(here, source)
    assert placed(here) == {f"li/{MASKING}": work("li")}
    assert "needs you: ada (Lovelace, Ada): " in done.output
    assert "this student's files together are too large to be read" in done.output
    assert "huge.ipynb: unpacked, it has more than the 32 MB that are read" in done.output
    assert sum(read) < 2 * (archives.MOST_BYTES + intake.MAX_BYTES)


def test_a_list_of_files_too_long_is_not_even_read(here: Path) -> None:
    """The end of a zip that says it lists a million files, in its old form and its large one."""
    content = zipped({"x.ipynb": work("x")})
    place = content.rfind(b"PK\x05\x06")
    old = bytearray(content)
    old[place + 10 : place + 12] = struct.pack("<H", 60_000)
    old[place + 12 : place + 16] = struct.pack("<L", 1 << 30)
    large = b"PK\x06\x06" + struct.pack("<QHHLLQQQQ", 44, 45, 45, 0, 0, 10**6, 10**6, 1 << 30, 0)
    large += b"PK\x06\x07" + struct.pack("<LQL", 0, place, 1)
    for number, one in enumerate((bytes(old), content[:place] + large + content[place:])):
        (here / f"{number}.zip").write_bytes(one)
        done = collected(here, here / f"{number}.zip")
        assert "more than the" in done.output and "that are read" in done.output
        assert end(done) == "0 collected, 1 needs you, 4 on the roster handed in nothing"
        with pytest.raises(archives.Unreadable):
            archives.inner(one)


def test_an_archive_of_two_gigabytes_is_read_piece_by_piece(here: Path) -> None:
    """A sparse file, whose zip begins after two gigabytes: what lies before is never read."""
    path = here / "huge.zip"
    with path.open("wb") as file:
        file.seek(2 << 30)
        file.write(zipped({"lovelaceada_811_1_x.ipynb": work("ada")}))
    assert path.stat().st_size > 2 << 30
    collected(here, path)
    assert placed(here) == {f"ada/{MASKING}": work("ada")}
    path.unlink()


BEYOND = (2 << 30) + (1 << 20)  # bytes: the zip has to say them in its large form


def with_large_entry(path: Path, large: str, contents: dict[str, bytes | str]) -> Path:
    """An archive of ``contents`` with a file of zeros of more than two gigabytes; itself small."""
    part = 1 << 20
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    # After a full flush a packer begins anew, and so equal parts are packed into equal bytes.
    packed = packer.compress(bytes(part)) + packer.flush(zlib.Z_FULL_FLUSH)
    with zipfile.ZipFile(path, "w") as file:
        entry = zipfile.ZipInfo(large)
        file.writestr(entry, packed * (BEYOND // part) + b"\x03\x00")
        entry.file_size, entry.compress_type = BEYOND, zipfile.ZIP_DEFLATED
        for name, content in contents.items():
            file.writestr(name, content)
    assert path.stat().st_size < 8 << 20
    return path


@pytest.mark.parametrize("is_inner", [False, True])
def test_a_file_beyond_two_gigabytes_is_refused_by_name(here: Path, is_inner: bool) -> None:
    """Unpacked it is no further than to where it is seen to be too large."""
    good = {"obergasa_812_2_x.ipynb": work("åsa")}
    if is_inner:
        inner = with_large_entry(here / "inner.zip", "zeros.ipynb", {"x.ipynb": work("ada")})
        archive(here / "s.zip", good | {"lovelaceada_811_1_all.zip": inner.read_bytes()})
    else:
        with_large_entry(here / "s.zip", "lovelaceada_811_1_zeros.ipynb", good)
    tracemalloc.start()
    done = collected(here, here / "s.zip")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 6 * intake.MAX_BYTES
    said = "zeros.ipynb: unpacked, it has more than the 32 MB that are read"
    assert any("ada (Lovelace, Ada): " in line and said in line for line in done.output.split("\n"))
    mine = {f"ada/{MASKING}": work("ada")} if is_inner else {}
    assert placed(here) == mine | {f"åsa/{MASKING}": work("åsa")}


def test_links_in_a_folder_are_refused_by_name(here: Path) -> None:
    top = here / "top"
    (top / "ada").mkdir(parents=True)
    (top / "ada" / "linked.ipynb").symlink_to("/etc/passwd")
    (top / "ada" / "x.ipynb").write_bytes(work("ada"))
    (top / "åsa").symlink_to("/etc")
    os.mkfifo(top / "ada" / "pipe.ipynb")
    done = collected(here, top)
    assert placed(here) == {f"ada/{MASKING}": work("ada")}
    assert "ada/linked.ipynb: it is a link" in done.output
    assert "ada/pipe.ipynb: it is not a plain file" in done.output
    assert "åsa: it is a link" in done.output


def test_a_link_in_the_place_of_a_submission_is_not_written_through(here: Path) -> None:
    (here / "submitted").mkdir()
    (here / "elsewhere").mkdir()
    (here / "submitted" / "ada").symlink_to(here / "elsewhere")
    done = collected(here, archive(here / "s.zip", {"a_811_1_x.ipynb": work("ada")}))
    assert "is a symbolic link; remove it" in done.output
    assert list((here / "elsewhere").iterdir()) == []


def test_nor_is_one_that_was_put_there_after_the_look(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "submitted").mkdir()
    (here / "elsewhere").mkdir()
    written = origin.write

    def then_swap(folder: Path, own: origin.Origin) -> None:
        written(folder, own)
        folder.parent.mkdir(exist_ok=True)
        folder.symlink_to(here / "elsewhere")

    monkeypatch.setattr(origin, "write", then_swap)
    done = collected(here, archive(here / "s.zip", {"a_811_1_x.ipynb": work("ada")}))
    assert f"{MASKING} is a symbolic link; remove it" in done.output
    assert list((here / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    "name",
    [
        "Eve Li_4711_assignsubmission_file_x_4712_assignsubmission_file_y.ipynb",
        "Eve Li_4711_assignsubmission_file/Åsa Öberg_4712_assignsubmission_file/y.ipynb",
        "Eve Li_4711_assignsubmission_file/asa@example.edu/03_masking/03_masking.ipynb",
        "Eve Li_4711_assignsubmission_file/a_4712_1_03_masking.ipynb",
        "Eve Li_4711_assignsubmission_file/submission_4712/03_masking.ipynb",
    ],
)
def test_no_name_that_a_student_gives_makes_a_file_another_students(here: Path, name: str) -> None:
    (here / "moodle.csv").write_text(MOODLE.replace("Ada Lovelace", "Eve Li"), encoding="utf-8")
    collected(here, archive(here / "s.zip", {name: work("eve")}), roster="moodle.csv")
    assert placed(here) == {f"ada@example.edu/{MASKING}": work("eve")}


def test_a_student_called_like_anothers_folder_is_noticed(here: Path) -> None:
    """Moodle puts the name first, and students may change their names."""
    (here / "moodle.csv").write_text(MOODLE, encoding="utf-8")
    name = "Eve_4712_assignsubmission_file_x_4711_assignsubmission_file/03_masking.ipynb"
    done = collected(here, archive(here / "s.zip", {name: work("eve")}), roster="moodle.csv")
    assert placed(here) == {}
    assert "the archive says 'Eve', but with the number of" in done.output


@pytest.mark.parametrize(
    "name",
    ["eve.zip", "eve (1).zip", "eve.zip.1", "Eve Li.ZIP", "4711.zip", "eve@example.edu.zip", "eve"],
)
@pytest.mark.parametrize(
    "inside",
    [
        "Åsa Öberg_4712_assignsubmission_file/03_masking.ipynb",
        "Lab_asa_attempt_2030-01-01-00-00-00_03_masking.ipynb",
        "asa@example.edu/03_masking/03_masking.ipynb",
    ],
)
def test_what_is_named_for_a_student_is_that_students(here: Path, name: str, inside: str) -> None:
    """Whoever saved a mail's zip under its sender's name has said whose it is; so is a folder that
    a browser unpacked."""
    moodle = MOODLE.replace("Ada Lovelace", "Eve Li").replace("ada@", "eve@")
    (here / "moodle.csv").write_text(moodle, encoding="utf-8")
    honest = {"Åsa Öberg_4712_assignsubmission_file/03_masking.ipynb": work("åsa")}
    collected(here, archive(here / "moodle.zip", honest), roster="moodle.csv")
    if name == "eve":
        source = here / name
        (source / inside).parent.mkdir(parents=True)
        (source / inside).write_bytes(work("eve"))
    else:
        source = archive(here / name, {inside: work("eve")})
    done = collected(here, source, roster="moodle.csv")
    assert placed(here) == {
        f"asa@example.edu/{MASKING}": work("åsa"), f"eve@example.edu/{MASKING}": work("eve")
    }  # fmt: skip
    assert end(done).startswith("1 collected, 0 need you")


def test_in_a_folder_a_zip_needs_the_name_of_a_student_or_of_an_lms(here: Path) -> None:
    """Any other name may be a student's own, and the zip may look like an LMS's archive."""
    one = {"lovelaceada_811_1_x.ipynb": work("ada")}
    for roster in ("canvas.csv", None):
        archive(here / "top" / "my work.zip", one)
        done = collected(here, here / "top", roster=roster)
        assert placed(here) == {}
        assert "needs you: my work.zip: its name is neither a student's nor one that an" in (
            done.output
        )
        assert "rename it for its student, or, if it is from an LMS, collect it by itself" in (
            done.output
        )
    assert end(collected(here, here / "top" / "my work.zip")).startswith("1 collected, 0 need you")
    assert placed(here) == {f"ada/{MASKING}": work("ada")}


@pytest.mark.parametrize(
    ("name", "is_from_lms"),
    [
        ("submissions.zip", True),
        ("submissions (2).zip", True),
        ("ML101-Lab 3-4711.zip", True),
        ("gradebook_ML_Lab_3_2026-02-01-11-59-59.zip", True),
        ("Lab 3 Download Feb 1, 2026 1159 AM.zip", True),
        ("assignment_5_export.zip", True),
        ("my work.zip", False),
        ("submissions.zip.pdf", False),
        ("ada.zip", False),
    ],
)
def test_an_archive_in_a_folder_by_the_name_that_its_lms_gave(
    here: Path, name: str, is_from_lms: bool
) -> None:
    archive(here / "top" / name, {"lovelaceada_811_1_x.ipynb": work("ada")})
    assert uploads.is_from_lms(name) == is_from_lms
    if is_from_lms:
        done = collected(here, here / "top")
        assert end(done) == "1 collected, 0 need you, 3 on the roster handed in nothing"


def test_work_from_one_system_is_not_replaced_by_anothers_without_a_person(here: Path) -> None:
    first = archive(here / "canvas.zip", {"lovelaceada_811_1_x.ipynb": work("ada")})
    other = {"Ada Lovelace_811_assignsubmission_file/x.ipynb": work("another")}
    collected(here, first)
    (here / "list.csv").write_text("Username,Full name,ID\nada,Ada Lovelace,811\n")
    done = collected(here, archive(here / "x.zip", other), roster="list.csv")
    assert placed(here) == {f"ada/{MASKING}": work("ada")}
    said = " ".join(done.output.split())
    assert f"ada has work for {MASKING} from canvas.zip (Canvas), and this is from Moodle" in said
    assert "and collect again" in said and end(done).startswith("0 collected, 1 needs you")
    (here / "submitted" / "ada" / MASKING).rename(here / "away")
    collected(here, here / "x.zip", roster="list.csv")
    assert placed(here) == {f"ada/{MASKING}": work("another")}


def test_an_older_courses_origin_is_ignored_and_written_anew(here: Path) -> None:
    """It lay beside the work, where a student can write: a number of 9 would outlast all others."""
    first = archive(here / "a.zip", {"lovelaceada_LATE_811_1_x.ipynb": work("first")})
    collected(here, first)
    folder = here / "submitted" / "ada" / MASKING
    known = origin.place_of(folder)
    assert known == here / "submitted-origins" / "ada" / f"{MASKING}.json"
    old = origin.Origin("Canvas", "a.zip", "x", "0" * 64, 9 * 10**9, late=True)
    (folder / origin.NAME).write_bytes(old.as_bytes())
    assert read_timestamp(folder)[1].startswith("late according to Canvas")
    known.unlink()
    when, fault = read_timestamp(folder)
    assert when is None and fault.startswith("perhaps late: its origin.json is where students can")
    done = collected(here, archive(here / "b.zip", {"a_811_2_x.ipynb": work("second")}))
    assert (
        "1 had an origin.json beside the work, where students can write: it is ignored"
        in " ".join(done.output.split())
    )
    assert placed(here) == {f"ada/{MASKING}": work("second")}
    assert not (folder / origin.NAME).exists() and read_timestamp(folder) == (None, "")
    own = origin.read(folder)
    assert own is not None and own.number == 2
    aside = here / "submitted-earlier" / "ada" / MASKING / "1"
    assert (aside / f"{MASKING}.ipynb").read_bytes() == work("first")
    assert not (aside / origin.NAME).exists()
    collected(here, first)  # a known origin goes aside with its work
    assert "beside the work" not in collected(here, first).output
    assert origin.beside(here / "submitted-earlier" / "ada" / MASKING / "2") is not None


def test_a_students_own_stamp_says_nothing(here: Path) -> None:
    inner = zipped({f"{MASKING}/{MASKING}.ipynb": work("ada"),
                    f"{MASKING}/timestamp.txt": "2020-01-01 00:00:00 UTC",
                    f"{MASKING}/origin.json": "{}"})  # fmt: skip
    source = archive(here / "s.zip", {
        "lovelaceada_LATE_811_1_work.zip": inner,
        "lovelaceada_LATE_811_2_timestamp.txt": "2020-01-01 00:00:00 UTC",
    })  # fmt: skip
    collected(here, source)
    folder = here / "submitted" / "ada" / MASKING
    assert not (folder / "timestamp.txt").exists()
    own = origin.read(folder)
    assert own is not None and own.late and own.system == "Canvas"


# -- rosters ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "No such file or directory"),
        ("", "is empty"),
        ("a,b\n1,2\n", "no column that identifies students"),
        ("student_id\nada\nbo\nAda\n", "lines 2 and 4 both have the id 'Ada'"),
        ("student_id\n", "lists no students"),
        ("Username,Username\nada,bo\n", "two columns for Username"),
    ],
)
def test_a_bad_roster_is_one_line(here: Path, text: str | None, said: str) -> None:
    if text is not None:
        (here / "r.csv").write_text(text)
    source = archive(here / "s.zip", {"x_811_1_y.ipynb": STUB})
    done = run("collect", source, "--roster", here / "r.csv", "--output", here / "submitted")
    assert done.exit_code == 2 and said in done.output, done.output
    assert not (here / "submitted").exists()


def test_two_students_of_one_name_are_told_apart_by_hand(here: Path) -> None:
    (here / "d2l.csv").write_text("Username,Full name\nada1,Ada Li\nada2,Ada Li\n")
    name = "811-4711 - Ada Li - Feb 1, 2026 1159 AM/work.ipynb"
    done = collected(here, archive(here / "s.zip", {name: work("x")}), roster="d2l.csv")
    assert "have the same Student, 'Ada Li': file this by hand" in done.output
    assert placed(here) == {}


def test_an_id_that_names_no_folder_costs_its_student_alone(here: Path) -> None:
    (here / "r.csv").write_text("Username\n../../etc\nada\n")
    source = archive(here / "s.zip", {"Lab_ada_attempt_2026-02-01-11-00-00_x.ipynb": work("ada")})
    done = collected(here, source, roster="r.csv")
    assert "r.csv, line 2: no id that can name a folder" in done.output
    assert placed(here) == {f"ada/{MASKING}": work("ada")}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gone.zip"], "does not exist"),
        ([".", "--zone", "Nowhere/At"], "no zone 'Nowhere/At'"),
        ([".", "--assignment", "99_x"], "no assignment '99_x'"),
    ],
)
def test_bad_usage_is_one_line(here: Path, arguments: list[str], said: str) -> None:
    done = run("collect", here / arguments[0], *arguments[1:], "--output", here / "submitted")
    assert done.exit_code == 2 and said in done.output


def test_what_is_no_archive_is_named(here: Path) -> None:
    (here / "notes.zip").write_text("hello")
    done = collected(here, here / "notes.zip")
    assert "needs you: notes.zip: " in done.output and "download it once more" in done.output


# -- the lesson ------------------------------------------------------------------------------------


def test_the_lesson_is_told_by_the_cells(tmp_path: Path) -> None:
    text = nbformat.writes(solved("masking"))
    assert collect.lesson_in(text.encode()) == (MASKING, "")
    document = json.loads(text)
    for cell in document["cells"]:
        cell.pop("id", None)
    assert collect.lesson_in(json.dumps(document).encode()) == (MASKING, "")  # nbgrader's ids
    for cell in document["cells"]:
        cell["metadata"] = {}
    assert collect.lesson_in(json.dumps(document).encode()) == (MASKING, "")  # the checks
    assert collect.lesson_in(b'{"nbformat": 4, "metadata": {}, "cells": []}') == ("", "")
    assert "not JSON" in collect.lesson_in(b"{")[1]
    assert collect.lesson_in(b'{"a":' * 100_000)[0] == ""
