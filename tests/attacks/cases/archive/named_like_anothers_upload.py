"""TRIES: files named so that every system's form fits them, with the neighbour's name and number.

MUST: take the first name, which the system wrote; what comes after it was the student's.

ROWS: 22
"""

from tests.attacks.packing import ROSTER

KIND = "archive"


def pack(folder, arena):
    import zipfile

    from grader.course.layout import notebook_path

    given = notebook_path("self_attention").read_bytes()
    forms = [
        "neighbour_LATE_812_9_x.ipynb",
        "Nick Neighbour_812_assignsubmission_file_x.ipynb",
        "Lab_neighbour_attempt_2030-01-01-00-00-00_x.ipynb",
        "812-1 - Nick Neighbour - Feb 1, 2030 1159 AM_x.ipynb",
        "neighbour.zip",
    ]
    paths = []
    for number, prefix in enumerate((
        "attacker_811_7_",
        "Ann Attacker_811_assignsubmission_file_",
        "Ann Attacker_811_assignsubmission_file/",
        "Lab_attacker_attempt_2026-02-01-11-59-59_",
        "811-4711 - Ann Attacker - Feb 1, 2026 1159 AM/",
    )):  # fmt: skip
        paths.append(folder / f"{number}.zip")
        with zipfile.ZipFile(paths[-1], "w") as archive:
            for form in forms:
                archive.writestr(f"{prefix}{form}", given)
    return paths, ROSTER
