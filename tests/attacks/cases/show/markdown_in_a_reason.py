"""TRIES: a picture from another server as the language of the kernel, which a refusal quotes.

MUST: show it as text: the executed notebook says in Markdown why it was not graded.

ROWS: 21
"""

KIND = "notebook"


def build(document):
    import json

    language = "![](http://192.0.2.1/p.png)"
    document["metadata"]["kernelspec"] = {"name": "x", "display_name": "x", "language": language}
    return json.dumps(document)
