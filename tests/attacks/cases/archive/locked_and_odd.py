"""TRIES: encrypted files, compression that few programs know, streams that end early or never.

MUST: refuse each by name, and hang on none.

ROWS: 20, 22
"""

from tests.attacks.packing import ROSTER, zipped

KIND = "archive"


def pack(folder, arena):
    import io
    import zipfile

    from grader.course.layout import notebook_path

    given = notebook_path("self_attention").read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, method in enumerate((8, 12, 14, 8, 8)):
            archive.writestr(f"{number}.ipynb", given, compress_type=method)
    content = bytearray(buffer.getvalue())
    place = 0
    for number in range(5):
        place = content.find(b"PK\x01\x02", place + 1)
        if number == 3:
            content[place + 8] |= 0x41  # encrypted, strongly
        if number == 4:
            content[place + 10 : place + 12] = (9).to_bytes(2, "little")  # "deflate64"
    damaged = bytearray(buffer.getvalue())
    damaged[60:90] = b"\xff" * 30
    path = folder / "canvas.zip"
    files = {
        "attacker_811_5_work.zip": bytes(content),
        "attacker_811_6_more.zip": bytes(damaged),
        "attacker_811_7_cut.zip": buffer.getvalue()[:-100],
        "attacker_811_8_first.zip": b"#!/bin/sh\n" + buffer.getvalue(),
    }
    path.write_bytes(zipped(files))
    return [path], ROSTER
