"""TRIES: what is no notebook: a zip, a gzip bomb, a pickle, an image, HTML, a script.

MUST: be rejected with the reason; nothing is unpacked, unpickled or run.

ROWS: 20, 23
"""

KIND = "notebook"
OUTCOME = ("rejected",)
_next = []


def build(document):
    import gzip
    import io
    import zipfile

    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("../../../../tmp/escaped.ipynb", "{}")
        archive.writestr("02_self_attention.ipynb", "0" * 10**7, zipfile.ZIP_DEFLATED)
    return file.getvalue() + gzip.compress(bytes(10**8), 9)
