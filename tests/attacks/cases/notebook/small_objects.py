"""TRIES: 30 MB of metadata that are small objects, which take a gigabyte once parsed.

MUST: be rejected with the reason, before it is parsed.

ROWS: 25
"""

KIND = "notebook"
OUTCOME = ("rejected",)


def build(document):
    import json

    text = json.dumps(document | {"metadata": {"x": ["HERE"]}}).encode()
    return text.replace(b'"HERE"', b'{"":0},' * (30_000_000 // 7) + b"0")
