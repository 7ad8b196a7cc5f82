"""TRIES: names with line ends, quotes and separators, which shift the lines of Moodle's worksheet.

MUST: give each mark to its own line, and leave all else as it was.

ROWS: 23
"""

KIND = "archive"


def pack(folder, arena):
    import csv
    import io

    names = [
        "Ann\nParticipant 812,Nick,neighbour,100", 'Ann ""\r\n""', "Ann\rB", "a\u2028b\u2029c",
        "a\x0bb\x0cc\x1cd\x85e", '"', '"""', ",,,,,", "\n\n\n", "7", "neighbour@x.edu",
    ]  # fmt: skip
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    heads = ["Identifier", "Full name", "Username", "Grade", "Maximum Grade"]
    heads += ["Grade can be changed", "Last modified (grade)"]
    writer.writerow(heads)
    for number, name in enumerate(names):
        writer.writerow([f"Participant {number}", name, f"s{number}", "", "10.00", "Yes", "-"])
    writer.writerow(["Participant 812", "Nick", "neighbour", "", "10.00", "Yes", "-"])
    for number, name in enumerate(names):
        writer.writerow([f"Participant 9{number}", name, f"t{number}", "", "10.00", "Yes", "-"])
    return [], out.getvalue()
