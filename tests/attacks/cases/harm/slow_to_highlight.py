"""TRIES: answers whose text is slow to colour: quotes, backslashes, brackets, numbers.

MUST: not hold the judge.

ROWS: 13
"""

KIND = "notebook"
SLOW = True


def build(document):
    import json

    cells = document["cells"]
    spot = next(i for i, c in enumerate(cells) if c["id"] == "softmax_jacobian")
    cells[spot]["source"] = "softmax_jacobian = 1\nprint('shown')"
    for number, text in enumerate(("@", "'\\'", "f'{", "%", "1j.e", "\\\n", "a.", "# ", "b'\\x")):
        source = f"print({number})\n" + text * (99_000 // len(text))
        cell = {"cell_type": "code", "id": f"slow{number}", "metadata": {}, "source": source}
        cells.insert(spot + 1, cell | {"outputs": [], "execution_count": None})
    return json.dumps(document)
