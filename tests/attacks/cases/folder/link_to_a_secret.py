"""TRIES: a symbolic link to a file of the instructor's in the place of the notebook.

MUST: be rejected; no link is followed, nothing of the file is shown.

ROWS: 22
"""

KIND = "folder"
OUTCOME = ("rejected",)


def plant(person, arena):
    folder = person / "02_self_attention"
    folder.mkdir()
    (folder / "02_self_attention.ipynb").symlink_to(arena.salt)
