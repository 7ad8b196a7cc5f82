"""TRIES: written texts that take minutes to render: runs of blanks, formulas that never end.

MUST: be shown as they were written. Whoever opens the submission waits, and all of Formgrader.

ROWS: 13
"""

KIND = "notebook"


def build(document):
    import json

    texts = ["a" + " " * 300_000 + "b", "\\\\(" * 100_000, "\\begin{a}" * 30_000]
    cells = document["cells"]
    for cell in list(cells):
        if cell["id"] == "softmax_jacobian":
            cell["source"] = "def softmax_jacobian(weights):\n    return None\n"
        if cell["cell_type"] == "markdown" and cell["metadata"].get("nbgrader", {}).get("grade"):
            cell["source"] = texts[0]
    for number, text in enumerate(texts):
        cells.append({"cell_type": "markdown", "id": f"t{number}", "metadata": {}, "source": text})
    return json.dumps(document)
