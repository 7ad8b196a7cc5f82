"""TRIES: students called like the neighbour, in letters that fold to the same ones.

MUST: tell a person, and put no file of theirs into the neighbour's folder.

ROWS: 22
"""

from tests.attacks.packing import ROSTER

KIND = "archive"
_MORE = """"Neighbour, \uff2eick",813,u3,other,A
"N\u00e9ighbour, Nick",814,u4,third,A
"""


def pack(folder, arena):
    import zipfile

    from grader.course.layout import notebook_path

    given = notebook_path("self_attention").read_bytes()
    path = folder / "folders.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in (
            "\uff2eick Neighbour", "Nick  Neighbour", "NICK NEIGHBOUR", "Nick\u00a0Neighbour",
            "Neighbour, Nick", "neighbou\u0155", "\u212ban Attacker", "\u0130nci", "\u017ftudent",
        ):  # fmt: skip
            archive.writestr(f"{name}/02_self_attention.ipynb", given)
    return [path], ROSTER + _MORE
