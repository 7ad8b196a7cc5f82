"""TRIES: a zip whose list of files says other names and sizes than stand before the files.

MUST: believe neither: what does not agree is refused, with the student's name.

ROWS: 22
"""

from tests.attacks.packing import ROSTER, zipped

KIND = "archive"


def pack(folder, arena):
    import struct

    from grader.course.layout import notebook_path

    given = notebook_path("self_attention").read_bytes()
    files = {"attacker_811_5_work.ipynb": given, "attacker_811_6_more.ipynb": given}
    content = bytearray(zipped(files))
    first = content.find(b"attacker_811_5")
    content[first : first + 14] = b"neighbour_812_"[:14]  # before the file, not in the list
    last = content.rfind(b"PK\x01\x02")
    content[last + 20 : last + 28] = struct.pack("<LL", 3, 1 << 31)  # sizes in the list alone
    path = folder / "canvas.zip"
    path.write_bytes(content)
    return [path], ROSTER
