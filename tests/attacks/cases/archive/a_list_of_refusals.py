"""TRIES: a zip of as many files as are read, all of which are links, absolute or encrypted.

MUST: name some of them and count the rest: what is said of it must not hide what is said of others.

ROWS: 20, 22
"""

from tests.attacks.packing import ROSTER, zipped

KIND = "archive"


def pack(folder, arena):
    import io
    import stat
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(1_900):
            entry = zipfile.ZipInfo(f"link-{number}.ipynb" if number % 2 else f"/{number}.ipynb")
            entry.create_system = 3
            entry.external_attr = ((stat.S_IFLNK if number % 2 else stat.S_IFREG) | 0o777) << 16
            archive.writestr(entry, str(arena.salt))
    path = folder / "canvas.zip"
    files = {
        "attacker_811_5_work.zip": buffer.getvalue(),
        "attacker_811_6_more.zip": buffer.getvalue(),
    }
    path.write_bytes(zipped(files))
    return [path], ROSTER
