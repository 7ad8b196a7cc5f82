"""TRIES: outputs in the file itself: scripts, a score, a finished report of full marks.

MUST: throw them all away.

ROWS: 7, 21
"""

KIND = "notebook"


def build(document):
    import json

    shown = {
        "output_type": "display_data",
        "metadata": {"application/vnd.jupyter.widget-view+json": {}},
        "data": {"text/html": "<script>alert(1)</script>all checks passed", "text/plain": "10"},
    }
    result = shown | {"output_type": "execute_result", "execution_count": 1}
    for cell in document["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [result, shown]
            cell["execution_count"] = 1
            cell["metadata"]["execution"] = {"shell.execute_reply": "<script>"}
    document["metadata"]["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {}}}
    return json.dumps(document)
