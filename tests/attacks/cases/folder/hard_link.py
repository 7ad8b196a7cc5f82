"""TRIES: a hard link to a file of the instructor's, which looks like a plain file.

MUST: show nothing of it; what is no notebook is rejected without a word of its text.

ROWS: 22
"""

KIND = "folder"
OUTCOME = ("rejected",)


def plant(person, arena):
    import os

    folder = person / "02_self_attention"
    folder.mkdir()
    os.link(arena.salt, folder / "02_self_attention.ipynb")
