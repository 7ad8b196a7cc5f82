"""TRIES: to walk the whole file system and to open whatever looks like course, marks or keys.

MUST: find nothing but the system's and Python's own files.

ROWS: 18
"""

SLOW = True
LIMITS = {"cell_cpu": 15, "idle": 20}

# --- handed in ---
import os

found = []
words = (
    "gradebook",
    "solutions.py",
    "ledger",
    ".grader",
    "id_rsa",
    "id_ed25519",
    ".netrc",
    ".pgpass",
)
skipped = ("/proc", "/sys", "/usr/share", "/usr/include", "/usr/src")
names = ("site-packages", "solutions", "grader", "course", "judge", "self_attention")
here = os.path.dirname(os.path.dirname(os.__file__))
for folder, folders, files in os.walk("/"):
    folders[:] = [f for f in folders if os.path.join(folder, f) not in skipped]
    if "site-packages" in folder or "dist-packages" in folder or folder.startswith(here):
        folders[:] = [f for f in folders if f in names]
    if folder.endswith(("/grader/course", "/grader/judge")) or "misconceptions.py" in files:
        found.append(folder)
    found += [os.path.join(folder, f) for f in files if f in words or f.endswith(".ipynb")]
    if "submitted" in folders:
        found.append(folder + "/submitted")
print("REACHED", [f for f in found if "/lib/python" not in f or "solutions" in f])


def softmax_jacobian(weights):
    return None
