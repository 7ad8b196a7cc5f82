"""TRIES: a student's zip that says it lists one file, and lists twenty thousand that are refused.

MUST: be refused as a whole: what is said of it must not hide what is said of others.

ROWS: 20, 22
"""

from tests.attacks.packing import ROSTER, zipped

KIND = "archive"


def pack(folder, arena):
    import struct

    content = bytearray(zipped({f"/{number}": b"" for number in range(20_000)}))
    place = content.rfind(b"PK\x05\x06")
    content[place + 8 : place + 12] = struct.pack("<HH", 1, 1)
    path = folder / "canvas.zip"
    path.write_bytes(zipped({"attacker_811_5_work.zip": bytes(content)}))
    return [path], ROSTER
