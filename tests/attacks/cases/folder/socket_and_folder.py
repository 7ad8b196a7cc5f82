"""TRIES: a socket, a folder and an empty file in the place of the notebook.

MUST: be rejected, each with its reason.

ROWS: 22
"""

KIND = "folder"
OUTCOME = ("rejected",)


def plant(person, arena):
    import os
    import socket
    import tempfile

    for number, name in enumerate(("01_single_query_attention", "02_self_attention", "03_masking")):
        folder = person / name
        folder.mkdir()
        path = folder / f"{name}.ipynb"
        if number == 0:
            with socket.socket(socket.AF_UNIX) as one:
                short = os.path.join(tempfile.mkdtemp(), "s")  # such names may not be long
                one.bind(short)
                os.rename(short, path)
        elif number == 1:
            path.mkdir()
        else:
            path.touch()
