"""TRIES: a hundred cells that each sleep a little less than a cell may.

MUST: be stopped for the notebook as a whole; the grader is not held for hours.

ROWS: 13
"""

KIND = "notebook"
OUTCOME = ("timed_out",)
LIMITS = {"idle": 0.6}


def build(document):
    import copy
    import json

    cells = document["cells"]
    spot = next(i for i, c in enumerate(cells) if c["id"] == "check_softmax_jacobian")
    cells[spot - 1]["source"] = "def softmax_jacobian(weights):\n    return None\n"
    nap = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    for number in range(100):
        text = f"import time\ntime.sleep(0.4)  # {number}"
        cells.insert(spot, copy.deepcopy(nap) | {"id": f"nap{number}", "source": text})
    return json.dumps(document)
