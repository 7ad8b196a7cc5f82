"""TRIES: an answer of a million characters, and a thousand own cells.

MUST: be graded.

ROWS: 25
"""

KIND = "notebook"


def build(document):
    import json

    cells = document["cells"]
    spot = next(i for i, c in enumerate(cells) if c["id"] == "softmax_jacobian")
    cells[spot]["source"] = "softmax_jacobian = 1\n" + "# " + "x" * 900_000
    for number in range(1000):
        cell = {"cell_type": "code", "id": f"own{number}", "metadata": {}, "outputs": []}
        cells.insert(0, cell | {"source": f"own{number} = 1", "execution_count": None})
    return json.dumps(document)
