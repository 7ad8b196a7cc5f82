"""TRIES: UTF-16, a byte order mark, overlong UTF-8, half characters written as escapes.

MUST: be read or rejected with the reason.

ROWS: 26
"""

KIND = "notebook"


def build(document):
    import json

    text = json.dumps(document).replace("import", "\\ud800import", 3)
    return b"\xef\xbb\xbf" + text.encode()
