"""TRIES: to leave files for its second submission in every place that can be written.

MUST: find none of them the second time.

ROWS: 16
"""

TWICE = True

# --- handed in ---
import os

name = "left-behind"
places = ["/tmp", "/var/tmp", "/dev/shm", "/run", "/home/student", "/", os.getcwd(), "/dev", "/etc"]
print("REACHED", [place for place in places if os.path.exists(f"{place}/{name}")])
for place in places:
    try:
        open(f"{place}/{name}", "w").write("x")
    except OSError:
        pass


def softmax_jacobian(weights):
    return None
