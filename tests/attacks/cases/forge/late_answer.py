"""TRIES: the right answer in a cell after the check, as if it had been there in time.

MUST: earn nothing; a mark is for the names as they stand when the check's place is reached.

ROWS: 8
"""

KIND = "notebook"


def build(document):
    import json

    from grader.course.sources import answer_source

    text = "import math\nimport torch\n" + answer_source("self_attention", "softmax_jacobian")
    cells = document["cells"]
    spot = next(i for i, c in enumerate(cells) if c["id"] == "check_softmax_jacobian")
    late = {"cell_type": "code", "id": "late", "metadata": {}, "outputs": [], "source": text}
    cells.insert(spot + 1, late | {"execution_count": None})
    return json.dumps(document)
