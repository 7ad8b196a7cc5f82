"""TRIES: nbformat 3, whose cells stand elsewhere, with worksheets that are none.

MUST: be read or rejected with the reason.

ROWS: 11
"""

KIND = "notebook"


def build(document):
    import json

    cells = document["cells"]
    sheets = [{"cells": cells}, {"cells": 5}, 3, None, {"cells": cells}]
    return json.dumps({"nbformat": 3, "metadata": {}, "worksheets": sheets})
