"""TRIES: metadata just not too deep to be read, which something later may fail to copy or print.

MUST: be graded, and never raise.

ROWS: 25
"""

KIND = "notebook"


def build(document):
    import json

    deep = "[" * 900 + "]" * 900
    text = json.dumps(document)
    return text.replace('"metadata": {', f'"metadata": {{"deep": {deep}, ', 5)
