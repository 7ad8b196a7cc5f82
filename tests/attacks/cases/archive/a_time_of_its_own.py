"""TRIES: to say itself when it was handed in: time stamps and origins among its own files, as an LMS,
nbgrader and an earlier run of collect write them.

MUST: count as handed in when the system says, or at an unknown time.

ROWS: 22
"""

from tests.attacks.packing import FORGED, ROSTER, zipped

KIND = "archive"


def pack(folder, arena):
    import json
    import zipfile

    from grader.course.layout import COURSE, assignment_id, notebook_path
    from grader.records.origin import Origin
    from grader.source import handin

    given = notebook_path("self_attention").read_bytes()
    name = assignment_id("self_attention")
    origin = Origin("canvas", "x", "x", "0" * 64, 9_999_999, "2001-02-03T04:05:06").as_bytes()
    receipt = {"format": 1, "course": COURSE.id, "packed": "2001-02-03T04:05:06", "notebooks": []}
    own = {
        f"{name}.ipynb": given,
        "timestamp.txt": FORGED.encode(),
        "TIMESTAMP.TXT": FORGED.encode(),
        "origin.json": origin,
        f"{name}/timestamp.txt": FORGED.encode(),
        f"{name}/origin.json": origin,
    }
    paths = []
    for number, prefix in enumerate(
        ("attacker_811_7_", "Ann Attacker_811_assignsubmission_file_", "attacker_LATE_811_7_")
    ):
        paths.append(folder / f"{number}.zip")
        with zipfile.ZipFile(paths[-1], "w") as archive:
            for path, content in own.items():
                archive.writestr(f"{prefix}{path.replace('/', '_')}", content)
            archive.writestr(f"{prefix}work.zip", zipped(own))
            packed = {f"{name}/{name}.ipynb": given, handin.RECEIPT: json.dumps(receipt).encode()}
            archive.writestr(f"{prefix}packed.zip", zipped(packed))
    return paths, ROSTER
