"""TRIES: files beside the notebook: modules, hooks, configuration, links, archives.

MUST: read and copy none of them.

ROWS: 22, 24
"""

KIND = "folder"


def plant(person, arena):
    import json

    folder = person / "02_self_attention"
    folder.mkdir()
    for name in (
        "numpy.py", "torch.py", "grader.py", "sitecustomize.py", "conftest.py", "nbgrader_config.py",
        "ipython_config.py", "matplotlibrc", "setup.cfg", ".env", "json.py",
    ):  # fmt: skip
        (folder / name).write_text("raise SystemExit('shadowed')\nc = None\n")
    (folder / "data.txt").symlink_to(arena.salt)
    (folder / "notes").symlink_to(arena.folder)
    source = (
        "import os\nfound = [n for n in os.listdir('.')]\nfound += ['data'] if os.path.exists("
        "'data.txt') else []\nprint('REACHED', found)\n"
        "def softmax_jacobian(weights):\n    return None\n"
    )
    from grader.course.layout import notebook_path

    document = json.loads(notebook_path("self_attention").read_text())
    for cell in document["cells"]:
        if cell["id"] == "softmax_jacobian":
            cell["source"] = source
    (folder / "02_self_attention.ipynb").write_text(json.dumps(document))
