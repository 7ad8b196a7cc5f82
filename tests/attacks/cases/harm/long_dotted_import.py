"""TRIES: source that the judge reads for its names, with a dotted name of 400 000 parts.

MUST: not hold the judge; reading that name takes quadratic time.

ROWS: 13
"""

KIND = "notebook"


def build(document):
    import json

    text = "import " + "a." * 400_000 + "a\ndef softmax_jacobian(weights):\n    return None\n"
    for cell in document["cells"]:
        if cell["id"] == "softmax_jacobian":
            cell["source"] = text
    return json.dumps(document)
