"""What the cases that hand in archives share: a roster of two students, and zips."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

# Canvas's list of students: the attacker, and the neighbour whose work must not change.
ROSTER = """Student,ID,SIS User ID,SIS Login ID,Section
"Attacker, Ann",811,u1,attacker,A
"Neighbour, Nick",812,u2,neighbour,A
"""


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """Make a zip of these files, by name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


FORGED = "2001-02-03 04:05:06 UTC"  # a time of handing in that no system has written
