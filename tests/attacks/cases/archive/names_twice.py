"""TRIES: several files of one name, or of names that only spelling and separators tell apart.

MUST: take one of each exact name, tell a person of the others, and write into nobody else's folder.

ROWS: 22
"""

from tests.attacks.packing import ROSTER

KIND = "archive"


def pack(folder, arena):
    import warnings
    import zipfile

    from grader.course.layout import notebook_path

    given = notebook_path("self_attention").read_bytes()
    names = ["work.ipynb", "work.ipynb", "WORK.ipynb", "\u00e9.ipynb", "e\u0301.ipynb"]
    names += ["a/../work.ipynb", "./work.ipynb", "a\\work.ipynb", "a//work.ipynb", "w\0ork.ipynb"]
    path = folder / "canvas.zip"
    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, name in enumerate(names):
            entry = zipfile.ZipInfo("attacker_811_5_x")
            entry.filename = f"attacker_811_5_{name}"
            archive.writestr(entry, given + b" " * number)
        for name in ("attacker_811_6_../../neighbour/x.ipynb", "neighbour/../../x.ipynb"):
            archive.writestr(name, given)
    return [path], ROSTER
