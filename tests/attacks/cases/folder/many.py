"""TRIES: a thousand folders in one student's, and a thousand files among the students'.

MUST: be rejected one by one, or passed over.

ROWS: 25
"""

KIND = "folder"
OUTCOME = ("rejected",)


def plant(person, arena):
    for number in range(300):
        (person / f"{number:02d}_nothing").mkdir()
        (person.parent / f"file{number}").touch()
