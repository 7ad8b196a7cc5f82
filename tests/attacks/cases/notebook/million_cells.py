"""TRIES: a notebook of 10^6 cells.

MUST: be rejected with the reason, quickly.

ROWS: 25
"""

KIND = "notebook"
OUTCOME = ("rejected",)


def build(document):
    cell = b'{"cell_type":"raw"}'
    return (
        b'{"nbformat":4,"nbformat_minor":5,"metadata":{},"cells":['
        + b",".join([cell] * 1_000_000)
        + b"]}"
    )
