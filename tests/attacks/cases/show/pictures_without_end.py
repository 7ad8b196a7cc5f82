"""TRIES: 40 MB of pictures in each of a few cells, sent past the recorder that bounds them.

MUST: be bounded for the notebook as a whole; nobody opens a page of gigabytes.

ROWS: 26
"""
KIND = "notebook"

_PATCH = """
import base64
from grader.sandbox.guest import serve
picture = base64.b64encode(b"\\xff\\xd8\\xff" + bytes(2_000_000)).decode()
shown = {"output_type": "display_data", "data": {"image/jpeg": picture}}
serve.run_cell = lambda *a: {"outputs": [shown] * COUNT, "error": ""}
"""


def build(document):
    import json

    cells = document["cells"]
    spot = next(i for i, c in enumerate(cells) if c["id"] == "softmax_jacobian")
    cells[spot]["source"] = "def softmax_jacobian(weights):\n    return None\n"
    for number in range(9):
        source = _PATCH.replace("COUNT", "15" if number == 3 else "2")
        cell = {"cell_type": "code", "id": f"p{number}", "metadata": {}, "outputs": []}
        cells.insert(spot + 1, cell | {"source": source, "execution_count": None})
    return json.dumps(document)
