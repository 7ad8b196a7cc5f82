"""TRIES: the same notebook in UTF-16.

MUST: be rejected with the reason.

ROWS: 26
"""

KIND = "notebook"
OUTCOME = ("rejected",)


def build(document):
    import json

    return json.dumps(document).encode("utf-16")
