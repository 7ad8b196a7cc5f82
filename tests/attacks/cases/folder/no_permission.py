"""TRIES: folders and files without permissions, which an ordinary user cannot look into.

MUST: be rejected with the reason; never raise.

ROWS: 22
"""

KIND = "folder"
OUTCOME = ("rejected",)


def plant(person, arena):
    for number, mode in enumerate((0o000, 0o444, 0o111, 0o200)):
        folder = person.parent / f"person{number}" / "02_self_attention"
        folder.mkdir(parents=True)
        (folder / "02_self_attention.ipynb").write_text("[]")
        (folder / "02_self_attention.ipynb").chmod(0)
        folder.chmod(mode)
        other = person.parent / f"other{number}" / "02_self_attention"
        other.mkdir(parents=True)
        (other / "02_self_attention.ipynb").write_text("[]")
        other.parent.chmod(mode)
