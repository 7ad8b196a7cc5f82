"""TRIES: zips in zips in zips, thousands deep, and hundreds side by side.

MUST: open one level of them, and no more than one student may have.

ROWS: 20, 22
"""

KIND = "archive"
_ROSTER = """Student,ID,SIS User ID,SIS Login ID,Section
"Attacker, Ann",811,u1,attacker,A
"Neighbour, Nick",812,u2,neighbour,A
"""


def pack(folder, arena):
    import io
    import zipfile

    def zipped(contents):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in contents.items():
                archive.writestr(name, content)
        return buffer.getvalue()

    deep = b"{}"
    for _ in range(300):
        deep = zipped({"neighbour/02_self_attention/02_self_attention.zip": deep})
    wide = zipped({f"{number}.zip": deep for number in range(40)})
    path = folder / "canvas.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(30):
            archive.writestr(f"attacker_811_{number}_work.zip", wide)
        archive.writestr("attacker_811_99_deep.zip", deep)
    return [path], _ROSTER
