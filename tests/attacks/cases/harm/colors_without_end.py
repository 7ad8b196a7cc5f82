"""TRIES: added cells of 100 000 characters each, every second of them colored on the page.

MUST: be bounded for the page as a whole: it took a minute to make and had 46 MB.

ROWS: 13
"""

KIND = "notebook"


def build(document):
    import json

    cells = document["cells"]
    spot = next(i for i, c in enumerate(cells) if c["id"] == "softmax_jacobian")
    cells[spot]["source"] = "def softmax_jacobian(weights):\n    return None\n"
    for number in range(19):
        source = "print(1);[" + "1," * 49_990 + "]"
        cell = {"cell_type": "code", "id": f"x{number}", "metadata": {}, "source": source}
        cells.insert(spot, cell | {"outputs": [], "execution_count": None})
    return json.dumps(document)
