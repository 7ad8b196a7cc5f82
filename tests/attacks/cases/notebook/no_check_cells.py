"""TRIES: a notebook without check cells, without given cells, without anything but one answer.

MUST: grade it as if they were there.

ROWS: 10
"""

KIND = "notebook"


def build(document):
    import json

    cells = document["cells"]
    document["cells"] = [c for c in cells if c["id"] == "softmax_jacobian"]
    document["cells"][0]["source"] = "def softmax_jacobian(weights):\n    return weights\n"
    return json.dumps(document)
