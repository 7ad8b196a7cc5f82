"""TRIES: to have its mark and its feedback page sent to the neighbour's line in Moodle: an
`origin.json` in the student's own folder that says it came from the neighbour's.

MUST: be ignored: where work came from is written where students cannot write.

ROWS: 22
"""

from tests.attacks.packing import ROSTER

KIND = "archive"


def pack(folder, arena):
    import json

    from grader.course.layout import assignment_id, notebook_path

    given = notebook_path("self_attention").read_bytes()
    name = assignment_id("self_attention")
    own = folder.parent / "submitted" / "attacker" / name
    own.mkdir(parents=True)
    (own / f"{name}.ipynb").write_bytes(given)
    path = "Nick Neighbour_812_assignsubmission_file/x"
    forged = {"system": "Moodle", "archive": "all.zip", "path": path, "sha256": "0" * 64,
              "number": 0, "handed_in": "", "late": False}  # fmt: skip
    (own / "origin.json").write_text(json.dumps(forged))
    return [], ROSTER
