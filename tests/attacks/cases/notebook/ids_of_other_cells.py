"""TRIES: ids that are the checks', the judge's own, not text at all, or very long.

MUST: earn nothing; ids are matched against the release's.

ROWS: 8, 11
"""

KIND = "notebook"


def build(document):
    import json

    names = ["check_softmax_jacobian", "own-3", "not-graded", 7, None, [1], {"a": 1}, "x" * 10**6]
    names += ["softmax_jacobian\x00", "Softmax_Jacobian", " softmax_jacobian", "../../x", "\ud800"]
    for number, name in enumerate(names):
        cell = {"cell_type": "code", "id": name, "source": "10.0", "outputs": []}
        cell["metadata"] = {"nbgrader": {"grade_id": name, "points": 10, "grade": True}}
        document["cells"].insert(2 * number, cell)
    return json.dumps(document)
