"""TRIES: JSON nested 10^5 deep.

MUST: be rejected with the reason.

ROWS: 25
"""

KIND = "notebook"
OUTCOME = ("rejected",)


def build(document):
    return b'{"nbformat":4,"cells":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
