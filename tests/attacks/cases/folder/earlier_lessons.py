"""TRIES: traps in the notebooks of earlier lessons, which a later lesson draws on.

MUST: reject or leave out each of them; the later lesson is graded.

ROWS: 22
"""

KIND = "folder"


def plant(person, arena):
    import os
    import shutil

    from grader.course.layout import notebook_path

    folder = person / "03_masking"
    folder.mkdir()
    shutil.copy(notebook_path("masking"), folder / "03_masking.ipynb")
    for name, make in {
        "01_single_query_attention": lambda path: os.mkfifo(path),
        "02_self_attention": lambda path: path.symlink_to(arena.salt),
        "04_multi_head_attention": lambda path: path.write_bytes(b"[" * 10**6),
        "05_positional_encoding": lambda path: path.symlink_to("/dev/zero"),
    }.items():
        (person / name).mkdir()
        make(person / name / f"{name}.ipynb")
