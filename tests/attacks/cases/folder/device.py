"""TRIES: a device without end in the place of the notebook.

MUST: be rejected at once.

ROWS: 22
"""

KIND = "folder"
OUTCOME = ("rejected",)


def plant(person, arena):
    folder = person / "02_self_attention"
    folder.mkdir()
    (folder / "02_self_attention.ipynb").symlink_to("/dev/zero")
    other = person / "03_masking"
    other.mkdir()
    (other / "03_masking.ipynb").symlink_to("/dev/stdin")
