"""TRIES: an untouched notebook, and beside it links, pipes, bombs and hundreds of files as the work.

MUST: follow no link, unpack nothing, read no more than one notebook's bytes; be rejected for a person.

ROWS: 20, 22
"""

KIND = "folder"
OUTCOME = ("rejected",)


def plant(person, arena):
    import os
    import shutil
    import zipfile

    from grader.course.layout import notebook_path

    folder = person / "02_self_attention"
    folder.mkdir()
    given = notebook_path("self_attention")
    shutil.copy(given, folder / "02_self_attention.ipynb")
    (folder / "secret.ipynb").symlink_to(arena.salt)
    (folder / "device.ipynb").symlink_to("/dev/zero")
    (folder / "deep").symlink_to(arena.folder)
    os.mkfifo(folder / "pipe.ipynb")
    with zipfile.ZipFile(folder / "bomb.zip", "w") as archive:
        archive.writestr("02_self_attention.ipynb", "0" * 10**7, zipfile.ZIP_DEFLATED)
    (folder / "nested.json").write_text("[" * 10**6)
    (folder / "\x1b[2J<b>\n.ipynb").write_text("{}")
    for number in range(40):
        with (folder / f"large-{number}.ipynb").open("wb") as file:
            file.truncate(20_000_000)
    for number in range(400):
        (folder / f"{number}.ipynb").write_text("{}")
    inner = folder
    for _ in range(30):
        inner = inner / "d"
        inner.mkdir()
        shutil.copy(given, inner / "02_self_attention.ipynb")
