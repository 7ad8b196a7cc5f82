"""TRIES: another kernel, another language, a path as the kernel's name, settings as metadata.

MUST: ignore all of it; the release's metadata counts.

ROWS: 15
"""

KIND = "notebook"
OUTCOME = ("not_attempted",)


def build(document):
    import json

    document["metadata"] = {
        "kernelspec": {"name": "../../evil", "display_name": "<script>", "language": "bash"},
        "language_info": {"name": "bash", "file_extension": "/../../x"},
        "nbgrader": [{"grader": "none"}],
        "jupytext": {"formats": "py:../../x"},
        "papermill": {"parameters": {"points": 10}},
    }
    document["nbformat_minor"] = 10**9
    return json.dumps(document)
