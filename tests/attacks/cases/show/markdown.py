"""TRIES: scripts, raw HTML, links and remote pictures in Markdown: own cells and the human question.

MUST: show Markdown as text in the page; keep no attachments.

ROWS: 21
"""

KIND = "notebook"


def build(document):
    import json

    evil = (
        "<script>alert(1)</script> <img src=x onerror=alert(1)> [x](javascript:alert(1)) "
        "![x](attachment:x.svg) ![x](http://192.0.2.1/p.png) <svg onload=alert(1)> "
        "$\\href{javascript:alert(1)}{x}$ <iframe src=//192.0.2.1></iframe>\x1b[2J\u202e"
    )
    picture = {"x.svg": {"image/svg+xml": "PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+"}}
    for number, cell in enumerate(list(document["cells"])):
        if cell["cell_type"] == "markdown" and cell["metadata"].get("nbgrader", {}).get("grade"):
            cell["source"] = evil
            cell["attachments"] = picture
        if number % 5 == 0:
            own = {"cell_type": "markdown", "id": f"m{number}", "metadata": {}, "source": evil}
            document["cells"].append(own | {"attachments": picture})
    return json.dumps(document)
