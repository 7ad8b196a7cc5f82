"""TRIES: a link first, and then files of the same name, for whoever unpacks both in turn.

MUST: write to none of the places that they point to.

ROWS: 22
"""

from tests.attacks.packing import ROSTER, zipped

KIND = "archive"


def pack(folder, arena):
    import io
    import stat
    import warnings
    import zipfile

    from grader.course.layout import notebook_path

    given = notebook_path("self_attention").read_bytes()
    name = "02_self_attention/02_self_attention.ipynb"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path, target in (
            ("02_self_attention", "../neighbour"),
            (name, str(folder.parent / "untouched.txt")),
            ("out", str(folder.parent)),
        ):
            entry = zipfile.ZipInfo(path)
            entry.create_system = 3
            entry.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(entry, target)
        for path in (name, "out/untouched.txt", "out/submitted/neighbour/x.ipynb"):
            archive.writestr(path, given)
    path = folder / "canvas.zip"
    path.write_bytes(zipped({"attacker_811_5_work.zip": buffer.getvalue()}))
    return [path], ROSTER
