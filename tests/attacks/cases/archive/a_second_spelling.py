"""TRIES: to count instead of a neighbour: a folder, a zip of `pack` and an archive's folder of the
neighbour's name, with its accent in the other of the two spellings, which sorts before.

MUST: mark neither folder, and name both for a person; make no third one.

ROWS: 22
"""

from tests.attacks.packing import ROSTER, zipped

KIND = "archive"
_NAMES = ("jos\u00e9", "jose\u0301", "zoe\u0308", "zo\u00eb")


def pack(folder, arena):
    import json

    import nbformat

    from grader.authoring.solve import solved
    from grader.course.layout import COURSE, assignment_id, notebook_path
    from grader.source import handin

    name = assignment_id("single_query_attention")
    solution = nbformat.writes(solved("single_query_attention", {"softmax"})).encode()
    given = notebook_path("single_query_attention").read_bytes()
    receipt = {"format": 1, "course": COURSE.id, "packed": "2026-01-01T00:00:00", "notebooks": []}
    packed = zipped({f"{name}/{name}.ipynb": given, handin.RECEIPT: json.dumps(receipt).encode()})
    submitted = folder.parent / "submitted"
    for person in _NAMES:
        (submitted / person / name).mkdir(parents=True)
        (submitted / person / name / f"{name}.ipynb").write_bytes(solution)
        (submitted / f"{person}.zip").write_bytes(packed)
    path = folder / "folders.zip"
    path.write_bytes(zipped({f"{person}/x.ipynb": given for person in _NAMES[::2]}))
    return [path], ROSTER + "".join(f'"X, Y",9{n},v{n},{_NAMES[n]},A\n' for n in (0, 3))
