"""Names from a roster: in the gradebook, the table, the pages and the ledger, and as text only."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grader.course.layout import assignment_id, notebook_path
from grader.records.manual_grading import read_names
from tests.conftest import with_answers
from tests.nbgrader_gradebook import nbgrader_gradebook
from tests.records.test_cohort import hand_in, run

NAME = assignment_id("masking")
EVIL = "<script>alert(1)</script>"
ROSTER = f"""student_id,Full name,First name,Last name,Email address
ada,,Ada,Lovelace,ada@example.edu
bo,"Öberg, Bo",,,
cy,{EVIL}\x1b[31m,,,
dee,Wu Dee,,,
"""


def names(course: Path) -> dict[str, str]:
    return read_names(course / "gradebook.db")


def test_a_roster_is_entered_and_entered_again(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text(ROSTER, encoding="utf-8")
    roster = ("roster", tmp_path / "r.csv", "--course-dir", tmp_path / "course")
    assert run(*roster).output == "4 students, 4 of them new\n"
    with nbgrader_gradebook(tmp_path / "course" / "gradebook.db") as book:
        found = {one.id: (one.first_name, one.last_name, one.email) for one in book.students}
    assert found["ada"] == ("Ada", "Lovelace", "ada@example.edu")
    assert found["bo"] == ("Bo", "Öberg", None) and found["dee"] == (None, "Wu Dee", None)
    (tmp_path / "r.csv").write_text('student_id,Full name\nada,"Byron, Ada"\neve,\n')
    again = run(*roster).output
    assert again.startswith("2 students, 1 of them new\nin the gradebook, and not on r.csv: bo, cy")
    assert names(tmp_path / "course")["ada"] == "Ada Byron"
    with nbgrader_gradebook(tmp_path / "course" / "gradebook.db") as book:
        assert book.find_student("ada").email == "ada@example.edu"  # an empty cell takes nothing
    verify = run("verify", "--course-dir", tmp_path / "course")
    assert verify.exit_code == 0, verify.output


def test_names_in_table_page_and_results(tmp_path: Path) -> None:
    """On the first page as on a later one, and whoever changes a name makes the page anew."""
    (tmp_path / "r.csv").write_text(ROSTER, encoding="utf-8")
    course, submitted = tmp_path / "course", tmp_path / "submitted"
    roster = ("roster", tmp_path / "r.csv", "--course-dir", course)
    grade = ("grade", submitted, "--course-dir", course, "--jobs", "1", "--json", tmp_path / "x")
    assert run(*roster).exit_code == 0
    work = with_answers("masking", {"causal_mask": "def causal_mask(n):\n    return None"})
    hand_in(submitted, "ada", work)
    hand_in(submitted, "cy", notebook_path("masking").read_text(encoding="utf-8"))
    hand_in(submitted, "nobody", notebook_path("masking").read_text(encoding="utf-8"))
    done = run(*grade)
    assert done.exit_code == 0 and "ada (Ada Lovelace)" in done.output, done.output
    assert "\x1b[31m" not in done.output and "nobody " in done.output
    results = json.loads((tmp_path / "x").read_text())["submissions"]
    assert [one["name"] for one in results][::2] == ["Ada Lovelace", ""]

    def page(student: str) -> str:
        return (course / "feedback" / student / NAME / f"{NAME}.html").read_text(encoding="utf-8")

    assert "Ada Lovelace ·<!--/by-hand--> ada ·" in page("ada")
    assert EVIL not in page("cy") and "&lt;script&gt;alert(1)" in page("cy")
    assert "\x1b" not in page("cy") and "name--><!--/by-hand--> nobody ·" in page("nobody")
    assert run("verify", "--course-dir", course).exit_code == 0
    (tmp_path / "r.csv").write_text('student_id,Full name\nada,"Byron, Ada"\n')
    assert run(*roster).exit_code == 0
    said = run("verify", "--course-dir", course)
    assert said.exit_code == 1 and "shows another name" in " ".join(said.output.split())
    assert "1 feedback page brought up to date" in run(*grade).output
    assert "Ada Byron ·" in page("ada")
    assert run("verify", "--course-dir", course).exit_code == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "No such file"),
        ("", "is empty"),
        ("student_id\nada\nADA\n", "lines 2 and 3 are both 'ADA'"),
    ],
)
def test_a_bad_roster_is_one_line(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "r.csv").write_text(text)
    done = run("roster", tmp_path / "r.csv", "--course-dir", tmp_path / "course")
    assert done.exit_code == 2 and said in done.output
    assert not (tmp_path / "course").exists()
