"""TRIES: check cells replaced by a number, a pass, and an own definition of check.

MUST: put the release's check cells back.

ROWS: 8, 10
"""

KIND = "notebook"
OUTCOME = ("not_attempted",)


def build(document):
    import json

    for cell in document["cells"]:
        if cell["id"].startswith("check_"):
            cell["source"] = "check = lambda *a: True\n10.0"
    return json.dumps(document)
