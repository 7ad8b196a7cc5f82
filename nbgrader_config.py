"""Makes plain ``nbgrader`` and Formgrader use this course and its grader."""

from pathlib import Path

from grader.records.nbgrader_plugin import configure

c = get_config()  # type: ignore[name-defined]  # noqa: F821
configure(c, Path(__file__).resolve().parent)

# What `nbgrader zip_collect` reads off the names in an archive of submissions. Moodle:
# "Ada Lovelace_4711_assignsubmission_file/03_masking.ipynb", or in one name with _ for the slash.
# Canvas: "lovelaceada_LATE_4711_98765_03_masking-1.ipynb". Either way the student is 4711.
c.FileNameCollectorPlugin.named_regexp = (
    r".*/[^/]*?_(?:LATE_)?(?P<student_id>\d+)_"
    r"(?:assignsubmission_file[_/]+(?:[^/]+/)*|\d+_)"
    r"(?P<file_id>\d\d_[a-z_]*[a-z])[^/]*\.ipynb$"
)

# On a machine that students share, the folder through which work goes out and comes in:
# c.Exchange.root = "/srv/nbgrader/exchange"
