"""Paths in archives, as each system writes them: whose a file is, which attempt, and when."""

from __future__ import annotations

import datetime
import re

import pytest

from grader.lms import uploads
from grader.lms.uploads import LMS_ID, LOGIN, NAME, PARTICIPANT, Upload, read

BERLIN = uploads.zone_called("Europe/Berlin")


@pytest.mark.parametrize(
    ("path", "key", "name"),
    [
        ("Ada Lovelace_4711_assignsubmission_file/03_masking.ipynb", "4711", "03_masking.ipynb"),
        ("Åsa Öberg_12_assignsubmission_file_/essay/x (1).ipynb", "12", "essay/x (1).ipynb"),
        ("Ada Lovelace_4711_assignsubmission_file_03_masking.ipynb", "4711", "03_masking.ipynb"),
        ("Participant 4711_4711_assignsubmission_file_x.ipynb", "4711", "x.ipynb"),
        ("lovelaceada_811_98765_03_masking.ipynb", "811", "03_masking.ipynb"),
        ("lovelaceada_LATE_811_98766_03_masking-1.ipynb", "811", "03_masking-1.ipynb"),
        ("o'brien, pat_812_1_03_masking_copy-2.ipynb", "812", "03_masking_copy-2.ipynb"),
        ("ada2_811_98766_04_multi_head.ipynb", "811", "04_multi_head.ipynb"),
    ],
)
def test_numbers_are_read_off_canvas_and_moodle(path: str, key: str, name: str) -> None:
    found = read(tuple(path.split("/")))
    assert found is not None
    kind = PARTICIPANT if found.system == "Moodle" else LMS_ID
    assert found.keys[0] == (kind, key) and found.name == name
    assert found.late == ("LATE" in path)


# What a student may call a file, so that it has the form of another system or of another student.
TAILS = [
    "x_4712_assignsubmission_file_y.ipynb",
    "x_812_99999_y.ipynb",
    "x_LATE_812_99999_y.ipynb",
    "Lab_eve_attempt_2026-02-01-11-59-59_y.ipynb",
    "_attempt_2026-02-01-11-59-59.txt",
    "8-9 - Eve - Feb 1, 2026 1159 AM",
]
HEADS = {
    "Ada Lovelace_4711_assignsubmission_file_": (PARTICIPANT, "4711"),
    "Ada Lovelace_4711_assignsubmission_file/": (PARTICIPANT, "4711"),
    "lovelaceada_811_98765_": (LMS_ID, "811"),
    "lovelaceada_LATE_811_98765_": (LMS_ID, "811"),
    "Lab 3_ada_attempt_2026-01-01-00-00-00_": (LOGIN, "ada"),
    "811-1 - Ada Lovelace - Feb 1, 2026 1159 AM/": (NAME, "Ada Lovelace"),
}


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("head", HEADS)
def test_what_a_student_calls_a_file_names_nobody(head: str, tail: str) -> None:
    found = read(tuple((head + tail).split("/")))
    assert found is not None and found.keys[0] == HEADS[head]
    values = {value for _, value in found.keys}
    assert not values & {"4712", "812", "eve", "Eve", "Lab_eve", "8"}


@pytest.mark.parametrize(
    "text",
    [
        "Feb 1, 2026 1159 AM", "Feb 1, 2026 11:59 AM", "February 1, 2026 1159 AM",
        "1 February, 2026 11:59 AM", "1 Feb, 2026 1159 AM", "Feb 1, 2026 1159",
    ],
)  # fmt: skip
def test_times_of_brightspace(text: str) -> None:
    found = read((f"811-4711 - Ada Lovelace - {text}", "x.ipynb"), BERLIN)
    assert found is not None and found.when == datetime.datetime(2026, 2, 1, 10, 59)
    assert found.keys == ((NAME, "Ada Lovelace"), (LMS_ID, "811"))


@pytest.mark.parametrize(
    "text",
    ["févr. 1, 2026 1159", "1. Februar 2026 11:59", "2026年2月1日 11:59", "2026-02-01 at noon",
     "31 February, 2026 11:59 AM"],
)  # fmt: skip
@pytest.mark.parametrize("who", ["Ada Lovelace", "Jean-Luc O'Hara", "李 小龙"])
def test_a_time_of_brightspace_that_cannot_be_read_is_not_lost(who: str, text: str) -> None:
    """The folder is Brightspace's all the same, and whose it is can be told."""
    found = read((f"811-4711 - {who} - {text}", "x.ipynb"), BERLIN)
    assert found is not None and found.keys == ((NAME, who), (LMS_ID, "811"))
    assert (found.when, found.unread, found.name) == (None, text, "x.ipynb")


@pytest.mark.parametrize("folder", ["1-2 - Ada", "2026-02 - Ada - group 7", "1-2 - Ada - 20262"])
def test_a_folder_without_a_year_is_not_of_brightspace(folder: str) -> None:
    assert read((folder, "x.ipynb")) is None


UNTIMED = Upload("Moodle", ((NAME, "Ada Lovelace"),), "x.ipynb", "4711")


@pytest.mark.parametrize(
    "text", ["Sunday, 1 February 2026, 11:59 AM", "Sunday, 1 February 2026, 11:59"]
)
def test_times_of_moodles_worksheet(text: str) -> None:
    found = uploads.by_worksheet(UNTIMED, text, BERLIN)
    assert (found.when, found.unread) == (datetime.datetime(2026, 2, 1, 10, 59), "")


@pytest.mark.parametrize("text", ["", "-", " - "])
def test_no_time_in_the_worksheet_is_none_that_was_lost(text: str) -> None:
    assert uploads.by_worksheet(UNTIMED, text, BERLIN) == UNTIMED


@pytest.mark.parametrize(
    "text", ["Sonntag, 1. Februar 2026, 11:59", "2/9/26, 11:59", "Sunday, 31 February 2026, 11:59"]
)
def test_a_time_that_cannot_be_read_is_not_lost(text: str) -> None:
    found = uploads.by_worksheet(UNTIMED, text, BERLIN)
    assert (found.when, found.unread) == (None, text)
    (own,) = uploads.submitters(re.sub("created_at: .*", f"created_at: {text}", ADA)).values()
    assert (own.when, own.unread) == (None, text)
    of_it = read(("submission_1", "x.ipynb"), submitters={"submission_1": own})
    assert of_it is not None and (of_it.name, of_it.unread) == ("x.ipynb", text)
    impossible = read(("Lab_ada_attempt_2026-02-31-11-00-00_x.ipynb",))
    assert impossible is not None and impossible.unread == "2026-02-31-11-00-00"


def test_a_username_with_a_line_comes_before_its_end() -> None:
    """The roster decides: the longest that it knows."""
    found = read(("Lab_3_ada_l_attempt_2026-02-01-11-59-59_x.ipynb",))
    assert found is not None
    assert [value for _, value in found.keys] == ["3_ada_l", "ada_l", "l"]


@pytest.mark.parametrize("name", ["03_masking.ipynb", "Cy Wu_assignsubmission_file", "1-2 - x - y"])
def test_other_names_have_no_systems_form(name: str) -> None:
    assert read((name,)) is None and read((name, "x.ipynb")) is None


ADA = """submission_1:
  :submitters:
  - :name: Ada Lovelace
    :sid: '17'
    :email: ada@example.edu
  :created_at: 2026-02-01 13:59:59.123456789 +02:00
"""


def test_gradescopes_metadata() -> None:
    (own,) = uploads.submitters("---\n" + ADA).values()
    assert own == Upload(
        "Gradescope",
        (("e-mail address", "ada@example.edu"), (LMS_ID, "17"), (NAME, "Ada Lovelace")),
        None,
        "submission_1",
        when=datetime.datetime(2026, 2, 1, 11, 59, 59, 123456),
    )


@pytest.mark.parametrize(
    "name",
    ['"x\n    :email: eve@example.edu"', '"x\n  - :name: Eve"', '"x\n    :sid: 99\n    y"'],
)
def test_a_name_that_looks_like_other_lines_names_nobody(name: str) -> None:
    found = uploads.submitters(ADA.replace("Ada Lovelace", name) + ADA.replace("_1:", "_2:"))
    assert found["submission_1"].keys == ()
    assert found["submission_2"].keys[0][1] == "ada@example.edu"


def test_output_that_looks_like_metadata_is_deeper() -> None:
    text = ADA + "  :results:\n    tests:\n    - output: |\n        :email: eve@example.edu\n"
    assert uploads.submitters(text)["submission_1"].keys[0][1] == "ada@example.edu"
    assert not re.search("eve", repr(uploads.submitters(text)))
