"""TRIES: the stub first, the right answer under the same id at the end.

MUST: let the first count, and say so.

ROWS: 11
"""

KIND = "notebook"


def build(document):
    import copy
    import json

    from grader.course.sources import answer_source

    cells = document["cells"]
    right = copy.deepcopy(next(c for c in cells if c["id"] == "softmax_jacobian"))
    right["source"] = "import torch\n" + answer_source("self_attention", "softmax_jacobian")
    cells.append(right)
    return json.dumps(document)
