"""TRIES: a student whose name in the LMS is the neighbour's, with number and all, before its own.

MUST: be told to a person: such a folder's name fits both.

ROWS: 22
"""

KIND = "archive"
_ROSTER = """Identifier,Full name,Username,ID number
Participant 811,Nick Neighbour_812_assignsubmission_file_x,attacker,1
Participant 812,Nick Neighbour,neighbour,812
Participant 813,"Neighbour_812_assignsubmission_file, Nick",third,3
Participant 814,Lab_neighbour_attempt_2030-01-01-00-00-00_x,fourth,4
Participant 815,a_812_9_x,fifth,5
"""


def pack(folder, arena):
    import zipfile

    from grader.course.layout import notebook_path

    given = notebook_path("self_attention").read_bytes()
    path = folder / "moodle.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in (
            "Nick Neighbour_812_assignsubmission_file_x_811_assignsubmission_file/a.ipynb",
            "Nick Neighbour_812_assignsubmission_file_x_811_assignsubmission_file_a.ipynb",
            "Nick Neighbour_812_assignsubmission_file_813_assignsubmission_file/a.ipynb",
            "Lab_neighbour_attempt_2030-01-01-00-00-00_x_814_assignsubmission_file/a.ipynb",
            "Lab_neighbour_attempt_2030-01-01-00-00-00_x_814_assignsubmission_file_a.ipynb",
            "a_812_9_x_815_assignsubmission_file_a.ipynb",
        ):
            archive.writestr(name, given)
    return [path], _ROSTER
