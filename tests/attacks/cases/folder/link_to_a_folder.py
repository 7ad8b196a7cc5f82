"""TRIES: the assignment's folder as a link to another student's.

MUST: be rejected; no link is followed.

ROWS: 22
"""

KIND = "folder"
OUTCOME = ("rejected",)


def plant(person, arena):
    real = person.parent / ".elsewhere" / "02_self_attention"
    real.mkdir(parents=True)
    (real / "02_self_attention.ipynb").write_text("{}")
    (person / "02_self_attention").symlink_to(real)
