"""TRIES: zips in zips in zips, thousands deep, and hundreds side by side.

MUST: open one level of them, and no more than one student may have.

ROWS: 20, 22
"""

from tests.attacks.packing import ROSTER, zipped

KIND = "archive"


def pack(folder, arena):
    import zipfile

    def small(files):
        return zipped(files, zipfile.ZIP_DEFLATED)

    deep = b"{}"
    for _ in range(300):
        deep = small({"neighbour/02_self_attention/02_self_attention.zip": deep})
    wide = small({f"{number}.zip": deep for number in range(40)})
    path = folder / "canvas.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(30):
            archive.writestr(f"attacker_811_{number}_work.zip", wide)
        archive.writestr("attacker_811_99_deep.zip", deep)
    return [path], ROSTER
