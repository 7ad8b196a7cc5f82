"""TRIES: to answer with stand-ins for earlier answers: a student's own machine has recordings.

MUST: find no recording: grading has the course's versions, in a run of which nothing is shown.

ROWS: 15, 18
"""

LESSON = "single_query_attention"
EXERCISE = "attention"

# --- handed in ---
from pathlib import Path

import grader
from grader.student import frozen, stand_ins

found = []
for name in ("softmax", "similarity_scores", "attention"):
    try:
        found.append(frozen.load(name).recordings)
    except Exception:
        pass
for path in Path(grader.__file__).parents[1].rglob("*"):
    given_out = path.parent.name == "public"  # what a lesson's notebook loads
    if path.is_file() and path.suffix not in (".py", ".pyc", ".toml") and not given_out:
        found.append(str(path))
print("REACHED", found)
recordings = stand_ins.StandIns([], stand_ins.Doubt())


def attention(query, keys, values):
    weights = recordings["softmax"](recordings["similarity_scores"](query, keys))
    return weights @ values
