"""TRIES: the same key twice, so that two readers of the file see two notebooks.

MUST: earn nothing with either.

ROWS: 8
"""

KIND = "notebook"


def build(document):
    import json

    cells = json.dumps(document["cells"])
    return f'{{"nbformat": 4, "cells": [], "cells": {cells}, "nbformat": 4, "nbformat": 4}}'
