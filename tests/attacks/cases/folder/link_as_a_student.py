"""TRIES: a whole student's folder as a link to the instructor's.

MUST: be rejected; no link is followed.

ROWS: 22
"""

KIND = "folder"
OUTCOME = ("rejected",)


def plant(person, arena):
    (person.parent / "link").symlink_to(arena.folder)
    (person.parent / "loop").symlink_to("loop")
    (person.parent / "dangling").symlink_to("/nowhere")
