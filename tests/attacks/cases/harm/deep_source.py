"""TRIES: source nested so deep that reading it, printing it or walking it fails.

MUST: be graded; the judge does not raise.

ROWS: 12
"""

KIND = "notebook"


def build(document):
    import json

    texts = [
        "x = " + "-" * 90 + "1",
        "x = " + "+".join(["1"] * 900),
        "x = " + "+".join(["1"] * 3000),
        "x = " + "(" * 190 + ")" * 190,
        "x = " + "[" * 180 + "]" * 180,
        "x = a" + ".b" * 2000,
        "x = " + "not " * 5000 + "1",
        "x = " + "lambda: " * 900 + "1",
        "def f():\n" + "".join(" " * n + "if 1:\n" for n in range(1, 98)) + " " * 98 + "pass",
        "if 1: pass\n" + "elif 1: pass\n" * 900,
        "x = '''" + "\\" * 99999,
        "x = 1\x00",
        "x = " + "9" * 100_000,
        "x = 0x" + "f" * 50_000,
        "\ufeffx = 1\x0c\x1a",
        "# -*- coding: utf-16 -*-\nx = 1",
    ]
    cells = document["cells"]
    spot = next(i for i, c in enumerate(cells) if c["id"] == "softmax_jacobian")
    cells[spot]["source"] = "softmax_jacobian = 1\n" + texts[1] + "\ny = 0x" + "f" * 9000
    for number, text in enumerate(texts):
        cell = {"cell_type": "code", "id": f"deep{number}", "metadata": {}, "source": text}
        cells.insert(spot + 1, cell | {"outputs": [], "execution_count": None})
    return json.dumps(document)
