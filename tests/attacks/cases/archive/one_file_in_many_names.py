"""TRIES: a small file whose bytes a thousand names in the list stand for, each unpacked anew.

MUST: unpack no more than one student may have, and say so once.

ROWS: 20, 22
"""

from tests.attacks.packing import ROSTER, zipped

KIND = "archive"


def pack(folder, arena):
    import struct
    import zipfile

    content = zipped({"000.ipynb": b"0" * (20 << 20)}, zipfile.ZIP_DEFLATED)
    start, end = content.find(b"PK\x01\x02"), content.rfind(b"PK\x05\x06")
    entry, entries = content[start:end], b""
    for number in range(1000):
        entries += entry.replace(b"000.ipynb", b"%03d.ipynb" % number)
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1000, 1000, len(entries), start, 0)
    inner = content[:start] + entries + tail
    path = folder / "canvas.zip"
    path.write_bytes(zipped({"attacker_811_5_work.zip": inner}))
    return [path], ROSTER
