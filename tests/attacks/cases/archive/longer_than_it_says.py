"""TRIES: a student's zip that says it lists one file, and lists twenty thousand that are refused.

MUST: be refused as a whole: what is said of it must not hide what is said of others.

ROWS: 20, 22
"""

KIND = "archive"
_ROSTER = """Student,ID,SIS User ID,SIS Login ID,Section
"Attacker, Ann",811,u1,attacker,A
"Neighbour, Nick",812,u2,neighbour,A
"""


def pack(folder, arena):
    import io
    import struct
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(20_000):
            archive.writestr(f"/{number}", b"")
    content = bytearray(buffer.getvalue())
    place = content.rfind(b"PK\x05\x06")
    content[place + 8 : place + 12] = struct.pack("<HH", 1, 1)
    path = folder / "canvas.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("attacker_811_5_work.zip", bytes(content))
    return [path], _ROSTER
