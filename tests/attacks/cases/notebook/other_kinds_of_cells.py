"""TRIES: the answer as Markdown, raw or heading; sources that are lists of lists, numbers, null.

MUST: be read as far as it is text; never raise.

ROWS: 8
"""

KIND = "notebook"


def build(document):
    import json

    odd = [None, 7, [["a"]], {"a": "b"}, ["a", 1], [], "", True, 1e400]
    for number, cell in enumerate(document["cells"]):
        if cell["id"] == "softmax_jacobian":
            cell["cell_type"] = "markdown"
        elif number % 3 == 0:
            cell["source"] = odd[number % len(odd)]
        elif number % 3 == 1:
            cell["cell_type"] = ("raw", "heading", None, 3, ["code"])[number % 5]
    return json.dumps(document)
