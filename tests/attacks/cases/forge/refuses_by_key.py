"""TRIES: to refuse a candidate by the key that the judge knows it by, and by when it comes.

MUST: earn nothing: no candidate has a name of its own, and each is the first that its worker sees.

ROWS: 15
"""

LESSON = "masking"
EXERCISE = "examine_attention"

# --- handed in ---
import sys

turns = []


def examine_attention(candidate):
    turns.append(1)
    keys = [cell.cell_contents for cell in candidate.__closure__ or ()]
    keys = {key for key in keys if isinstance(key, str)}
    frame = sys._getframe()
    while frame is not None:
        ask = frame.f_locals.get("ask")
        keys |= {arg.key for arg in getattr(ask, "args", ()) if hasattr(arg, "key")}
        frame = frame.f_back
    odd = [key for key in keys if sum(key.encode()) % 2]
    assert len(turns) < 6 and not odd
