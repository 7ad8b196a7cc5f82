"""TRIES: sixty cells that each kill the worker, so that it is started again and again.

MUST: be bounded in number.

ROWS: 12
"""

KIND = "notebook"
OUTCOME = ("crashed", "timed_out")
SLOW = True


def build(document):
    import json

    cells = document["cells"]
    spot = next(i for i, c in enumerate(cells) if c["id"] == "softmax_jacobian")
    cells[spot]["source"] = "def softmax_jacobian(weights):\n    return None\n"
    for number in range(60):
        cell = {"cell_type": "code", "id": f"die{number}", "metadata": {}, "outputs": []}
        text = f"import os\nos._exit({number})"
        cells.insert(spot, cell | {"source": text, "execution_count": None})
    return json.dumps(document)
