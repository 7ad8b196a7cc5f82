"""TRIES: to hide a forbidden loop over the queries in a cell of its own, which the answer calls.

MUST: earn no more than the same loop written in the answer's cell.
"""
LESSON = "single_query_attention"
EXERCISE = "batched_attention"
KIND = "notebook"
BASELINE = """
import numpy as np

def batched_attention(queries, keys, values):
    rows = []
    for query in queries:
        powers = np.exp(keys @ query - (keys @ query).max())
        rows.append(powers / powers.sum())
    weights = np.array(rows)
    return weights @ values, weights
"""


def build(document):
    import json

    loop, _, rest = BASELINE.partition("    return weights @")
    helper = loop.replace("batched_attention", "table") + "    return weights\n"
    answer = (
        "def batched_attention(queries, keys, values):\n"
        "    weights = table(queries, keys, values)\n"
        "    return weights @" + rest
    )
    cells = document["cells"]
    spot = next(i for i, c in enumerate(cells) if c["id"] == "batched_attention")
    cells[spot]["source"] = answer
    own = {"cell_type": "code", "id": "helper", "metadata": {}, "outputs": [], "source": helper}
    cells.insert(spot, own | {"execution_count": None})
    return json.dumps(document)
