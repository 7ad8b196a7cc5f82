"""TRIES: assignments that do not exist, with names like those of people above.

MUST: be rejected with the reason.

ROWS: 22
"""

KIND = "folder"
OUTCOME = ("rejected",)


def plant(person, arena):
    import os

    raw = os.fsencode(person)
    for name in (b"..02", b"[/red]", b"\x1b[2J", b"\xff", b"02_self_attention ", b"02", b"a" * 250):
        os.makedirs(os.path.join(raw, name))
    (person / "02_self_attention").mkdir()
