"""TRIES: every cell three times, in another order, with the same ids.

MUST: take the first of each, and go on with the cohort.

ROWS: 11
"""

KIND = "notebook"


def build(document):
    import json

    document["cells"] = document["cells"][::-1] + document["cells"] * 2
    return json.dumps(document)
