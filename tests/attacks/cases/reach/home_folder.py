"""TRIES: to read a file in the home folder of whoever grades, by every name that folder has.

MUST: find nothing there.

ROWS: 18
"""

REACHES = True

# --- handed in ---
import glob
import os
import pwd

found = []
homes = {os.path.expanduser("~"), "@HOME@", "/root", "/home", "/proc/1/root", "/proc/1/cwd"}
homes |= {user.pw_dir for user in pwd.getpwall()}
for home in homes - {os.getcwd()}:
    for path in [home, *glob.glob(home + "/.*"), *glob.glob(home + "/*/.*")]:
        try:
            text = open(path, "rb").read(100)
        except OSError:
            continue
        if b"CANARY" in text or "ssh" in path:
            found.append(path)
print("REACHED", found)


def softmax_jacobian(weights):
    return None
