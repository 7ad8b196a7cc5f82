"""TRIES: a pipe in the place of the notebook and of its time stamp: whoever opens it waits for ever.

MUST: be rejected at once.

ROWS: 22
"""

KIND = "folder"
OUTCOME = ("rejected",)


def plant(person, arena):
    import os

    folder = person / "02_self_attention"
    folder.mkdir()
    os.mkfifo(folder / "02_self_attention.ipynb")
    os.mkfifo(folder / "timestamp.txt")
