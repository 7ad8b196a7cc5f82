"""TRIES: a zip of as many files as are read, all of which are links, absolute or encrypted.

MUST: name some of them and count the rest: what is said of it must not hide what is said of others.

ROWS: 20, 22
"""

KIND = "archive"
_ROSTER = """Student,ID,SIS User ID,SIS Login ID,Section
"Attacker, Ann",811,u1,attacker,A
"Neighbour, Nick",812,u2,neighbour,A
"""


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
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("attacker_811_5_work.zip", buffer.getvalue())
        archive.writestr("attacker_811_6_more.zip", buffer.getvalue())
    return [path], _ROSTER
