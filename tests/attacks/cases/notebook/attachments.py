"""TRIES: 20 MB of attachments and outputs, in cells that nobody asked for.

MUST: be graded without any of it.

ROWS: 25, 26
"""

KIND = "notebook"


def build(document):
    import json

    for cell in document["cells"][:10]:
        if cell["cell_type"] == "markdown":
            cell["attachments"] = {"x.png": {"image/png": "A" * 2_000_000}}
        else:
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x" * 2_000_000}]
    return json.dumps(document)
