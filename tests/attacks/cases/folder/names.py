"""TRIES: students' folders with names that are paths, formulas, markup, escapes, or not text at all.

MUST: be rejected with the reason, and shown harmlessly.

ROWS: 22
"""

KIND = "folder"
OUTCOME = ("rejected",)


def plant(person, arena):
    import os

    names = [
        "=HYPERLINK(1)", "+1+1", "-1", "@SUM(A1)", "a\tb", "a\nb", "a\rb", "\x1b[2Jx", "[bold]x[/]",
        "[/red]", "a\u202eb", "<script>alert(1)<", "a..b", "a;b", "a'b", 'a"b', "a,b", "x" * 200,
        "$(id)", "`id`", "%s%n", "{0}", "a\\b", " lead", "trail ", "\u200bzero", "con:", "a|b",
    ]  # fmt: skip
    raw = os.fsencode(person.parent)
    for name in [*map(os.fsencode, names), b"\xff\xfe\xfd", b"\xed\xa0\x80"]:
        folder = os.path.join(raw, name, b"02_self_attention")
        os.makedirs(folder)
        with open(os.path.join(folder, b"02_self_attention.ipynb"), "w") as file:
            file.write("{}")
