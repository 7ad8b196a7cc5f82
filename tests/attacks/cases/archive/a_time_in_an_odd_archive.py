"""TRIES: to say itself when it was handed in, in an archive that a browser saved as `down.zip.1`.

MUST: count as handed in at an unknown time: what is in an archive may be the student's own.

ROWS: 22
"""

from tests.attacks.packing import FORGED, ROSTER, zipped

KIND = "archive"


def pack(folder, arena):
    from grader.course.layout import notebook_path

    given = notebook_path("self_attention").read_bytes()
    paths = []
    for number, name in enumerate(("down.zip.1", "down.zip.part", "down (1)", "attacker.zip.1")):
        paths.append(folder / name)
        own = {"x.ipynb": given + b" " * number, "timestamp.txt": FORGED.encode()}
        paths[-1].write_bytes(
            zipped({f"attacker/{one}": content for one, content in own.items()})
        )
    return paths, ROSTER
