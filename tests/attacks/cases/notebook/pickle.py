"""TRIES: a pickle that runs a command, with the notebook's name.

MUST: be rejected; nothing is unpickled.

ROWS: 20
"""

KIND = "notebook"
OUTCOME = ("rejected",)


def build(document):
    # Protocol 0, so that it is text, too: posix.system("sleep 0")
    return b"cposix\nsystem\n(S'sleep 0'\ntR."
