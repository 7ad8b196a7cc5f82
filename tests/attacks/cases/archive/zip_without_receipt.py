"""TRIES: one student's own zip without a receipt, as `collect attacker.zip` takes it, or in a folder
under a name of its own, that looks like an LMS's archive: the neighbour's folder and names in it.

MUST: be the work of the student for whom the zip is named, or wait for a person.

ROWS: 22
"""

from tests.attacks.packing import ROSTER, zipped

KIND = "archive"


def pack(folder, arena):
    from grader.course.layout import notebook_path

    given = notebook_path("single_query_attention").read_bytes()
    content = zipped({
        "Lab_neighbour_attempt_2030-02-01-11-59-59_x.ipynb": given,
        "Nick Neighbour_812_assignsubmission_file/x.ipynb": given,
        "neighbour_812_99999999_x.ipynb": given,
        "812-1 - Nick Neighbour - Feb 1, 2030 1159 AM/x.ipynb": given,
        "neighbour/01_single_query_attention/01_single_query_attention.ipynb": given,
    })  # fmt: skip
    paths = []
    for name in ("attacker.zip", "attacker (1).zip", "ATTACKER.zip.1", "u1.zip", "Ann Attacker.zip"):
        paths.append(folder / name)
        paths[-1].write_bytes(content)
    top = folder / "from students"
    top.mkdir()
    for name in ("attacker.zip", "attacker (1).zip", "my work.zip", "x.zip", "moodle.zip"):
        (top / name).write_bytes(content)
    unpacked = folder / "attacker" / "Nick Neighbour_812_assignsubmission_file" / "x.ipynb"
    unpacked.parent.mkdir(parents=True)
    unpacked.write_bytes(given)
    return [*paths, top, folder / "attacker"], ROSTER
