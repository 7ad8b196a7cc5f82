"""TRIES: texts of blanks, fences, accents and lines that make every pattern start again and again.

MUST: be placed or left aside within seconds; earn nothing.

ROWS: 20, 23
"""

KIND = "notebook"


def build(document):
    import json

    size = 300_000
    texts = [
        " " * size + "x", "%md" + " " * size, "```" + " " * size, "`" * size + "\n" + "`" * size,
        "a" + "\u0300\u0316" * (size // 2), "\n" * size + "x", "def " * (size // 4), "x" * size + " =",
        ("```python\n" + "\n```x" * (size // 5)), "async " * (size // 6), "\t=" * (size // 2),
    ]  # fmt: skip
    cells = document["cells"]
    question = next(n for n, c in enumerate(cells) if c["id"] == "why_self_attention")
    own = [
        {"cell_type": kind, "id": f"{kind}-{n}", "metadata": {}, "source": text}
        for n, text in enumerate(texts)
        for kind in ("markdown", "code", "raw")
    ]
    cells[question + 1 : question + 1] = own
    cells[question - 1]["source"] = "x\n" * (size // 2)
    answer = next(c for c in cells if c["id"] == "softmax_jacobian")
    answer |= {"cell_type": "raw", "source": texts[3]}
    return json.dumps(document)
