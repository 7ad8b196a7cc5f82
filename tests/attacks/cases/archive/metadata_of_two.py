"""TRIES: a name that writes further lines into Gradescope's metadata: the neighbour's address.

MUST: give the work to nobody where the lines are not clear.

ROWS: 22
"""

from tests.attacks.packing import ROSTER, zipped

KIND = "archive"


def pack(folder, arena):
    from grader.course.layout import notebook_path

    given = notebook_path("self_attention").read_bytes()
    lines = [
        "---", "submission_1:", "  :submitters:", "  - :name: Ann", "    :email: neighbour@x.edu",
        "    :sid: 812", "    :email: attacker@x.edu", "  :created_at: 2026-02-01 11:59:59 Z",
        "submission_2:", "  :submitters:", "  - :name: |-", "    Ann", "submission_3:",
        "  :submitters:", "  - :name: Nick Neighbour", "    :sid: '812'",
        "    :name: Ann Attacker", "  :created_at: 2026-02-01 11:59:59 Z",
    ]  # fmt: skip
    path = folder / "gradescope.zip"
    files = {"a_export/submission_metadata.yml": "\n".join(lines).encode()}
    files |= {f"a_export/submission_{number}/work.ipynb": given for number in (1, 2, 3)}
    path.write_bytes(zipped(files))
    return [path], ROSTER
