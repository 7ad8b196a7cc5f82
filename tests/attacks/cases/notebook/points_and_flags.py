"""TRIES: 1000 points in the metadata, every flag turned round, a locked cell unlocked.

MUST: change nothing; points, ids and flags are the release's.

ROWS: 8, 9, 27
"""

KIND = "notebook"
OUTCOME = ("not_attempted",)


def build(document):
    import json

    for cell in document["cells"]:
        marks = cell["metadata"].get("nbgrader")
        if marks:
            marks |= {"points": 1e308, "grade": True, "locked": False, "solution": True}
            marks |= {"schema_version": 99, "checksum": "0" * 32, "task": True}
        cell["metadata"]["editable"] = cell["metadata"]["deletable"] = {"not": "a bool"}
    return json.dumps(document)
