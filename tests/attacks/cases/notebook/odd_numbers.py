"""TRIES: numbers that JSON does not have, or that take long: NaN, 1e999, 100 000 digits.

MUST: be graded or rejected with the reason.

ROWS: 27
"""

KIND = "notebook"


def build(document):
    import json

    text = json.dumps(document)
    text = text.replace('"points": 3', '"points": NaN').replace('"points": 4', '"points": 1e999')
    return text[:-1] + ', "x": ' + "9" * 100_000 + "}"
