"""TRIES: 100 added cells of more than 10 000 characters, each of which calls the next.

MUST: be graded in a time that grows with the length of the notebook, not with its square.

ROWS: 25
"""

KIND = "notebook"
LESSON = "transformer_block"
OUTCOME = ("graded",)


def build(document):
    import json

    body = "\n".join(f"    x{n} = y{n} + {n}" for n in range(600))
    for number in range(100):
        source = f"def helper{number}(*a):\n{body}\n    return helper{(number + 1) % 100}\n"
        cell = {"cell_type": "code", "id": f"own{number}", "metadata": {}, "outputs": []}
        document["cells"].insert(1, cell | {"execution_count": None, "source": source})
    for cell in document["cells"]:
        marks = cell["metadata"].get("nbgrader", {})
        if marks.get("solution") and cell["cell_type"] == "code":
            cell["source"] = f"def {marks['grade_id']}(*a, **k):\n    return helper0(*a)\n"
    return json.dumps(document)
