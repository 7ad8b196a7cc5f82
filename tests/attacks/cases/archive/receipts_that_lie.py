"""TRIES: zips as `pack` makes them, with receipts that lie, and a note of what was unpacked before.

MUST: unpack the student's own notebooks at most, into the student's own folder.

ROWS: 22
"""

from tests.attacks.packing import zipped

KIND = "archive"


def pack(folder, arena):
    import json

    from grader.course.layout import COURSE, notebook_path
    from grader.source import handin

    given = notebook_path("self_attention").read_bytes()
    person = folder.parent / "submitted" / "attacker"
    person.mkdir()
    good = {"format": 1, "course": COURSE.id, "packed": "9999-12-31T23:59:59", "notebooks": []}
    receipts = [
        json.dumps(good).encode(), b"[" * 200_000, b'{"format": 1' + b"0" * 900_000 + b"}",
        b"\xff\xfe", json.dumps(good | {"packed": "\ud800\x1b[2J"}).encode(),
        json.dumps(good | {"packed": [[[{}]]]}).encode(), b'{"format": NaN}', b"null",
        json.dumps(good | {"course": "\x1b[2J"}).encode(), json.dumps(good).encode() * 2,
    ]  # fmt: skip
    places = ["02_self_attention/02_self_attention.ipynb", "03_masking/03_masking.ipynb",
              "99_nothing/99_nothing.ipynb", "02_self_attention/03_masking.ipynb"]  # fmt: skip
    for number, receipt in enumerate(receipts):
        files = {places[number % len(places)]: given, handin.RECEIPT: receipt}
        (person / f"{number}.zip").write_bytes(zipped(files))
    (person / "03_masking").symlink_to("../neighbour")
    (person / ".unpacked.json").write_bytes(b'{"02_self_attention": ["x"], "": {}}')
    return [], ""
