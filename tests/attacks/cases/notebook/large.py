"""TRIES: 100 MB of notebook, which is read before it is refused.

MUST: be rejected with the reason.

ROWS: 25
"""

KIND = "folder"
OUTCOME = ("rejected",)


def plant(person, arena):
    folder = person / "02_self_attention"
    folder.mkdir()
    with open(folder / "02_self_attention.ipynb", "wb") as file:
        file.truncate(100_000_000)
