"""TRIES: to write to the terminal: control sequences in the names of a student's folder that holds a
zip of `pack`, of zips in a folder that is collected, and of what is in them.

MUST: be printed with the sequences spelled out, as any name from a disk.

ROWS: 22
"""

from tests.attacks.packing import ROSTER, zipped

KIND = "archive"
_ODD = "\x1b]0;PWNED\x07\x1b[31m\x1b[2J evil"


def pack(folder, arena):
    import json

    from grader.course.layout import COURSE, assignment_id, notebook_path
    from grader.source import handin

    given = notebook_path("self_attention").read_bytes()
    name = assignment_id("self_attention")
    receipt = {"format": 1, "course": COURSE.id, "packed": "2026-01-01T00:00:00", "notebooks": []}
    packed = zipped({f"{name}/{name}.ipynb": given, handin.RECEIPT: json.dumps(receipt).encode()})
    submitted = folder.parent / "submitted"
    for odd in (_ODD, "\u202eevil", "new\nline"):
        person = submitted / odd
        (person / name).mkdir(parents=True)
        (person / name / f"{name}.ipynb").write_bytes(given + b" ")  # the zip's is another one
        (person / f"{odd}.zip").write_bytes(packed)
        (submitted / f"{odd} too.zip").write_bytes(packed)
        (submitted / f"{odd} broken.zip").write_bytes(b"no zip")
    top = folder / "from students"
    top.mkdir()
    for odd, content in (("0", b"no zip"), ("1", packed), ("2", zipped({f"{_ODD}/x": b"x"}))):
        (top / f"{_ODD}{odd}.zip").write_bytes(content)
        (top / f"attacker_811_{odd}_{_ODD}.zip").write_bytes(content)
    return [top], ROSTER
